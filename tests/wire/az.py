# SPDX-License-Identifier: Apache-2.0
"""`az`, as far as mends need it: the REST calls that the Azure CLI makes for these commands, and no others.

``tests/wire/clinic.py`` puts it on the PATH where the real Azure CLI is not to be had (``.venv-az``, or
``AZURE_CLI`` names one). Any other command is an error.
"""

from __future__ import annotations

import json
import os
import sys
import uuid
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx

ARM, GRAPH = "https://management.azure.com", "https://graph.microsoft.com"
STORAGE, VAULT = "https://storage.azure.com", "https://vault.azure.net"


def token(resource: str) -> str:
    """Of the person at the keyboard."""
    who = json.loads(os.environ["AZ_PERSON"])
    with open(who["assertion_file"], encoding="ascii") as file:
        assertion = file.read()
    answer = httpx.post(
        f"https://login.microsoftonline.com/{who['tenant_id']}/oauth2/v2.0/token",
        data={
            "grant_type": "client_credentials",
            "client_id": who["client_id"],
            "scope": f"{resource}/.default",
            "client_assertion": assertion,
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        },
    )
    return str(answer.raise_for_status().json()["access_token"])


def call(method: str, url: str, resource: str, body: Any = None, **headers: str) -> Any:
    """One request; ends the command with the service's words when it is refused."""
    sent = {"Authorization": f"Bearer {token(resource)}", **headers}
    answer = httpx.request(method, url, headers=sent, json=body, timeout=60)
    if not answer.is_success:
        raise SystemExit(f"ERROR: {answer.status_code} {answer.text or dict(answer.headers)}")
    return answer.json() if answer.content and "json" in answer.headers.get("content-type", "") else None


def role_create(given: Namespace) -> None:
    role = call(
        "GET",
        f"{ARM}{given.scope}/providers/Microsoft.Authorization/roleDefinitions?api-version=2022-04-01"
        f"&$filter={quote(f'roleName eq {given.role!r}')}",
        ARM,
    )["value"][0]["id"]
    properties = {
        "roleDefinitionId": role,
        "principalId": _principal(given),
        "principalType": "ServicePrincipal",
    }
    if given.condition:
        properties |= {"condition": given.condition, "conditionVersion": given.condition_version or "2.0"}
    path = f"{given.scope}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
    call("PUT", f"{ARM}{path}?api-version=2022-04-01", ARM, {"properties": properties})


def _principal(given: Namespace) -> str:
    if given.assignee_object_id:
        return str(given.assignee_object_id)
    found = call("GET", f"{GRAPH}/v1.0/servicePrincipals(appId='{given.assignee}')", GRAPH)
    return str(found["id"])


def role_delete(given: Namespace) -> None:
    call("DELETE", f"{ARM}{given.ids}?api-version=2022-04-01", ARM)


def sp_create(given: Namespace) -> None:
    call("POST", f"{GRAPH}/v1.0/servicePrincipals", GRAPH, {"appId": given.id})


def sp_update(given: Namespace) -> None:
    name, _, value = given.set.partition("=")
    body = {name: {"true": True, "false": False}.get(value, value)}
    call("PATCH", f"{GRAPH}/v1.0/servicePrincipals(appId='{given.id}')", GRAPH, body)


def trust_create(given: Namespace) -> None:
    url = f"{GRAPH}/v1.0/applications(appId='{given.id}')/federatedIdentityCredentials"
    call("POST", url, GRAPH, json.loads(given.parameters))


def credential_reset(given: Namespace) -> None:
    body = {"passwordCredential": {"displayName": "rbac"}}
    made = call("POST", f"{GRAPH}/v1.0/applications(appId='{given.id}')/addPassword", GRAPH, body)
    sys.stdout.write(made["secretText"] + "\n")


def owner_add(given: Namespace) -> None:
    url = f"{GRAPH}/v1.0/applications(appId='{given.id}')/owners/$ref"
    call("POST", url, GRAPH, {"@odata.id": f"{GRAPH}/v1.0/directoryObjects/{given.owner_object_id}"})


def secret_set(given: Namespace) -> None:
    url = f"https://{given.vault_name}.vault.azure.net/secrets/{given.name}?api-version=7.4"
    call("PUT", url, VAULT, {"value": given.value})


def secret_attributes(given: Namespace) -> None:
    url = f"https://{given.vault_name}.vault.azure.net/secrets/{given.name}/?api-version=7.4"
    call("PATCH", url, VAULT, {"attributes": {"enabled": given.enabled == "true"}})


def vault_of(name: str) -> Any:
    subscription = os.environ["AZ_SUBSCRIPTION"]
    url = f"{ARM}/subscriptions/{subscription}/providers/Microsoft.KeyVault/vaults?api-version=2023-07-01"
    return next(each for each in call("GET", url, ARM)["value"] if each["name"] == name)


def policy_set(given: Namespace) -> None:
    vault = vault_of(given.name)
    policy = {
        "tenantId": vault["properties"]["tenantId"],
        "objectId": given.object_id,
        "permissions": {"secrets": given.secret_permissions},
    }
    url = f"{ARM}{vault['id']}/accessPolicies/add?api-version=2023-07-01"
    call("PUT", url, ARM, {"properties": {"accessPolicies": [policy]}})


def vault_update(given: Namespace) -> None:
    rules = {"networkAcls": {"defaultAction": given.default_action, "bypass": "AzureServices"}}
    url = f"{ARM}{vault_of(given.name)['id']}?api-version=2023-07-01"
    call("PATCH", url, ARM, {"properties": rules})


def account_update(given: Namespace) -> None:
    url = f"{ARM}{given.ids}?api-version=2023-05-01"
    properties: dict[str, Any] = {}
    if given.default_action:
        rules = call("GET", url, ARM)["properties"].get("networkAcls") or {}
        properties["networkAcls"] = {**rules, "defaultAction": given.default_action}
    if given.public_network_access:
        properties["publicNetworkAccess"] = given.public_network_access
    call("PATCH", url, ARM, {"properties": properties})


def access_set(given: Namespace) -> None:
    path = quote(given.path.strip("/"))
    url = f"https://{given.account_name}.dfs.core.windows.net/{given.file_system}/{path}?action=setAccessControl"
    call("PATCH", url, STORAGE, **{"x-ms-acl": given.acl, "x-ms-version": "2021-12-02"})


def rest(given: Namespace) -> None:
    body = json.loads(given.body) if given.body else None
    call(given.method.upper(), given.url, GRAPH if given.url.startswith(GRAPH) else ARM, body)


Command = tuple[Callable[[Namespace], None], tuple[str, ...]]
COMMANDS: dict[str, Command] = {
    "role assignment create": (
        role_create,
        (
            "assignee",
            "assignee-object-id",
            "assignee-principal-type",
            "role",
            "scope",
            "condition",
            "condition-version",
        ),
    ),
    "role assignment delete": (role_delete, ("ids",)),
    "ad sp create": (sp_create, ("id",)),
    "ad sp update": (sp_update, ("id", "set")),
    "ad app federated-credential create": (trust_create, ("id", "parameters")),
    "ad app credential reset": (credential_reset, ("id", "append!", "query", "output")),
    "ad app owner add": (owner_add, ("id", "owner-object-id")),
    "keyvault secret set": (secret_set, ("vault-name", "name", "value", "output")),
    "keyvault secret set-attributes": (secret_attributes, ("vault-name", "name", "enabled")),
    "keyvault set-policy": (policy_set, ("name", "object-id", "secret-permissions*")),
    "keyvault update": (vault_update, ("name", "default-action")),
    "storage account update": (account_update, ("ids", "default-action", "public-network-access")),
    "storage fs access set": (access_set, ("account-name", "file-system", "path", "acl", "auth-mode")),
    "rest": (rest, ("method", "url", "body")),
}


def main(argv: list[str]) -> None:
    """Carry out one command line."""
    count = next((n for n, word in enumerate(argv) if word.startswith("-")), len(argv))
    name = " ".join(argv[:count])
    if name not in COMMANDS:
        raise SystemExit(f"ERROR: '{name}' is not in the interpreter")
    run, options = COMMANDS[name]
    parser = ArgumentParser(f"az {name}", allow_abbrev=False)
    for option in options:
        many = {"!": {"action": "store_true"}, "*": {"nargs": "+"}}.get(option[-1], {"default": ""})
        parser.add_argument(f"--{option.rstrip('!*')}", **many)
    run(parser.parse_args(argv[count:]))


if __name__ == "__main__":
    main(sys.argv[1:])
