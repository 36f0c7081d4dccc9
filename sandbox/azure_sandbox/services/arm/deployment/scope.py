# SPDX-License-Identifier: Apache-2.0
"""What a template's functions can ask: parameters, variables, where it is deployed, and ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from azure_sandbox.services.arm.deployment import functions
from azure_sandbox.services.arm.deployment.expression import Later, Node, TemplateError, evaluated


@dataclass(frozen=True)
class Place:
    """Where a deployment happens.

    :param scope: ARM id of the subscription or resource group
    :param group: the resource group as ARM shows it; None at subscription scope
    """

    name: str
    scope: str
    subscription: Mapping[str, Any]
    group: Mapping[str, Any] | None
    tenant: Mapping[str, Any]
    environment: Mapping[str, Any]
    location: str

    @property
    def subscription_scope(self) -> str:
        return str(self.subscription["id"])


@dataclass
class Evaluation:
    """The context of one template's expressions.

    :param found: what :func:`reference` shows, by lower-case id; while there is None of it, only what will
        be needed is written down in ``references``
    :param index: of the copy that is being made, by the loop's name
    """

    place: Place
    parameters: dict[str, Any]
    variables: Mapping[str, Any]
    found: Mapping[str, Any] | None = None
    #: Full ids, or names of resources of the template, in the order of their use -> api-version.
    references: dict[str, str] = field(default_factory=dict)
    index: dict[str, int] = field(default_factory=dict)
    _reading: tuple[str, ...] = ()

    def call(self, name: str, arguments: Sequence[Node]) -> Any:
        if name == "if":
            return self._either(arguments)
        values = [argument.value(self) for argument in arguments]
        own = getattr(self, f"_{_OWN[name]}", None) if name in _OWN else None
        if own is None:
            return functions.call(name, values)
        if any(isinstance(value, Later) for value in values):
            return Later("later")
        try:
            return own(*values)
        except TypeError:
            raise TemplateError(
                f"Unable to evaluate template language function '{name}': its arguments are not valid."
            ) from None

    def _either(self, arguments: Sequence[Node]) -> Any:
        """Only the branch that is chosen is looked at."""
        if len(arguments) != 3:
            raise TemplateError("The template function 'if' takes three arguments.")
        asked, yes, no = arguments
        return (yes if asked.value(self) else no).value(self)

    def _parameter(self, name: str) -> Any:
        for known, value in self.parameters.items():
            if known.lower() == name.lower():
                return value
        raise TemplateError(f"The template parameter '{name}' is not found.")

    def _variable(self, name: str) -> Any:
        for known, value in self.variables.items():
            if known.lower() == name.lower():
                if known in self._reading:
                    raise TemplateError(f"The template variable '{name}' is defined by itself.")
                self._reading = (*self._reading, known)
                try:
                    return evaluated(value, self)
                finally:
                    self._reading = self._reading[:-1]
        raise TemplateError(f"The template variable '{name}' is not found.")

    def _subscription(self) -> Any:
        return dict(self.place.subscription)

    def _group(self) -> Any:
        if self.place.group is None:
            raise TemplateError("The template function 'resourceGroup' is not expected at this location.")
        return dict(self.place.group)

    def _tenant(self) -> Any:
        return dict(self.place.tenant)

    def _environment(self) -> Any:
        return dict(self.place.environment)

    def _deployment(self) -> Any:
        return {"name": self.place.name, "location": self.place.location}

    def _copy_index(self, *arguments: Any) -> int:
        offset = next((one for one in arguments if isinstance(one, int)), 0)
        loop = next((one for one in arguments if isinstance(one, str)), None)
        if not self.index or (loop is not None and loop not in self.index):
            raise TemplateError("The template function 'copyIndex' is not expected at this location.")
        current = list(self.index.values())[-1] if loop is None else self.index[loop]
        return current + offset

    def _resource_id(self, *parts: str) -> str:
        """``[subscription,] [group,] type, name, ...``"""
        before, kind, names = _split(parts)
        scope = self.place.scope
        if before:
            *subscription, group = before
            above = f"/subscriptions/{subscription[0]}" if subscription else self.place.subscription_scope
            scope = f"{above}/resourceGroups/{group}"
        return f"{scope}/providers/{path_of(kind, names)}"

    def _subscription_id(self, *parts: str) -> str:
        before, kind, names = _split(parts)
        scope = f"/subscriptions/{before[0]}" if before else self.place.subscription_scope
        return f"{scope}/providers/{path_of(kind, names)}"

    def _tenant_id(self, *parts: str) -> str:
        _, kind, names = _split(parts)
        return f"/providers/{path_of(kind, names)}"

    def _extension_id(self, scope: str, *parts: str) -> str:
        _, kind, names = _split(parts)
        return f"{scope.rstrip('/')}/providers/{path_of(kind, names)}"

    def _reference(self, identifier: str, version: str = "", full: str = "") -> Any:
        self.references[identifier] = version
        if self.found is None:
            return Later("later")
        resource = self.found[identifier.lower()]
        return resource if full.lower() == "full" else resource.get("properties", {})


_OWN = {
    "parameters": "parameter",
    "variables": "variable",
    "subscription": "subscription",
    "resourcegroup": "group",
    "tenant": "tenant",
    "environment": "environment",
    "deployment": "deployment",
    "copyindex": "copy_index",
    "resourceid": "resource_id",
    "subscriptionresourceid": "subscription_id",
    "tenantresourceid": "tenant_id",
    "extensionresourceid": "extension_id",
    "reference": "reference",
}


def _split(parts: Sequence[str]) -> tuple[list[str], str, list[str]]:
    """What stands before the type, the type, and the names after it."""
    for position, part in enumerate(parts):
        if "/" in part and not part.startswith("/"):
            return list(parts[:position]), part, list(parts[position + 1 :])
    raise TemplateError("Unable to evaluate a resource id: a fully qualified resource type is expected.")


def path_of(kind: str, names: Sequence[str]) -> str:
    """``Microsoft.A/b/NAME/c/NAME`` of ``Microsoft.A/b/c`` and its names.

    :raises TemplateError: where there is not one name for each part of the type
    """
    provider, *types = kind.strip("/").split("/")
    if not types or len(types) != len(names):
        raise TemplateError(
            f"The template resource '{'/'.join(names)}' for type '{kind}' has incorrect segment lengths. A "
            "nested resource type must have identical number of segments as its resource name. A root "
            "resource type must have segment length one greater than its resource name."
        )
    pairs = (f"{part}/{name}" for part, name in zip(types, names, strict=True))
    return "/".join((provider, *pairs))
