# SPDX-License-Identifier: Apache-2.0
"""Applications and their credentials, behind Graph's own permissions."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from azure_sandbox.kernel.clock import ManualClock
from azure_sandbox.kernel.cloud import stable_guid
from azure_sandbox.testing import Sandbox

GRAPH = "https://graph.microsoft.com/v1.0"
LEGACY = stable_guid("application", "legacy")
ONE = f"/applications(appId='{LEGACY}')"


def call(sandbox: Sandbox, method: str, path: str, who: str = "rotator", **kwargs: Any) -> httpx.Response:
    headers = sandbox.bearer(who, "https://graph.microsoft.com")
    return sandbox.http.request(method, GRAPH + path, headers=headers, **kwargs)


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_an_owner_adds_uses_and_removes_a_password(serve: Callable[..., Sandbox]) -> None:
    clock = ManualClock()
    sandbox = serve(
        {
            "applications": [
                {"name": "rotator", "app_roles": ["Application.ReadWrite.OwnedBy"]},
                {"name": "legacy", "owners": ["rotator"]},
            ]
        },
        clock,
    )
    asked = {"displayName": "airflow-rot:1", "endDateTime": "2027-01-01T00:00:00Z"}
    added = call(sandbox, "POST", f"{ONE}/addPassword", json={"passwordCredential": asked})
    assert added.status_code == 200
    made = added.json()
    assert made["displayName"] == "airflow-rot:1"
    assert made["endDateTime"] == "2027-01-01T00:00:00Z"
    assert made["secretText"].startswith(made["hint"])

    def login() -> int:
        form = {
            "grant_type": "client_credentials",
            "client_id": LEGACY,
            "client_secret": made["secretText"],
            "scope": "https://management.azure.com/.default",
        }
        url = f"https://login.microsoftonline.com/{sandbox.cloud.tenant_id}/oauth2/v2.0/token"
        return sandbox.http.post(url, data=form).status_code

    seen = [login()]
    clock.advance(3)
    seen.append(login())
    (listed,) = call(sandbox, "GET", ONE).json()["passwordCredentials"]
    assert listed["secretText"] is None
    assert listed["keyId"] == made["keyId"]
    assert call(sandbox, "POST", f"{ONE}/removePassword", json={"keyId": made["keyId"]}).status_code == 204
    seen.append(login())
    assert seen == [401, 200, 401]
    again = call(sandbox, "POST", f"{ONE}/removePassword", json={"keyId": made["keyId"]})
    assert code(again) == (400, "Request_BadRequest")


@pytest.mark.parametrize(
    "who, method, path, status",
    [
        ("nobody", "GET", ONE, 403),
        ("nobody", "GET", "/applications", 403),
        ("nobody", "POST", f"{ONE}/addPassword", 403),
        ("auditor", "GET", ONE, 200),
        ("auditor", "POST", f"{ONE}/addPassword", 403),
        ("rotator", "GET", ONE, 200),
        ("rotator", "GET", f"/applications(appId='{stable_guid('application', 'train')}')", 403),
        ("rotator", "POST", f"/applications(appId='{stable_guid('application', 'train')}')/addPassword", 403),
        ("admin", "POST", f"/applications(appId='{stable_guid('application', 'train')}')/addPassword", 200),
        ("rotator", "GET", "/applications(appId='00000000-0000-4000-8000-000000000000')", 404),
        (
            "admin",
            "GET",
            f"/applications(appId='{stable_guid('managed-identity', 'mi-train', 'client')}')",
            404,
        ),
        (
            "admin",
            "GET",
            f"/servicePrincipals(appId='{stable_guid('managed-identity', 'mi-train', 'client')}')",
            200,
        ),
    ],
)
def test_graphs_permissions_decide(
    identities: Sandbox, who: str, method: str, path: str, status: int
) -> None:
    answer = call(identities, method, path, who, **({"json": {}} if method == "POST" else {}))
    assert answer.status_code == status
    if status == 403:
        assert code(answer)[1] == "Authorization_RequestDenied"
        assert answer.json()["error"]["message"] == "Insufficient privileges to complete the operation."
    if status == 404:
        error = answer.json()["error"]
        assert error["code"] == "Request_ResourceNotFound"
        assert set(error["innerError"]) == {"date", "request-id", "client-request-id"}


def test_lists_are_filtered_selected_and_paged(identities: Sandbox) -> None:
    def get(**params: Any) -> httpx.Response:
        return call(identities, "GET", "/applications", "auditor", params=params)

    found = get(**{"$filter": f"appId eq '{LEGACY}'", "$select": "id,appId"}).json()["value"]
    assert found == [{"id": stable_guid("application-object", "legacy"), "appId": LEGACY}]
    everything = [entry["appId"] for entry in get().json()["value"]]
    paged, answer = [], get(**{"$top": 2}).json()
    while True:
        paged += [entry["appId"] for entry in answer["value"]]
        if "@odata.nextLink" not in answer:
            break
        headers = identities.bearer("auditor", "https://graph.microsoft.com")
        answer = identities.http.get(answer["@odata.nextLink"], headers=headers).json()
    assert paged == everything
    owned = call(identities, "GET", "/applications", "rotator").json()["value"]
    assert [entry["displayName"] for entry in owned] == ["legacy"]
    assert code(get(**{"$filter": "endswith(displayName,'a')"})) == (400, "Request_UnsupportedQuery")
    assert code(get(**{"$select": "shoeSize"})) == (400, "Request_BadRequest")
    assert code(get(**{"$top": "0"})) == (400, "Request_BadRequest")
    assert code(get(**{"$skiptoken": "\u0663"})) == (400, "Request_BadRequest")


def test_an_application_is_reached_by_its_object_id_too(identities: Sandbox) -> None:
    by_key = call(identities, "GET", ONE).json()
    assert call(identities, "GET", f"/applications/{by_key['id']}").json() == by_key
    assert code(call(identities, "GET", f"/applications/{LEGACY}")) == (404, "Request_ResourceNotFound")


def test_a_service_principal_says_what_it_is(identities: Sandbox) -> None:
    oid = stable_guid("managed-identity", "mi-train", "principal")
    found = call(identities, "GET", f"/servicePrincipals/{oid}", "auditor").json()
    assert (found["servicePrincipalType"], found["accountEnabled"]) == ("ManagedIdentity", True)
    query = {"$filter": f"appId eq '{LEGACY}'"}
    (listed,) = call(identities, "GET", "/servicePrincipals", "auditor", params=query).json()["value"]
    assert listed["id"] == stable_guid("service-principal", "legacy")


def test_federated_credentials_come_and_go(identities: Sandbox) -> None:
    base = f"{ONE}/federatedIdentityCredentials"
    trust = {
        "name": "k8s",
        "issuer": "https://issuer.example",
        "subject": "system:serviceaccount:a:b",
        "audiences": ["api://AzureADTokenExchange"],
    }
    made = call(identities, "POST", base, json=trust)
    assert made.status_code == 201
    identifier = made.json()["id"]
    assert code(call(identities, "POST", base, json=trust)) == (
        409,
        "Request_MultipleObjectsWithSameKeyValue",
    )
    twin = call(identities, "POST", base, json={**trust, "name": "twin"})
    assert code(twin) == (409, "Request_MultipleObjectsWithSameKeyValue")
    assert call(identities, "PATCH", f"{base}/{identifier}", json={"subject": "other"}).status_code == 204
    assert call(identities, "GET", f"{base}/k8s").json()["subject"] == "other"
    assert [entry["id"] for entry in call(identities, "GET", base).json()["value"]] == [identifier]
    assert call(identities, "DELETE", f"{base}/{identifier}").status_code == 204
    assert code(call(identities, "DELETE", f"{base}/{identifier}")) == (404, "Request_ResourceNotFound")


@pytest.mark.parametrize(
    "path, body",
    [
        ("addPassword", b"{"),
        ("addPassword", b"[]"),
        ("addPassword", b'{"passwordCredential": 7}'),
        ("addPassword", b'{"passwordCredential": {"endDateTime": "soon"}}'),
        ("addPassword", b'{"passwordCredential": {"endDateTime": 5}}'),
        ("addPassword", b'{"passwordCredential": {"endDateTime": "0001-01-01T00:00:00+14:00"}}'),
        ("addPassword", b'{"passwordCredential": {"endDateTime": "2020-01-01T00:00:00Z"}}'),
        ("addPassword", b'{"passwordCredential": {"displayName": "\\ud800"}}'),
        ("removePassword", b"{}"),
        ("removePassword", b'{"keyId": 1}'),
        ("federatedIdentityCredentials", b"{}"),
        ("federatedIdentityCredentials", b'{"name":"a","issuer":"b","subject":"c","audiences":"d"}'),
    ],
)
def test_a_junk_body_is_a_bad_request(identities: Sandbox, path: str, body: bytes) -> None:
    answer = call(identities, "POST", f"{ONE}/{path}", content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["innerError"]


@pytest.mark.parametrize(
    "body", [{}, {"keyCredentials": 1}, {"keyCredentials": [{"key": "AAAA"}]}, {"displayName": " "}]
)
def test_a_junk_patch_is_a_bad_request(identities: Sandbox, body: dict[str, Any]) -> None:
    assert call(identities, "PATCH", ONE, json=body).status_code == 400


@pytest.mark.parametrize(
    "path", ["/applications(x)", "/applicationsX", "/applications/", "/users", "/applications/%00"]
)
def test_a_junk_path_is_an_error_in_graphs_shape(identities: Sandbox, path: str) -> None:
    answer = call(identities, "GET", path)
    assert answer.status_code in (400, 404)
    assert answer.json()["error"]["innerError"]["request-id"]


def test_a_stranger_is_challenged(identities: Sandbox) -> None:
    answer = identities.http.get(f"{GRAPH}/applications")
    assert code(answer) == (401, "InvalidAuthenticationToken")
    assert time.strptime(answer.json()["error"]["innerError"]["date"], "%Y-%m-%dT%H:%M:%S")
    wrong = identities.http.get(f"{GRAPH}/applications", headers=identities.bearer("admin"))
    assert code(wrong) == (401, "InvalidAuthenticationToken")


def test_owners_come_and_go_and_ownership_counts_at_once(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(
        {
            "applications": [
                {"name": "rotator", "app_roles": ["Application.ReadWrite.OwnedBy"]},
                {"name": "admin", "app_roles": ["Application.ReadWrite.All"]},
                {"name": "legacy"},
            ]
        }
    )
    (rotator,) = [
        each["id"]
        for each in call(sandbox, "GET", "/servicePrincipals", "admin").json()["value"]
        if each["displayName"] == "rotator"
    ]
    reference = {"@odata.id": f"{GRAPH}/directoryObjects/{rotator}"}
    assert code(call(sandbox, "POST", f"{ONE}/addPassword", json={})) == (403, "Authorization_RequestDenied")
    assert call(sandbox, "POST", f"{ONE}/owners/$ref", "admin", json=reference).status_code == 204
    assert code(call(sandbox, "POST", f"{ONE}/owners/$ref", "admin", json=reference))[0] == 400
    owners = call(sandbox, "GET", f"{ONE}/owners", "admin").json()["value"]
    assert [each["id"] for each in owners] == [rotator]
    assert call(sandbox, "POST", f"{ONE}/addPassword", json={}).status_code == 200
    assert call(sandbox, "DELETE", f"{ONE}/owners/{rotator}/$ref", "admin").status_code == 204
    assert code(call(sandbox, "DELETE", f"{ONE}/owners/{rotator}/$ref", "admin"))[0] == 404
    assert code(call(sandbox, "POST", f"{ONE}/owners/$ref", "admin", json={}))[0] == 400
    assert code(call(sandbox, "POST", f"{ONE}/addPassword", json={})) == (403, "Authorization_RequestDenied")
