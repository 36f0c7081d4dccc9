# SPDX-License-Identifier: Apache-2.0
"""A script of Azure CLI commands that may be run again and again (proven by running it: tests/wire/test_az.py)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from shlex import quote

from airflow_provider_azureml.access.declared import Federated
from airflow_provider_azureml.access.export import (
    NAMESPACE,
    PERMISSIONS,
    Export,
    Wanted,
    definition,
)
from airflow_provider_azureml.rest.graph import GRAPH

_BYTES = "".join(f"\\x{byte:02x}" for byte in NAMESPACE.bytes)
_FUNCTIONS = rf"""
# A role assignment's name follows from what it says: made again, it is the same one.
assignment_name() {{
  local hash
  hash=$({{ printf '{_BYTES}'; printf '%s' "$1"; }} | sha1sum)
  printf '%s-%s-5%s-%x%s-%s' "${{hash:0:8}}" "${{hash:8:4}}" "${{hash:13:3}}" \
    $((0x${{hash:16:2}} & 0x3f | 0x80)) "${{hash:18:2}}" "${{hash:20:12}}"
}}
role() {{ # name, definition
  local verb=create
  [ -z "$(az role definition list --name "$1" --custom-role-only true --query '[].name' --output tsv)" ] || verb=update
  az role definition $verb --role-definition "$2" --output none
}}
managed_identity() {{ # group, name, location: prints its object id
  az identity create --resource-group "$1" --name "$2" ${{3:+--location "$3"}} --query principalId --output tsv
}}
application() {{ # display name: prints its client id
  az ad app create --display-name "$1" --query appId --output tsv
}}
service_principal() {{ # client id: prints its object id
  az ad sp show --id "$1" --query id --output tsv 2>/dev/null || az ad sp create --id "$1" --query id --output tsv
}}
trust() {{ # client id, name, parameters
  az ad app federated-credential update --id "$1" --federated-credential-id "$2" --parameters "$3" --output none \
    2>/dev/null || az ad app federated-credential create --id "$1" --parameters "$3" --output none
}}
grant() {{ # object id, role, scope, condition
  az role assignment create --name "$(assignment_name "$3|$1|$2|$4")" --output none \
    --assignee-object-id "$1" --assignee-principal-type ServicePrincipal --role "$2" --scope "$3" \
    ${{4:+--condition "$4" --condition-version 2.0}}
}}
graph_permission() {{ # object id, id of the permission
  local resource url="{{graph}}/v1.0/servicePrincipals/$1/appRoleAssignments"
  resource=$(az ad sp show --id {GRAPH} --query id --output tsv)
  [ -n "$(az rest --url "$url" --query "value[?appRoleId=='$2'].id" --output tsv)" ] || az rest --method POST \
    --url "$url" --body "{{{{\"principalId\":\"$1\",\"resourceId\":\"$resource\",\"appRoleId\":\"$2\"}}}}" --output none
}}
"""


def script(export: Export) -> str:
    """The whole script."""
    manifest = export.manifest
    graph = _FUNCTIONS.replace("{graph}", manifest.cloud.graph).replace("{{", "{").replace("}}", "}")
    lines = [
        "#!/usr/bin/env bash",
        *(f"# {line}" for line in export.note("az")),
        "# Run it after `az login` as somebody who may assign roles and make identities and applications.",
        "set -euo pipefail",
        f"az account set --subscription {manifest.places.subscription_id}",
        *_tenant(export),
        graph.rstrip(),
        "",
        *_section("Custom roles", _roles(export)),
        *_section("Who there is", _principals(export)),
        *_section("Whom they trust", _trusts(export)),
        *_section("What they may do", _grants(export)),
        *_section("Microsoft Graph: permissions need the consent of an administrator", _graph(export)),
    ]
    return "\n".join(lines) + "\n"


def _tenant(export: Export) -> list[str]:
    if export.manifest.tenant_id:
        return [f"tenant={export.manifest.tenant_id}"]
    return ["tenant=$(az account show --query tenantId --output tsv)"]


def _section(title: str, lines: Iterator[str]) -> list[str]:
    found = list(lines)
    return ["", f"# {title}", *found] if found else []


def _roles(export: Export) -> Iterator[str]:
    for role in export.roles():
        yield f"role {quote(role.name)} {quote(json.dumps(definition(export, role)))}"


def _principals(export: Export) -> Iterator[str]:
    for name in export.strangers():
        group = quote(export.manifest.places.resource_group)
        yield f"{_stranger(name)}=$(az identity show --resource-group {group} --name {quote(name)} --query principalId --output tsv)"
    for each in export.wanted:
        yield from _managed(export, each) if each.is_managed else _application(each)


def _managed(export: Export, each: Wanted) -> Iterator[str]:
    principal, group, name = each.principal, quote(each.group), quote(each.principal.name)
    if principal.object_id:
        yield f"{each.symbol}={principal.object_id}"
    elif principal.is_existing:
        yield f"{each.symbol}=$(az identity show --resource-group {group} --name {name} --query principalId --output tsv)"
    else:
        location = quote(export.manifest.location)
        yield f"{each.symbol}=$(managed_identity {group} {name} {location})"


def _application(each: Wanted) -> Iterator[str]:
    principal, client = each.principal, f"{each.symbol}_client"
    if principal.object_id:
        yield f"{each.symbol}={principal.object_id}"
        yield f"{client}=$(az ad sp show --id {principal.object_id} --query appId --output tsv)"
        return
    if principal.client_id:
        yield f"{client}={principal.client_id}"
    elif principal.is_existing:
        name = principal.name.replace("'", "\\'")
        wanted = quote(f"[?displayName=='{name}'].appId")
        yield f"{client}=$(az ad sp list --display-name {quote(principal.name)} --query {wanted} --output tsv)"
    else:
        yield f"{client}=$(application {quote(principal.name)})"
    yield f'{each.symbol}=$(service_principal "${client}")'


def _trusts(export: Export) -> Iterator[str]:
    for each in export.wanted:
        for trust in each.principal.federated:
            issuer, subject = _issuer(export, trust), _subject(export, trust)
            if each.is_managed:
                yield (
                    f"az identity federated-credential create --resource-group {quote(each.group)} --identity-name "
                    f"{quote(each.principal.name)} --name {quote(trust.name)} --issuer {issuer} "
                    f"--subject {subject} --audiences {quote(trust.audience)} --output none"
                )
                continue
            parameters = _parameters(trust, issuer, subject)
            yield f'trust "${each.symbol}_client" {quote(trust.name)} {parameters}'


def _parameters(trust: Federated, issuer: str, subject: str) -> str:
    """JSON in quotes, out of which only variables of the script stand."""
    is_own = not trust.issuer
    content = {
        "name": trust.name,
        "issuer": _MARKS[0] if is_own else trust.issuer,
        "subject": _MARKS[1] if trust.identity else trust.subject,
        "audiences": [trust.audience],
    }
    text = quote(json.dumps(content))
    return text.replace(_MARKS[0], f"'{issuer}'").replace(_MARKS[1], f"'{subject}'")


_MARKS = ("<issuer>", "<subject>")


def _issuer(export: Export, trust: Federated) -> str:
    if trust.issuer:
        return quote(trust.issuer)
    return f'"{export.manifest.cloud.authority}/$tenant/v2.0"'


def _subject(export: Export, trust: Federated) -> str:
    if not trust.identity:
        return quote(trust.subject)
    return f'"${export.vouching(trust) or _stranger(trust.identity)}"'


def _stranger(name: str) -> str:
    return "id_" + "".join(letter if letter.isalnum() else "_" for letter in name.lower())


def _grants(export: Export) -> Iterator[str]:
    for each, grant, role in export.grants():
        word = role.guid or role.name
        yield f'grant "${each.symbol}" {quote(word)} {quote(grant.scope)} {quote(grant.condition)} # {role.name}'


def _graph(export: Export) -> Iterator[str]:
    symbols = {each.principal.name: each.symbol for each in export.wanted if not each.is_managed}
    for each in export.wanted:
        for name in each.principal.graph:
            if name in PERMISSIONS:
                yield f'graph_permission "${each.symbol}" {PERMISSIONS[name]} # {name}'
            else:
                yield f"# By hand: the application permission {name} for {each.principal.name}"
        for owned in each.principal.owns:
            if owned in symbols:
                yield f'az ad app owner add --id "${symbols[owned]}_client" --owner-object-id "${each.symbol}"'
            else:
                yield f"# By hand: {each.principal.name} must own application {owned}"
