# SPDX-License-Identifier: Apache-2.0
"""The resources that this tenant knows, and how a scope names one."""

from __future__ import annotations

import re
from functools import lru_cache

from azure_sandbox.kernel.clouds import STORAGE_AUDIENCE, Azure
from azure_sandbox.services.entra import errors

#: Storage also accepts its own account's address as the audience.
_STORAGE_ACCOUNT = re.compile(r"https://[a-z0-9]{3,24}\.(?:blob|dfs|file|queue|table)\.(.+)")
_DEFAULT = "/.default"


@lru_cache
def _known(azure: Azure) -> frozenset[str]:
    return frozenset(
        resource.lower()
        for resource in (
            *azure.management_audiences,
            STORAGE_AUDIENCE,
            azure.vault_audience,
            azure.ml_audience,
            azure.monitor_audience,
            azure.graph_audience,
            azure.exchange,
        )
    )


def is_known(azure: Azure, resource: str) -> bool:
    """Whether the cloud has a resource of this identifier; a trailing slash does not matter."""
    name = resource.lower().rstrip("/")
    account = _STORAGE_ACCOUNT.fullmatch(name)
    return name in _known(azure) or (account is not None and account[1] == azure.storage)


def same(resource: str, other: str) -> bool:
    return resource.lower().rstrip("/") == other.lower()


def of_scope(azure: Azure, scope: str, tenant: str) -> str:
    """The resource of a client-credentials scope, as the token's ``aud`` will repeat it.

    :raises azure_sandbox.kernel.errors.AzureError: AADSTS70011, 1002012 or 500011
    """
    scopes = [part for part in scope.split() if part not in ("openid", "profile", "offline_access")]
    if len(scopes) != 1:
        raise errors.invalid_scope(scope)
    if not scopes[0].endswith(_DEFAULT):
        raise errors.scope_without_default(scopes[0])
    return checked(azure, scopes[0][: -len(_DEFAULT)], tenant)


def checked(azure: Azure, resource: str, tenant: str) -> str:
    """The resource itself where the cloud knows it.

    :raises azure_sandbox.kernel.errors.AzureError: AADSTS500011
    """
    if not is_known(azure, resource):
        raise errors.unknown_resource(resource, tenant)
    return resource
