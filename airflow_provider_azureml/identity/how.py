# SPDX-License-Identifier: Apache-2.0
"""How a connection becomes somebody, in words: mode, source, and the file or host that is asked. No secret."""

from __future__ import annotations

import os
from collections.abc import Mapping

from airflow_provider_azureml.connection import Settings
from airflow_provider_azureml.identity import source_gcp_metadata, workload_identity

WEBHOOKS = ("AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_AUTHORITY_HOST")
"""What AKS's webhook always sets; with all of it azure-identity's managed identity is the pod's workload identity."""
POD = "the pod's workload identity"


def described(settings: Settings) -> str:
    """One line, e.g. `federated by okta (https://org.okta.com/oauth2/aus1 as 0oa1)`."""
    if settings.auth == "federated":
        return f"federated by {settings.federated_source} ({_source(settings)})"
    detail = _detail(settings)
    return f"{settings.auth} ({detail})" if detail else settings.auth


def _detail(settings: Settings) -> str:
    if settings.auth == "managed_identity":
        given = {name: getattr(settings, name) for name in ("client_id", "object_id", "resource_id")}
        who = ", ".join(f"{name} {value}" for name, value in given.items() if value)
        return f"{who}, from {backend(os.environ)}"
    if settings.auth == "workload_identity":
        return f"file {workload_identity.token_file(settings)}"
    if settings.auth in ("certificate", "client_secret"):
        return settings.certificate_file or _vault(settings) or "the connection's password"
    if settings.auth == "azure_cli":
        return f"az login, tenant {settings.tenant_id or 'of the CLI'}"
    return ""


def _source(settings: Settings) -> str:
    role = f", role {settings.aws_role_arn}" if settings.aws_role_arn else ""
    told = {
        "kubernetes": f"file {settings.assertion_file}",
        "managed_identity": f"client_id {settings.source_client_id}, from {backend(os.environ)}",
        "okta": f"{settings.issuer_url} as {settings.source_client_id}",
        "aws_sts": f"region {settings.aws_region}{role}",
        "cognito": f"pool {settings.cognito_pool_id}, login {settings.cognito_login}{role}",
        "gcp_metadata": source_gcp_metadata.host(),
    }
    return told[settings.federated_source]


def _vault(settings: Settings) -> str:
    if not settings.credential_vault_url:
        return ""
    return f"{settings.credential_vault_url}/secrets/{settings.credential_name}"


def backend(environment: Mapping[str, str]) -> str:
    """Which service azure-identity asks for a managed identity's token: the environment decides, in this order."""

    def has(*names: str) -> bool:
        return all(environment.get(name) for name in names)

    if has("IDENTITY_ENDPOINT", "IDENTITY_HEADER"):
        return "Service Fabric" if has("IDENTITY_SERVER_THUMBPRINT") else "App Service"
    if has("IDENTITY_ENDPOINT"):
        return "Azure Arc" if has("IMDS_ENDPOINT") else "nobody (IDENTITY_ENDPOINT without IDENTITY_HEADER)"
    if has("MSI_ENDPOINT"):
        return "Azure ML" if has("MSI_SECRET") else "Cloud Shell"
    return POD if has(*WEBHOOKS) else "IMDS"
