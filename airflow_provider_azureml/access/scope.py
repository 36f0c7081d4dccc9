# SPDX-License-Identifier: Apache-2.0
"""Scopes as the manifest writes them (`container:nightlylake/raw`), as ARM ids, and back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_azureml.access.pattern import is_same

_TYPES = {
    "account": "Microsoft.Storage/storageAccounts",
    "vault": "Microsoft.KeyVault/vaults",
    "workspace": "Microsoft.MachineLearningServices/workspaces",
    "identity": "Microsoft.ManagedIdentity/userAssignedIdentities",
}
_BELOW = {"container": ("account", "/blobServices/default/containers/"), "secret": ("vault", "/secrets/")}
_SECTIONS = {"account": "accounts", "vault": "vaults", "workspace": "workspaces", "identity": ""}
_ID = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/(?P<group>[^/]+)/providers/(?P<type>[^/]+/[^/]+)/(?P<name>[^/]+)(?P<rest>/.+)?$",
    re.IGNORECASE,
)


class ScopeError(ValueError):
    """A scope leads nowhere: the problem, and the mend."""

    def __init__(self, problem: str, mend: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.mend = mend


@dataclass(frozen=True)
class Places:
    """Where the names of a manifest lie.

    :param named: section (`accounts`, ...) -> name -> resource group.
    """

    subscription_id: str
    resource_group: str
    named: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Places:
        """From a manifest of sound shape."""
        group = str(content["resource_group"])
        named = {
            section: {
                name: str((where or {}).get("resource_group", group))
                for name, where in (content.get(section) or {}).items()
            }
            for section in ("workspaces", "accounts", "vaults")
        }
        return cls(str(content["subscription_id"]), group, named)

    @property
    def subscription(self) -> str:
        """ARM id of the subscription."""
        return f"/subscriptions/{self.subscription_id}"

    def arm_id(self, scope: str) -> str:
        """The ARM id of a scope in either form. Raises ScopeError."""
        if scope.startswith("/"):
            return self._own(scope)
        kind, _, name = scope.partition(":")
        if kind == "subscription":
            return self.subscription
        if kind == "group":
            return f"{self.subscription}/resourceGroups/{name}"
        if kind in _BELOW:
            above, between = _BELOW[kind]
            parent, _, child = name.partition("/")
            return f"{self.resource(above, parent)}{between}{child}"
        return self.resource(kind, name)

    def holds(self, scope: str) -> bool:
        """Whether a manifest may speak of an ARM id: what lies in another subscription takes another one."""
        return subscription_of(scope) in ("", self.subscription_id.lower())

    def written(self, scope: str) -> str:
        """An ARM id as this manifest writes it; as it is where the short form would be another place's."""
        text = short(scope)
        try:
            return text if text == scope or is_same(self.arm_id(text), scope) else scope
        except ScopeError:
            return scope

    def resource(self, kind: str, name: str, group: str = "") -> str:
        """ARM id of a resource by its kind (`account`, `vault`, `workspace`, `identity`). Raises ScopeError."""
        section = _SECTIONS[kind]
        if section and name not in self.named.get(section, {}):
            raise ScopeError(f"names {kind} '{name}', which '{section}' does not hold.", "Add it there.")
        group = group or (self.named[section][name] if section else self.resource_group)
        return f"{self.subscription}/resourceGroups/{group}/providers/{_TYPES[kind]}/{name}"

    def _own(self, scope: str) -> str:
        found = scope.split("/")[2]
        if found.lower() != self.subscription_id.lower():
            problem = f"lies in subscription '{found}', and the manifest is of '{self.subscription_id}'."
            raise ScopeError(problem, "Write one manifest for each subscription.")
        return scope.rstrip("/")


def subscription_of(scope: str) -> str:
    """Id of the subscription that an ARM id lies in, in lower case; empty where it lies in none."""
    found = re.match(r"/subscriptions/([^/]+)", scope, re.IGNORECASE)
    return found[1].lower() if found else ""


def before(scope: str, part: str) -> str:
    """What of an ARM id stands before a part of it, in whatever case that is; all of it where it has none."""
    return re.split(re.escape(part), scope, maxsplit=1, flags=re.IGNORECASE)[0]


def group_of(scope: str) -> str:
    """Resource group of an ARM id; empty for the subscription."""
    parts = scope.split("/")
    return parts[4] if len(parts) > 4 else ""


def short(scope: str) -> str:
    """An ARM id as the manifest writes it; as it is where there is no such form."""
    found = _ID.match(scope)
    if found is None:
        group = re.fullmatch(r"/subscriptions/[^/]+(?:/resourceGroups/([^/]+))?", scope, re.IGNORECASE)
        return scope if group is None else f"group:{group[1]}" if group[1] else "subscription"
    kinds = {arm.lower(): kind for kind, arm in _TYPES.items()}
    kind, rest = kinds.get(found["type"].lower(), ""), found["rest"] or ""
    for below, (above, between) in _BELOW.items():
        if kind == above and rest.lower().startswith(between.lower()):
            return f"{below}:{found['name']}/{rest[len(between) :]}"
    return f"{kind}:{found['name']}" if kind and not rest else scope
