# SPDX-License-Identifier: Apache-2.0
"""Datastores as ARM writes and shows them.

Source: ``Datastores - Create Or Update`` of the Azure Machine Learning REST reference, 2024-10-01.
"""

from __future__ import annotations

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.ports import Lake
from azure_sandbox.services.machinelearning.records import (
    ACCOUNT_KEY,
    ACTION,
    BLOB_STORE,
    NO_CREDENTIALS,
    SAS,
    SERVICE_PRINCIPAL,
    Credentials,
    Datastore,
    Json,
    Workspace,
    user_error,
)

#: Kind of datastore -> the member that names its container.
_CONTAINERS = {"AzureBlob": "containerName", "AzureDataLakeGen2": "filesystem"}
#: ARM's word for credentials -> ours, and the member that holds the secret.
_CREDENTIALS = {
    "None": (NO_CREDENTIALS, ""),
    "AccountKey": (ACCOUNT_KEY, "key"),
    "Sas": (SAS, "sasToken"),
    "ServicePrincipal": (SERVICE_PRINCIPAL, "clientSecret"),
}
_WORDS = {kind: (word, member) for word, (kind, member) in _CREDENTIALS.items()}
#: Whose identity may look at the account's network before data is read.
SYSTEM_ACCESS, USER_ACCESS = "WorkspaceSystemAssignedIdentity", "WorkspaceUserAssignedIdentity"
_ACCESS = ("None", SYSTEM_ACCESS, USER_ACCESS)


def from_arm(name: str, document: Json, before: Datastore | None) -> Datastore:
    """A datastore as a PUT describes it.

    :param before: the one that it replaces: a secret that is not sent again stays
    :raises AzureError: 400 naming the member
    """
    given = document.get("properties")
    if not isinstance(given, dict):
        raise user_error("The field properties is required.")
    kind = str(given.get("datastoreType"))
    if kind not in _CONTAINERS:
        raise user_error(f"The datastoreType '{kind}' is not one of {', '.join(_CONTAINERS)}.")
    access = str(given.get("serviceDataAccessAuthIdentity") or "None")
    if access not in _ACCESS:
        raise user_error(f"serviceDataAccessAuthIdentity '{access}' is not one of {', '.join(_ACCESS)}.")
    return Datastore(
        name=name,
        account=_text(given, "accountName"),
        container=_text(given, _CONTAINERS[kind]),
        credentials=_credentials(given.get("credentials"), before),
        kind=kind,
        access_identity=access,
        subscription=str(given.get("subscriptionId") or ""),
        group=str(given.get("resourceGroup") or ""),
        description=given.get("description"),
        tags={str(key): str(value) for key, value in (given.get("tags") or {}).items()},
    )


def _text(given: Json, name: str) -> str:
    value = given.get(name)
    if not isinstance(value, str) or not value:
        raise user_error(f"The field {name} is required.")
    return value


def _credentials(given: object, before: Datastore | None) -> Credentials:
    if not isinstance(given, dict):
        raise user_error("The field credentials is required.")
    word = str(given.get("credentialsType"))
    if word not in _CREDENTIALS:
        raise user_error(f"The credentialsType '{word}' is not one of {', '.join(_CREDENTIALS)}.")
    kind, member = _CREDENTIALS[word]
    if kind == NO_CREDENTIALS:
        return Credentials()
    secrets = given.get("secrets") or {}
    secret = str(secrets.get(member) or "")
    if not secret and before is not None and before.credentials.kind == kind:
        secret = before.credentials.secret
    if not secret:
        raise user_error(f"The field credentials.secrets.{member} is required.")
    if kind == SERVICE_PRINCIPAL:
        return Credentials(kind, secret, _text(given, "clientId"), _text(given, "tenantId"))
    return Credentials(kind, secret.lstrip("?") if kind == SAS else secret)


def secrets_of(store: Datastore) -> Json:
    """The answer of ``listSecrets``.

    :raises AzureError: 400 for a datastore without credentials
    """
    if store.credentials.kind == NO_CREDENTIALS:
        raise user_error(f"No secrets for credentials of type None: datastore {store.name}.")
    word, member = _WORDS[store.credentials.kind]
    return {"secretsType": word, member: store.credentials.secret}


def rendered(cloud: Cloud, workspace: Workspace, store: Datastore) -> Json:
    scope = cloud.port(Lake).account_scope(store.account) or ""
    properties = {
        "description": store.description,
        "tags": store.tags,
        "properties": None,
        "isDefault": store.name == BLOB_STORE,
        "credentials": _shown(cloud, store.credentials),
        "datastoreType": store.kind,
        "accountName": store.account,
        _CONTAINERS[store.kind]: store.container,
        "endpoint": cloud.azure.storage,
        "protocol": "https",
        "serviceDataAccessAuthIdentity": store.access_identity,
        "subscriptionId": store.subscription or cloud.subscription_id,
        "resourceGroup": store.group or (scope.split("/")[4] if scope else None),
    }
    return {
        "id": f"{workspace.scope}/datastores/{store.name}",
        "name": store.name,
        "type": f"{ACTION}/datastores",
        "properties": properties,
    }


def _shown(cloud: Cloud, credentials: Credentials) -> Json:
    """Credentials without what is secret in them."""
    word, _ = _WORDS[credentials.kind]
    shown: Json = {"credentialsType": word}
    if credentials.kind == SERVICE_PRINCIPAL:
        shown |= {
            "clientId": credentials.client_id,
            "tenantId": credentials.tenant_id,
            "authorityUrl": cloud.azure.authority,
            "resourceUrl": f"https://{cloud.azure.storage}",
        }
    return shown
