# SPDX-License-Identifier: Apache-2.0
"""Terraform, for the providers azurerm and azuread. Checked by a parser only: it was never applied."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from airflow_provider_azureml.access.export import PERMISSIONS, Export, Wanted
from airflow_provider_azureml.access.export_arm import role_id
from airflow_provider_azureml.access.roles import Role
from airflow_provider_azureml.rest.graph import GRAPH

Value = str | bool | Sequence[str] | None
UNPROVEN = "Checked by a parser of HCL only: it was never applied. Read the plan before you apply it."


def configuration(export: Export) -> str:
    """One file."""
    lines = [*(f"# {line}" for line in export.note("terraform")), f"# {UNPROVEN}", "", _providers(export)]
    blocks = [
        *(_role(export, role) for role in export.roles()),
        *(block for each in export.wanted for block in _principal(export, each)),
        *_strangers(export),
        *(block for each in export.wanted for block in _trusts(export, each)),
        *_grants(export),
        *_graph(export),
    ]
    return "\n".join([*lines, *blocks])


def text(value: str) -> str:
    """A quoted text of HCL: no interpolation, no line break."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return '"' + escaped.replace("${", "$${").replace("%{", "%%{") + '"'


class Raw(str):
    """An expression, not a text."""

    __slots__ = ()


def _value(value: Value) -> str:
    if isinstance(value, Raw):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return text(value)
    return "[" + ", ".join(_value(each) for each in value or ()) + "]"


def _block(kind: str, labels: Sequence[str], content: Mapping[str, Value], inner: Sequence[str] = ()) -> str:
    head = " ".join([kind, *(f'"{label}"' for label in labels)])
    rows = [f"  {name} = {_value(value)}" for name, value in content.items() if value not in (None, "")]
    return "\n".join([f"{head} {{", *rows, *inner, "}", ""])


def _providers(export: Export) -> str:
    names = {"azurerm": "hashicorp/azurerm", "azuread": "hashicorp/azuread"}
    inner = [f'    {name} = {{ source = "{source}" }}' for name, source in names.items()]
    head = "\n".join(["terraform {", "  required_providers {", *inner, "  }", "}", ""])
    subscription = text(export.manifest.places.subscription_id)
    return "\n".join(
        [head, f'provider "azurerm" {{\n  subscription_id = {subscription}\n  features {{}}\n}}\n']
    )


def _label(role: Role) -> str:
    return "role_" + "".join(letter if letter.isalnum() else "_" for letter in role.name.lower())


def _role(export: Export, role: Role) -> str:
    inner = []
    for entry in role.permissions:
        parts = {
            "actions": entry.actions,
            "not_actions": entry.not_actions,
            "data_actions": entry.data_actions,
            "not_data_actions": entry.not_data_actions,
        }
        rows = [f"    {name} = {_value(list(value))}" for name, value in parts.items() if value]
        inner += ["  permissions {", *rows, "  }"]
    content: dict[str, Value] = {
        "role_definition_id": role_id(export, role).rpartition("/")[2],
        "name": role.name,
        "scope": export.scope,
        "description": role.description,
        "assignable_scopes": [export.scope],
    }
    return _block("resource", ["azurerm_role_definition", _label(role)], content, inner)


def _principal(export: Export, each: Wanted) -> Iterator[str]:
    principal = each.principal
    if each.is_managed:
        kind = "data" if principal.is_existing else "resource"
        place = {} if principal.is_existing else {"location": export.manifest.location or "CHANGE-ME"}
        content: dict[str, Value] = {"name": principal.name, "resource_group_name": each.group, **place}
        yield _block(kind, ["azurerm_user_assigned_identity", each.symbol], content)
        return
    if principal.is_existing:
        found: dict[str, Value] = {"object_id": principal.object_id, "client_id": principal.client_id}
        named = any(found.values())
        content = found if named else {"display_name": principal.name}
        yield _block("data", ["azuread_service_principal", each.symbol], content)
        return
    owners = [other for other in export.wanted if principal.name in other.principal.owns]
    owned: Value = [Raw(object_id(owner)) for owner in owners] or None
    yield _block(
        "resource", ["azuread_application", each.symbol], {"display_name": principal.name, "owners": owned}
    )
    client = Raw(f"azuread_application.{each.symbol}.client_id")
    yield _block("resource", ["azuread_service_principal", each.symbol], {"client_id": client})


def object_id(each: Wanted) -> str:
    """The expression of a principal's object id."""
    kind, part = (
        ("azurerm_user_assigned_identity", "principal_id")
        if each.is_managed
        else (
            "azuread_service_principal",
            "object_id",
        )
    )
    prefix = "data." if each.principal.is_existing else ""
    return f"{prefix}{kind}.{each.symbol}.{part}"


def _strangers(export: Export) -> Iterator[str]:
    for name in export.strangers():
        content: dict[str, Value] = {
            "name": name,
            "resource_group_name": export.manifest.places.resource_group,
        }
        yield _block("data", ["azurerm_user_assigned_identity", _stranger(name)], content)


def _stranger(name: str) -> str:
    return "trusted_" + "".join(letter if letter.isalnum() else "_" for letter in name.lower())


def _trusts(export: Export, each: Wanted) -> Iterator[str]:
    by_symbol = {other.symbol: other for other in export.wanted}
    for number, trust in enumerate(each.principal.federated):
        issuer = trust.issuer or f"{export.manifest.cloud.authority}/{export.manifest.tenant_id}/v2.0"
        symbol = export.vouching(trust)
        subject: Value = trust.subject
        if trust.identity and symbol:
            subject = Raw(object_id(by_symbol[symbol]))
        elif trust.identity:
            stranger = _stranger(trust.identity)
            subject = Raw(f"data.azurerm_user_assigned_identity.{stranger}.principal_id")
        label = f"{each.symbol}_{number}"
        if each.is_managed:
            parent = Raw(f"azurerm_user_assigned_identity.{each.symbol}.id")
            content: dict[str, Value] = {
                "name": trust.name,
                "resource_group_name": each.group,
                "parent_id": parent,
                "issuer": issuer,
                "subject": subject,
                "audience": [trust.audience],
            }
            yield _block("resource", ["azurerm_federated_identity_credential", label], content)
        elif not each.principal.is_existing:
            content = {
                "application_id": Raw(f"azuread_application.{each.symbol}.id"),
                "display_name": trust.name,
                "issuer": issuer,
                "subject": subject,
                "audiences": [trust.audience],
            }
            yield _block("resource", ["azuread_application_federated_identity_credential", label], content)


def _grants(export: Export) -> Iterator[str]:
    custom = {role.name for role in export.roles()}
    for number, (each, grant, role) in enumerate(export.grants()):
        own = Raw(f"azurerm_role_definition.{_label(role)}.role_definition_resource_id")
        content: dict[str, Value] = {
            "scope": grant.scope,
            "role_definition_id": own if role.name in custom else role_id(export, role),
            "principal_id": Raw(object_id(each)),
            "principal_type": "ServicePrincipal",
            "condition": grant.condition,
            "condition_version": "2.0" if grant.condition else "",
        }
        yield _block("resource", ["azurerm_role_assignment", f"{each.symbol}_{number}"], content)


def _graph(export: Export) -> Iterator[str]:
    wanted = [(each, name) for each in export.wanted for name in each.principal.graph]
    if wanted:
        yield _block("data", ["azuread_service_principal", "microsoft_graph"], {"client_id": GRAPH})
    for number, (each, name) in enumerate(wanted):
        role: Value = PERMISSIONS.get(name) or Raw(
            f'data.azuread_service_principal.microsoft_graph.app_role_ids["{name}"]'
        )
        content: dict[str, Value] = {
            "app_role_id": role,
            "principal_object_id": Raw(object_id(each)),
            "resource_object_id": Raw("data.azuread_service_principal.microsoft_graph.object_id"),
        }
        yield _block("resource", ["azuread_app_role_assignment", f"{each.symbol}_{number}"], content)
