# SPDX-License-Identifier: Apache-2.0
"""Which managed identity a machine's process means, and a token for it.

Source: https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
"""

from __future__ import annotations

from collections.abc import Mapping

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.errors import AzureError
from azure_sandbox.kernel.identity import MANAGED_IDENTITY, Identity
from azure_sandbox.kernel.ports import Directory, Registry
from azure_sandbox.kernel.seed import InvalidSeed, Seed

#: Query parameters that name an identity, each in all its spellings.
_SELECTORS = ("client_id", "object_id", "principal_id", "msi_res_id", "mi_res_id")
#: Seconds that a managed identity's token lives.
LIFETIME = 86_400.0


class HostIdentities:
    """The identities attached to this machine: ``host_identities`` of the seed."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._names: list[str] = []

    def seed(self, document: Seed) -> None:
        """:raises InvalidSeed: where a name is no managed identity"""
        registry = self._cloud.port(Registry)
        for name in document.get("host_identities") or ():
            identity = registry.identity_by_name(str(name))
            if identity is None or identity.kind != MANAGED_IDENTITY:
                raise InvalidSeed(f"host_identities: {name!r} is no managed identity")
            self._names.append(identity.name)

    def choose(self, query: Mapping[str, str]) -> Identity:
        """The identity a request names, or the only one there is.

        :raises AzureError: 400 where none or several would do
        """
        attached = self._attached()
        given = [query[name] for name in _SELECTORS if query.get(name)]
        if len(given) > 1:
            raise _refused("Only one of client_id, object_id and msi_res_id may be given")
        if given:
            attached = [identity for identity in attached if _goes_by(identity, given[0])]
        elif len(attached) > 1:
            raise _refused(
                "Multiple user assigned identities exist, please specify the clientId / resourceId of the "
                "identity in the token request"
            )
        if not attached:
            raise _refused("Identity not found")
        return attached[0]

    def token(self, identity: Identity, resource: str) -> tuple[str, float]:
        """A token and its expiry in seconds since the epoch.

        :raises AzureError: 400 ``invalid_resource``
        """
        return self._cloud.port(Directory).token(identity.principal_id, resource, lifetime=LIFETIME)

    def _attached(self) -> list[Identity]:
        found = map(self._cloud.port(Registry).identity_by_name, self._names)
        return [identity for identity in found if identity is not None and identity.enabled]


def _goes_by(identity: Identity, wanted: str) -> bool:
    names = (identity.client_id, identity.principal_id, identity.resource_id)
    return wanted.lower() in (name.lower() for name in names)


def _refused(description: str) -> AzureError:
    return AzureError(400, "invalid_request", description)
