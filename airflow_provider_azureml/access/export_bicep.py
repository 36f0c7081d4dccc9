# SPDX-License-Identifier: Apache-2.0
"""Bicep, as modules of one file's text. Checked by a parser of the forms used here only: it was never deployed.

Bicep wants a file for each scope that it deploys to. What is printed is `access.bicep`, whose modules are
marked in it: cut the text at the lines that begin with `// ---- file`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from airflow_provider_azureml.access.declared import DeclaredGrant
from airflow_provider_azureml.access.export import Export, Wanted, role_guid, role_properties
from airflow_provider_azureml.access.export_arm import (
    AUTHORIZATION,
    IDENTITIES,
    UAMI,
    role_id,
    within,
)
from airflow_provider_azureml.access.roles import Role
from airflow_provider_azureml.access.scope import group_of

UNPROVEN = (
    "Checked by a parser of the few forms used here only: it was never compiled by Bicep, nor deployed."
)


def module(export: Export) -> str:
    """The files' text, one after the other."""
    head = [*(f"// {line}" for line in export.note("bicep")), f"// {UNPROVEN}"]
    parts = ["\n".join([*head, *_main(export)]) + "\n"]
    for group in _groups(export):
        parts.append("\n".join([f"// ---- file {_file(group)}.bicep", *_group(export, group)]) + "\n")
    return "\n".join(parts)


def text(value: str) -> str:
    """A quoted text of Bicep."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\t", "\\t")
    return "'" + escaped.replace("${", "\\${") + "'"


class Raw(str):
    """An expression, not a text."""

    __slots__ = ()


def _value(value: Any, depth: int) -> str:
    pad = "  " * depth
    if isinstance(value, Raw):
        return value
    if isinstance(value, str):
        return text(value)
    if isinstance(value, Mapping):
        rows = [f"{pad}  {name}: {_value(inner, depth + 1)}" for name, inner in value.items()]
        return "\n".join(["{", *rows, pad + "}"])
    rows = [f"{pad}  {_value(inner, depth + 1)}" for inner in value]
    return "\n".join(["[", *rows, pad + "]"]) if rows else "[]"


def _declared(kind: str, symbol: str, what: str, content: Mapping[str, Any]) -> str:
    return f"{kind} {symbol} {text(what)} = {_value(content, 0)}"


def _groups(export: Export) -> list[str]:
    """Resource groups in which something is made; empty text for the subscription."""
    made = [each.group for each in export.wanted if each.is_managed and not each.principal.is_existing]
    return list(dict.fromkeys([*made, *(group_of(grant.scope) for _, grant, _ in export.grants())]))


def _file(group: str) -> str:
    name = "".join(letter if letter.isalnum() else "_" for letter in group.lower())
    return f"access_{name or 'subscription'}"


def _apps(export: Export) -> list[Wanted]:
    return [each for each in export.wanted if not each.is_managed]


def _main(export: Export) -> Iterator[str]:
    """`access.bicep`: custom roles and the modules."""
    yield "targetScope = 'subscription'"
    for each in _apps(export):
        yield f"@description({text(f'Object id of the service principal of application {each.principal.name}')})"
        yield f"param {each.symbol} string"
    for number, role in enumerate(export.roles()):
        yield _declared(
            "resource",
            f"role_{number}",
            f"Microsoft.Authorization/roleDefinitions@{AUTHORIZATION}",
            _role(export, role),
        )
    for group in _groups(export):
        yield _declared("module", _file(group), f"{_file(group)}.bicep", _call(export, group))


def _role(export: Export, role: Role) -> dict[str, Any]:
    return {
        "name": role_guid(export, role),
        "properties": role_properties(export, role),
    }


def _call(export: Export, group: str) -> dict[str, Any]:
    params = {each.symbol: Raw(each.symbol) for each in _used(export, group) if not each.is_managed}
    needs = [Raw(f"role_{number}") for number, _ in enumerate(export.roles())]
    place = {"scope": Raw(f"resourceGroup({text(group)})")} if group else {}
    return {"name": _file(group), **place, "params": params, "dependsOn": needs}


def _used(export: Export, group: str) -> list[Wanted]:
    found = (each for each, grant, _ in export.grants() if group_of(grant.scope) == group)
    return list(dict.fromkeys(found))


def _group(export: Export, group: str) -> Iterator[str]:
    """The module of one group: its identities, whom they trust, and what is granted in it."""
    yield f"targetScope = {text('resourceGroup' if group else 'subscription')}"
    used = _used(export, group)
    yield from (f"param {each.symbol} string" for each in used if not each.is_managed)
    made = [each for each in export.wanted if each.is_managed and each.group == group]
    made = [each for each in made if not each.principal.is_existing]
    for each in made:
        yield from _identity(export, each)
    yield from (_existing(each) for each in used if each.is_managed and each not in made)
    mine = [(e, g, r) for e, g, r in export.grants() if group_of(g.scope) == group]
    symbols = {each.principal.resource_id: each.symbol for each in made}
    for number, scope in enumerate(dict.fromkeys(grant.scope for _, grant, _ in mine)):
        if within(scope) and scope not in symbols:
            symbols[scope] = f"scope_{number}"
            yield from _scope(scope, symbols[scope])
    for number, (each, grant, role) in enumerate(mine):
        yield _assignment(export, number, each, grant, role, symbols.get(grant.scope, ""))


def _identity(export: Export, each: Wanted) -> Iterator[str]:
    location = export.manifest.location
    own = {"name": each.principal.name, "location": location or Raw("resourceGroup().location")}
    yield _declared("resource", each.symbol, f"{UAMI}@{IDENTITIES}", own)
    earlier = each.symbol
    for number, trust in enumerate(each.principal.federated):
        issuer = trust.issuer or f"{export.manifest.cloud.authority}/{export.manifest.tenant_id}/v2.0"
        content: dict[str, Any] = {
            "parent": Raw(each.symbol),
            "name": trust.name,
            "properties": {"issuer": issuer, "subject": trust.subject, "audiences": [trust.audience]},
            "dependsOn": [Raw(earlier)],
        }
        earlier = f"{each.symbol}_trust_{number}"
        yield _declared("resource", earlier, f"{UAMI}/federatedIdentityCredentials@{IDENTITIES}", content)


def _existing(each: Wanted) -> str:
    place = {"scope": Raw(f"resourceGroup({text(each.group)})"), "name": each.principal.name}
    return f"resource {each.symbol} {text(f'{UAMI}@{IDENTITIES}')} existing = {_value(place, 0)}"


_VERSIONS = {
    "microsoft.storage": "2023-05-01",
    "microsoft.keyvault": "2023-07-01",
    "microsoft.machinelearningservices": "2024-10-01",
    "microsoft.managedidentity": IDENTITIES,
}


def _scope(scope: str, symbol: str) -> Iterator[str]:
    """The resource that a role is assigned at, and those that it lies in."""
    parts: Sequence[str] = within(scope).split("/")
    version = _VERSIONS.get(parts[0].lower(), "2022-09-01")
    kinds, names = [parts[0], *parts[1::2]], parts[2::2]
    parent = ""
    for depth, name in enumerate(names):
        kind = "/".join(kinds[: depth + 2])
        own = symbol if depth == len(names) - 1 else f"{symbol}_{depth}"
        content = {**({"parent": Raw(parent)} if parent else {}), "name": name}
        yield f"resource {own} {text(f'{kind}@{version}')} existing = {_value(content, 0)}"
        parent = own


def _assignment(
    export: Export, number: int, each: Wanted, grant: DeclaredGrant, role: Role, symbol: str
) -> str:
    principal = Raw(f"{each.symbol}.properties.principalId" if each.is_managed else each.symbol)
    # A name must be known before anything is made: the identity's id stands for its object id.
    told = Raw(f"{each.symbol}.id") if each.is_managed else principal
    definition = role_id(export, role)
    condition = {"condition": grant.condition, "conditionVersion": "2.0"} if grant.condition else {}
    content = {
        **({"scope": Raw(symbol)} if symbol else {}),
        "name": Raw(
            f"guid({text(grant.scope.lower())}, {told}, {text(definition)}, {text(grant.condition)})"
        ),
        "properties": {
            "principalId": principal,
            "principalType": "ServicePrincipal",
            "roleDefinitionId": definition,
            **condition,
        },
    }
    kind = f"Microsoft.Authorization/roleAssignments@{AUTHORIZATION}"
    return _declared("resource", f"grant_{number}", kind, content)
