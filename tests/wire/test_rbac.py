# SPDX-License-Identifier: Apache-2.0
"""Who may do what, for each of the demo's identities, on both planes, over HTTP.

Whatever an identity's roles allow succeeds; all else is refused in Azure's words; and the missing
role, assigned through ARM, is all that a refused request lacked.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.wire.conftest import Sandbox
from tests.wire.identities import ARM, GRAPH, STORAGE, VAULT, Client
from tests.wire.requests_under_rbac import ALLOWED, CONTROL_PLANE, REQUESTS, Request

PAIRS = [(identity, request) for identity in ALLOWED for request in REQUESTS]
PERMITTED = [(identity, name) for identity, name in PAIRS if name in ALLOWED[identity]]
REFUSED = [(identity, name) for identity, name in PAIRS if name not in ALLOWED[identity]]
ASSIGNMENTS = "https://management.azure.com{scope}/providers/Microsoft.Authorization/roleAssignments/{name}"


@dataclass
class Azure:
    """The sandbox, and what the requests' placeholders stand for."""

    sandbox: Sandbox
    client: Client
    names: dict[str, str]
    roles: dict[str, str]

    def fill(self, text: str, **more: str) -> str:
        for name, value in {**self.names, **more}.items():
            text = text.replace(f"{{{name}}}", value)
        return text

    def send(self, identity: str, name: str) -> httpx.Response:
        request, unique = REQUESTS[name], uuid.uuid4().hex[:10]
        if request.prepared:
            self.put_file(self.fill(request.prepared, unique=unique))
        wire = json.dumps({"url": request.url, "body": _text(request.body), "headers": request.headers})
        filled = json.loads(self.fill(wire, unique=unique))
        headers = {**filled["headers"], **self.client.bearer(identity, request.resource)}
        if request.body is not None and not isinstance(request.body, bytes):
            headers["Content-Type"] = "application/json"
        return self.client.http.request(
            request.method, filled["url"], headers=headers, content=filled["body"].encode()
        )

    def put_file(self, url: str) -> None:
        headers = {"x-ms-version": "2023-11-03", "x-ms-blob-type": "BlockBlob"}
        headers |= self.client.bearer("owner", STORAGE)
        self.client.http.put(url, content=b"there", headers=headers).raise_for_status()

    def grant(self, identity: str, role: str, scope: str) -> str:
        """Assign a role as the owner; answers with the assignment's URL."""
        url = ASSIGNMENTS.format(scope=scope, name=uuid.uuid4()) + "?api-version=2022-04-01"
        properties = {
            "roleDefinitionId": self.roles[role],
            "principalId": self.sandbox.principal(identity)["object_id"],
            "principalType": "ServicePrincipal",
        }
        answer = self.client.http.put(
            url, json={"properties": properties}, headers=self.client.bearer("owner", ARM)
        )
        assert answer.status_code == 201, answer.text
        return url

    def revoke(self, assignment: str) -> None:
        self.client.http.delete(assignment, headers=self.client.bearer("owner", ARM)).raise_for_status()


def _text(body: Any) -> str:
    if body is None:
        return ""
    return body.decode() if isinstance(body, bytes) else json.dumps(body)


@pytest.fixture(scope="module")
def azure(sandbox: Sandbox, client: Client) -> Azure:
    """The sandbox with one finished job in the demo's workspace."""
    owner = client.bearer("owner", ARM)
    subscription = f"/subscriptions/{sandbox.description['subscription_id']}"
    definitions = client.http.get(
        f"https://management.azure.com{subscription}/providers/Microsoft.Authorization/roleDefinitions"
        "?api-version=2022-04-01",
        headers=owner,
    )
    secret = client.http.get(
        "https://nightlyvault.vault.azure.net/secrets/airflow-registry?api-version=7.4",
        headers=client.bearer("owner", VAULT),
    ).json()
    vault = sandbox.scope("nightly", "Microsoft.KeyVault/vaults", "nightlyvault")
    names = {
        "subscription": subscription,
        "group": sandbox.scope("nightly"),
        "workspace": sandbox.workspace(),
        "classic": sandbox.workspace("classic"),
        "lake": sandbox.scope("nightly", "Microsoft.Storage/storageAccounts", "nightlylake"),
        "vault": vault,
        "secret": f"{vault}/secrets/airflow-registry",
        "auditor": sandbox.principal("auditor")["object_id"],
        "value": secret["value"],
        "version": secret["id"].rpartition("/")[2],
    }
    roles = {role["properties"]["roleName"]: role["id"] for role in definitions.json()["value"]}
    base = f"https://management.azure.com{sandbox.workspace()}"
    environment = f"{sandbox.workspace()}/environments/wire/versions/1"
    job = {"jobType": "Command", "command": "true", "environmentId": environment}
    for path, properties in (("environments/wire/versions/1", {"image": "any"}), ("jobs/wire-rbac", job)):
        url = f"{base}/{path}?api-version=2024-10-01"
        put = client.http.put(url, json={"properties": properties}, headers=owner)
        assert put.status_code == 201, put.text
    return Azure(sandbox, client, names, roles)


def _sentence(value: str) -> str:
    return value.replace(" ", "-").replace("'", "")


@pytest.mark.parametrize("identity, request_name", PERMITTED, ids=_sentence)
def test_rbac_what_a_role_allows_succeeds(azure: Azure, identity: str, request_name: str) -> None:
    answer = azure.send(identity, request_name)
    assert answer.is_success, f"{answer.status_code} {answer.text}"


@pytest.mark.parametrize("identity, request_name", REFUSED, ids=_sentence)
def test_rbac_all_else_is_refused_in_azures_words_until_the_missing_role_is_assigned(
    azure: Azure, identity: str, request_name: str
) -> None:
    request = REQUESTS[request_name]
    refused = azure.send(identity, request_name)
    assert refused.status_code == 403, f"{refused.status_code} {refused.text}"
    assert_azures_words(azure, refused, identity, request)

    assignment = azure.grant(identity, request.role, azure.fill(request.scope))
    try:
        granted = azure.send(identity, request_name)
    finally:
        azure.revoke(assignment)
    assert granted.is_success, f"{granted.status_code} {granted.text}"
    assert azure.send(identity, request_name).status_code == 403


def assert_azures_words(azure: Azure, refused: httpx.Response, identity: str, request: Request) -> None:
    who = azure.sandbox.principal(identity)
    if request.resource == STORAGE:
        assert refused.headers["x-ms-error-code"] == "AuthorizationPermissionMismatch"
        assert (
            "This request is not authorized to perform this operation using this permission." in refused.text
        )
        return
    error = refused.json()["error"]
    if request.resource == VAULT:
        assert (error["code"], error["innererror"]["code"]) == ("Forbidden", "ForbiddenByRbac")
        assert error["message"].startswith("Caller is not authorized to perform action on resource.")
        assert f"oid={who['object_id']}" in error["message"]
        assert f"Action: '{request.action}'" in error["message"]
        return
    assert error["code"] == "AuthorizationFailed"
    assert error["message"].startswith(
        f"The client '{who['client_id']}' with object id '{who['object_id']}' does not have authorization "
        f"to perform action '{request.action}' over scope '"
    )


def test_rbac_the_table_holds_both_planes_and_every_identity_of_the_demo(sandbox: Sandbox) -> None:
    # The tests' own, and the workspaces' system-assigned identities.
    own = yaml.safe_load((Path(__file__).parent / "seed.yaml").read_text())
    tests = [*own["applications"], *own["managed_identities"]]
    outside = {entry["name"] for entry in tests} | {"nightly", "classic"}
    assert set(sandbox.description["principals"]) - outside == set(ALLOWED)
    assert all(set(names) <= set(REQUESTS) for names in ALLOWED.values())
    assert len(PERMITTED) > 40
    assert sum(name in CONTROL_PLANE for _, name in REFUSED) > 40
    assert sum(name not in CONTROL_PLANE for _, name in REFUSED) > 40


@pytest.mark.parametrize("identity", ALLOWED)
def test_rbac_only_the_rotation_may_add_a_password_and_only_to_what_it_owns(
    azure: Azure, identity: str
) -> None:
    """Microsoft Graph has permissions of its own: no Azure role stands in for them."""
    headers = azure.client.bearer(identity, GRAPH)
    for application in ("airflow-registry", "airflow-land"):
        app_id = azure.sandbox.principal(application)["client_id"]
        url = f"https://graph.microsoft.com/v1.0/applications(appId='{app_id}')"
        body = {"passwordCredential": {"displayName": "wire"}}
        answer = azure.client.http.post(f"{url}/addPassword", json=body, headers=headers)
        if (identity, application) == ("airflow-rotation", "airflow-registry"):
            assert answer.status_code == 200, answer.text
            removed = azure.client.http.post(
                f"{url}/removePassword", json={"keyId": answer.json()["keyId"]}, headers=headers
            )
            assert removed.status_code == 204, removed.text
            continue
        assert answer.status_code == 403
        error = answer.json()["error"]
        assert error["code"] == "Authorization_RequestDenied"
        assert error["message"] == "Insufficient privileges to complete the operation."
