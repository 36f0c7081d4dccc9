# SPDX-License-Identifier: Apache-2.0
"""How the platform signs a request to the lake: with what the datastore stores, else as the run identity.

What refuses before any request is sent is worded here; the codes below ``AzureIdentityAccessTokenResolution``
are documented in "Troubleshoot data access", and concern datastores for which an identity of the workspace
looks at the account's network first.
"""

from __future__ import annotations

import httpx

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.clouds import STORAGE_AUDIENCE
from azure_sandbox.kernel.ports import Directory, Lake
from azure_sandbox.services.machinelearning.locations import Location
from azure_sandbox.services.machinelearning.records import (
    ACCOUNT_KEY,
    SAS,
    SERVICE_PRINCIPAL,
    Credentials,
    Datastore,
)
from azure_sandbox.services.machinelearning.runner.readers import Reader
from azure_sandbox.services.machinelearning.stores import SYSTEM_ACCESS

READ_ACCOUNT = "Microsoft.Storage/storageAccounts/read"
_RESOLUTION = "AzureIdentityAccessTokenResolution."
FIREWALL, PRIVATE, ISOLATED, RESOURCE = (
    "FirewallSettingsResolutionFailure",
    "PrivateEndpointResolutionFailure",
    "NetworkIsolationViolated",
    "InvalidResource",
)
_WHY = {
    FIREWALL: "The identity has no permission to read the firewall settings of the storage account.",
    PRIVATE: "Make sure to connect to the Workspace with a Private Endpoint or whitelist your public ip "
    "address on storage.",
    ISOLATED: "The firewall settings of the storage account do not permit this data access.",
    RESOURCE: "The storage account was not found under this subscription and resource group.",
}


class AccessDenied(Exception):
    """The store refused, or would; str() is its own text.

    :param code: Azure Storage's code, or what the platform found out by itself
    """

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(text)
        self.code = code

    @property
    def resolution(self) -> str:
        """The rest of the platform's error code, with the dot before it; empty for a plain refusal."""
        return f".{self.code}" if self.code.startswith(_RESOLUTION) else ""


class Signer:
    """Makes URL and headers of requests.

    :param http: what a service principal's token is asked for with
    """

    def __init__(self, cloud: Cloud, reader: Reader, http: httpx.AsyncClient) -> None:
        self._cloud = cloud
        self._reader = reader
        self._http = http
        self._tokens: dict[Credentials, str] = {}

    async def query_and_headers(self, location: Location) -> tuple[str, dict[str, str]]:
        """The signature to put into a URL, and the headers to send.

        :raises AccessDenied:
        """
        credentials = location.credentials
        if credentials.kind == ACCOUNT_KEY:
            lake = self._cloud.port(Lake)
            signed = lake.sas_of(location.account, location.container, credentials.secret, "racwdl")
            return signed, {}
        if credentials.kind == SAS:
            return credentials.secret, {}
        if credentials.kind == SERVICE_PRINCIPAL:
            return "", _bearer(await self._principal_token(credentials))
        if location.store is not None:
            self._look_at_account(location.store)
        return "", _bearer(self._own_token())

    def explained(self, location: Location, denied: AccessDenied) -> AccessDenied:
        """A refusal by the network, as the platform tells it where it looked at the account first."""
        store = location.store
        if denied.code != "AuthorizationFailure" or store is None or store.access_identity == "None":
            return denied
        private = self._cloud.port(Lake).is_private(location.account)
        return _unresolved(store, PRIVATE if private else ISOLATED)

    def _own_token(self) -> str:
        if not self._reader.principal:
            raise AccessDenied(self._reader.without)
        try:
            token, _ = self._cloud.port(Directory).token(self._reader.principal, STORAGE_AUDIENCE)
        except KeyError:
            raise AccessDenied("Identity not found") from None
        return token

    async def _principal_token(self, credentials: Credentials) -> str:
        if credentials not in self._tokens:
            self._tokens[credentials] = await self._signed_in(credentials)
        return self._tokens[credentials]

    async def _signed_in(self, credentials: Credentials) -> str:
        url = f"{self._cloud.azure.authority}/{credentials.tenant_id}/oauth2/v2.0/token"
        form = {
            "grant_type": "client_credentials",
            "client_id": credentials.client_id,
            "client_secret": credentials.secret,
            "scope": f"{STORAGE_AUDIENCE}/.default",
        }
        answer = (await self._http.post(url, data=form)).json()
        if "access_token" not in answer:
            raise AccessDenied(str(answer.get("error_description")).partition(" Trace ID")[0])
        return str(answer["access_token"])

    def _look_at_account(self, store: Datastore) -> None:
        """:raises AccessDenied: where the account is not where the datastore says, or the identity of the
        workspace that the datastore names cannot read its network settings"""
        scope = self._cloud.port(Lake).account_scope(store.account)
        if scope is None:
            return
        parts = scope.lower().split("/")
        said = (store.subscription or parts[2], store.group or parts[4])
        if (said[0].lower(), said[1].lower()) != (parts[2], parts[4]):
            raise _unresolved(store, RESOURCE)
        if store.access_identity == "None":
            return
        identity = self._reader.workspace_identity
        if not identity or not self._cloud.rbac.allowed(identity, READ_ACCOUNT, scope):
            raise _unresolved(store, FIREWALL)


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _unresolved(store: Datastore, which: str) -> AccessDenied:
    kind = "system" if store.access_identity == SYSTEM_ACCESS else "user"
    return AccessDenied(
        f"Unable to get access token for resource named '{store.account}'. {which}Exception was caused by "
        f"DataAccessResolutionException. Cannot authenticate data access with Workspace {kind} assigned "
        f"identity. {_WHY[which]}",
        _RESOLUTION + which,
    )
