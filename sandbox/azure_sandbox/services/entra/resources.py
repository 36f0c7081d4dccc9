# SPDX-License-Identifier: Apache-2.0
"""The resources that this tenant knows, and how a scope names one."""

from __future__ import annotations

import re

from azure_sandbox.services.entra import errors

EXCHANGE_AUDIENCE = "api://AzureADTokenExchange"
GRAPH = "https://graph.microsoft.com"

_KNOWN = frozenset(
    resource.lower()
    for resource in (
        "https://management.azure.com",
        "https://management.core.windows.net",
        "https://storage.azure.com",
        "https://vault.azure.net",
        "https://ml.azure.com",
        "https://monitor.azure.com",
        GRAPH,
        EXCHANGE_AUDIENCE,
    )
)
#: Storage also accepts its own account's address as the audience.
_STORAGE_ACCOUNT = re.compile(r"https://[a-z0-9]{3,24}\.(blob|dfs|file|queue|table)\.core\.windows\.net")
_DEFAULT = "/.default"


def is_known(resource: str) -> bool:
    """Whether the tenant has a resource of this identifier; a trailing slash does not matter."""
    name = resource.lower().rstrip("/")
    return name in _KNOWN or _STORAGE_ACCOUNT.fullmatch(name) is not None


def same(resource: str, other: str) -> bool:
    return resource.lower().rstrip("/") == other.lower()


def of_scope(scope: str, tenant: str) -> str:
    """The resource of a client-credentials scope, as the token's ``aud`` will repeat it.

    :raises azure_sandbox.kernel.errors.AzureError: AADSTS70011, 1002012 or 500011
    """
    scopes = [part for part in scope.split() if part not in ("openid", "profile", "offline_access")]
    if len(scopes) != 1:
        raise errors.invalid_scope(scope)
    if not scopes[0].endswith(_DEFAULT):
        raise errors.scope_without_default(scopes[0])
    return checked(scopes[0][: -len(_DEFAULT)], tenant)


def checked(resource: str, tenant: str) -> str:
    """The resource itself where the tenant knows it.

    :raises azure_sandbox.kernel.errors.AzureError: AADSTS500011
    """
    if not is_known(resource):
        raise errors.unknown_resource(resource, tenant)
    return resource
