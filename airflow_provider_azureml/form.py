# SPDX-License-Identifier: Apache-2.0
"""The connection form: what a person reads beside each field, in the order in which they fill them.

The form enforces nothing (Airflow takes any value over REST); `connection.parse` does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_azureml.clouds import CLOUDS
from airflow_provider_azureml.ways import FLAGS, FORMS, SOURCES, SYSTEM_ASSIGNED, WAYS


@dataclass(frozen=True)
class Field:
    """One field of the connection form: what a person reads, and its JSON schema."""

    label: str
    description: str
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": ["string", "null"]})


_WORDS = {
    "auth": ("Sign in as", "How to become somebody."),
    "tenant_id": ("Tenant", "Entra tenant. Not for managed_identity."),
    "client_id": ("Client id", "Of the application or managed identity; 'system' for a host's own."),
    "object_id": ("Object id", "Of the managed identity, in place of its client id."),
    "resource_id": ("Resource id", "ARM id of the managed identity, in place of its client id."),
    "federated_source": ("Assertion source", "Who vouches, for federated."),
    "assertion_file": (
        "Assertion file",
        "For kubernetes; for workload_identity when it is not the pod's AZURE_FEDERATED_TOKEN_FILE.",
    ),
    "assertion_audience": (
        "Assertion audience",
        "Audience of the federated credential, when it is not the cloud's own (api://AzureADTokenExchange).",
    ),
    "source_client_id": ("Vouching client", "Client id of the managed identity, or of the Okta service app."),
    "issuer_url": ("Okta issuer", "https://<org>.okta.com/oauth2/<server>: a custom authorization server."),
    "source_scope": ("Okta scope", "A scope that the authorization server grants to the service app."),
    "source_key_file": ("Okta key file", "PEM with the key that signs for okta, if it is not the password."),
    "source_key_id": ("Okta key id", "`kid` of that key, where the service app has several."),
    "aws_region": ("AWS region", "Whose STS or Cognito vouches, for aws_sts and cognito."),
    "aws_role_arn": ("AWS role", "A role to assume first, for aws_sts and cognito: one per task."),
    "aws_tags": ("AWS tags", "Whether aws_sts puts the DAG and the task into its assertion."),
    "cognito_pool_id": ("Cognito pool", "Identity pool, for cognito: the assertion's audience."),
    "cognito_provider": ("Cognito provider", "Developer provider name of the pool."),
    "cognito_login": ("Cognito login", "Developer user identifier of this identity."),
    "certificate_file": ("Certificate file", "PEM or PFX with its private key, for certificate."),
    "send_certificate_chain": (
        "Send the chain",
        "For certificate: trusted by subject name and issuer, so that a renewed one need not be uploaded.",
    ),
    "credential_vault_url": ("Vault of the secret", "For a secret, certificate or Okta key in Key Vault."),
    "credential_name": ("Name in that vault", "Name of the secret or certificate in Key Vault."),
    "credential_reader_client_id": (
        "Reader of that vault",
        "Client id of the managed identity that may read it.",
    ),
    "cloud": ("Cloud", "Which Azure; public when empty."),
    "subscription_id": ("Subscription", "Of the workspace."),
    "resource_group": ("Resource group", "Of the workspace."),
    "workspace_name": ("Workspace", "Name of the Azure ML workspace."),
    "account_url": ("Data lake", "https://<account>.dfs.core.windows.net, for the lake hook."),
    "vault_url": ("Key Vault", "https://<vault>.vault.azure.net, for the vault hook."),
}
_ENUMS: Mapping[str, Iterable[str]] = {"federated_source": SOURCES, "cloud": CLOUDS}
_MAY_BE_SYSTEM = ("client_id", "credential_reader_client_id")


def form() -> dict[str, Field]:
    """The extras, by name."""
    return {name: Field(label, text, _schema(name)) for name, (label, text) in _WORDS.items()}


def _schema(name: str) -> dict[str, Any]:
    if name == "auth":
        return {"type": "string", "enum": list(WAYS)}
    if name in _ENUMS:
        return {"type": ["string", "null"], "enum": [None, *_ENUMS[name]]}
    if name in FLAGS:
        return {"type": ["boolean", "null"]}
    if name in FORMS:
        pattern = FORMS[name].pattern.pattern
        or_system = f"|{SYSTEM_ASSIGNED}" if name in _MAY_BE_SYSTEM else ""
        return {"type": ["string", "null"], "pattern": f"^({pattern}{or_system})$"}
    return {"type": ["string", "null"]}


HIDDEN_FIELDS = ("host", "port", "login", "schema")
RELABELING = {"password": "Client secret, certificate's password or Okta key", "extra": "Extra"}
