# SPDX-License-Identifier: Apache-2.0
"""Registries and the one question that Azure ML asks of them.

Source: "Azure Container Registry roles and permissions": in a registry of repository permissions the roles
for whole registries, AcrPull among them, are not honoured.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.errors import bad_request
from azure_sandbox.kernel.seed import InvalidSeed

KIND = "Microsoft.ContainerRegistry/registries"
LEGACY, BY_REPOSITORY = "LegacyRegistryPermissions", "AbacRepositoryPermissions"
#: Mode -> the action that pulls, and whether it is a data action.
_PULL = {
    LEGACY: (f"{KIND}/pull/read", False),
    BY_REPOSITORY: (f"{KIND}/repositories/content/read", True),
}
_NAME = re.compile(r"[A-Za-z0-9]{5,50}")


@dataclass(frozen=True)
class Registry:
    """A registry; ``admin`` is whether its one shared account is switched on."""

    name: str
    group: str
    admin: bool = False
    mode: str = LEGACY


class ContainerRegistries:
    """Implements :class:`azure_sandbox.kernel.ports.Registries`."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._rows = cloud.store.collection("container-registry")

    def seed(self, entries: list[dict[str, Any]]) -> None:
        """:raises InvalidSeed: where an entry is not usable"""
        for entry in entries:
            try:
                registry = Registry(
                    str(entry["name"]), str(entry["resource_group"]), bool(entry.get("admin"))
                )
            except KeyError as error:
                raise InvalidSeed(f"container_registries: an entry lacks {error}") from None
            if self.get(registry.name) is None:
                self.save(registry)

    def get(self, name: str) -> Registry | None:
        found = self._rows.get(name.lower())
        return Registry(**found) if found else None

    def all(self) -> list[Registry]:
        return [Registry(**row) for row in self._rows.values()]

    def save(self, registry: Registry) -> None:
        self._rows.put(registry.name.lower(), asdict(registry))

    def delete(self, name: str) -> bool:
        return self._rows.delete(name.lower())

    def scope(self, registry: Registry) -> str:
        return self._cloud.resource_scope(registry.group, KIND, registry.name)

    def may_pull(self, name: str, object_id: str) -> bool | None:
        registry = self.get(name)
        if registry is None:
            return None
        action, data = _PULL[registry.mode]
        allowed = self._cloud.rbac.allowed(object_id, action, self.scope(registry), data=data)
        return registry.admin or (bool(object_id) and allowed)


def changed(registry: Registry, body: Mapping[str, Any]) -> Registry:
    """A registry after a PUT or PATCH; what is not named stays.

    :raises AzureError: 400 naming the member
    """
    if not _NAME.fullmatch(registry.name):
        raise bad_request("InvalidRegistryName", f"The registry name '{registry.name}' is invalid.")
    properties = body.get("properties") or {}
    admin = properties.get("adminUserEnabled", registry.admin)
    mode = str(properties.get("roleAssignmentMode") or registry.mode)
    if not isinstance(admin, bool) or mode not in _PULL:
        raise bad_request(
            "InvalidRequest",
            "adminUserEnabled is true or false; roleAssignmentMode is one of " + ", ".join(_PULL),
        )
    return replace(registry, admin=admin, mode=mode)
