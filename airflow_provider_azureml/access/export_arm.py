# SPDX-License-Identifier: Apache-2.0
"""A deployment template in ARM's JSON, for a subscription (proven by deploying it to the sandbox).

ARM knows no applications: their service principals' object ids are parameters. Everything else is made:
custom roles, managed identities with whom they trust, role assignments.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from airflow_provider_azureml.access.declared import DeclaredGrant
from airflow_provider_azureml.access.export import Export, Wanted, role_guid, role_properties
from airflow_provider_azureml.access.roles import Role
from airflow_provider_azureml.access.scope import before, group_of

DEPLOYMENTS, IDENTITIES, AUTHORIZATION = "2022-09-01", "2023-01-31", "2022-04-01"
UAMI = "Microsoft.ManagedIdentity/userAssignedIdentities"
_SCHEMA = "https://schema.management.azure.com/schemas"
Json = dict[str, Any]


def template(export: Export) -> str:
    """The template's text."""
    strangers = [stranger_id(export, name) for name in export.strangers()]
    resources = [
        *(_role(export, role) for role in export.roles()),
        *_identities(export),
        *_grants(export),
    ]
    content = {
        "$schema": f"{_SCHEMA}/2018-05-01/subscriptionDeploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "metadata": {"comments": " ".join(export.note("arm")), "trusted": strangers},
        "parameters": _parameters(export),
        "resources": resources,
    }
    return json.dumps(content, indent=2) + "\n"


def stranger_id(export: Export, name: str) -> str:
    """ARM id of a managed identity that is trusted and not made here."""
    return export.manifest.places.resource("identity", name)


def _parameters(export: Export) -> Json:
    return {
        each.symbol: {
            "type": "string",
            "metadata": {
                "description": f"Object id of the service principal of application '{each.principal.name}'"
            },
            **({"defaultValue": each.principal.object_id} if each.principal.object_id else {}),
        }
        for each in export.wanted
        if not each.is_managed
    }


def _role(export: Export, role: Role) -> Json:
    return {
        "type": "Microsoft.Authorization/roleDefinitions",
        "apiVersion": AUTHORIZATION,
        "name": role_guid(export, role),
        "properties": role_properties(export, role),
    }


def role_id(export: Export, role: Role) -> str:
    """ARM id of a role definition."""
    return f"{export.scope}/providers/Microsoft.Authorization/roleDefinitions/{role_guid(export, role)}"


def _identities(export: Export) -> Iterator[Json]:
    """One nested deployment for each resource group with managed identities of ours."""
    own = [each for each in export.wanted if each.is_managed and not each.principal.is_existing]
    for group in dict.fromkeys(each.group for each in own):
        mine = [each for each in own if each.group == group]
        made = [resource for each in mine for resource in _identity(export, each)]
        yield _nested(export, f"identities-{group}", group, made, {}, [])


def _identity(export: Export, each: Wanted) -> Iterator[Json]:
    name = each.principal.name
    location = export.manifest.location or "[deployment().location]"
    yield {"type": UAMI, "apiVersion": IDENTITIES, "name": name, "location": location}
    earlier = f"{UAMI}/{name}"
    for trust in each.principal.federated:
        issuer = trust.issuer or f"{export.manifest.cloud.authority}/{export.manifest.tenant_id}/v2.0"
        yield {
            "type": f"{UAMI}/federatedIdentityCredentials",
            "apiVersion": IDENTITIES,
            "name": f"{name}/{trust.name}",
            "dependsOn": [earlier],  # one after the other: two at once are refused with 409
            "properties": {
                "issuer": issuer,
                "subject": trust.subject,
                "audiences": [trust.audience],
            },
        }
        earlier = f"{UAMI}/{name}/federatedIdentityCredentials/{trust.name}"


def _grants(export: Export) -> Iterator[Json]:
    """One nested deployment for each place in which roles are assigned: a resource group, or the subscription."""
    all_grants = list(export.grants())
    for group in dict.fromkeys(group_of(grant.scope) for _, grant, _ in all_grants):
        mine = [(each, grant, role) for each, grant, role in all_grants if group_of(grant.scope) == group]
        resources = [_assignment(export, each, grant, role) for each, grant, role in mine]
        given = {each.symbol: {"value": _principal(each)} for each, _, _ in mine}
        needs = [f"Microsoft.Resources/deployments/access-identities-{name}" for name in _made(export)]
        needs += [
            f"Microsoft.Authorization/roleDefinitions/{role_guid(export, role)}" for role in export.roles()
        ]
        yield _nested(export, f"grants-{group or 'subscription'}", group, resources, given, needs)


def _made(export: Export) -> list[str]:
    own = (each for each in export.wanted if each.is_managed and not each.principal.is_existing)
    return list(dict.fromkeys(each.group for each in own))


def within(scope: str) -> str:
    """A scope as an extension resource inside its group's deployment names it; empty for the group itself."""
    return scope[len(before(scope, "/providers/")) + len("/providers/") :]


def _principal(each: Wanted) -> str:
    if not each.is_managed:
        return f"[parameters('{each.symbol}')]"
    if each.principal.object_id:
        return each.principal.object_id
    return f"[reference('{each.principal.resource_id}', '{IDENTITIES}').principalId]"


def _assignment(export: Export, each: Wanted, grant: DeclaredGrant, role: Role) -> Json:
    where, definition = within(grant.scope), role_id(export, role)
    told = [f"'{grant.scope.lower()}'", f"parameters('{each.symbol}')", f"'{definition}'"]
    properties: Json = {
        "principalId": f"[parameters('{each.symbol}')]",
        "principalType": "ServicePrincipal",
        "roleDefinitionId": definition,
    }
    if grant.condition:
        told.append(f"'{grant.condition.replace(chr(39), chr(39) * 2)}'")
        properties |= {"condition": grant.condition, "conditionVersion": "2.0"}
    body = {
        "type": "Microsoft.Authorization/roleAssignments",
        "apiVersion": AUTHORIZATION,
        "name": f"[guid({', '.join(told)})]",
        "properties": properties,
    }
    return {**body, "scope": where} if where else body


def _nested(
    export: Export, name: str, group: str, resources: list[Json], given: Json, needs: list[str]
) -> Json:
    place = (
        {"resourceGroup": group}
        if group
        else {"location": export.manifest.location or "[deployment().location]"}
    )
    kind = "2019-04-01/deploymentTemplate" if group else "2018-05-01/subscriptionDeploymentTemplate"
    return {
        "type": "Microsoft.Resources/deployments",
        "apiVersion": DEPLOYMENTS,
        "name": f"access-{name}",
        **place,
        "dependsOn": needs,
        "properties": {
            "mode": "Incremental",
            "expressionEvaluationOptions": {"scope": "inner"},
            "parameters": given,
            "template": {
                "$schema": f"{_SCHEMA}/{kind}.json#",
                "contentVersion": "1.0.0.0",
                "parameters": {symbol: {"type": "string"} for symbol in given},
                "resources": resources,
            },
        },
    }
