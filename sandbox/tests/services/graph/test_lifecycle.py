# SPDX-License-Identifier: Apache-2.0
"""Applications and service principals that come and go, as ``az ad`` makes them."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from azure_sandbox.kernel.ports import Registry
from azure_sandbox.testing import Sandbox

GRAPH = "https://graph.microsoft.com/v1.0"


def ask(sandbox: Sandbox, who: str, method: str, path: str, **content: Any) -> httpx.Response:
    headers = sandbox.bearer(who, "https://graph.microsoft.com")
    return sandbox.http.request(method, GRAPH + path, headers=headers, **content)


def login(sandbox: Sandbox, app_id: str, secret: str) -> int:
    """0 or the AADSTS number."""
    url = f"https://login.microsoftonline.com/{sandbox.cloud.tenant_id}/oauth2/v2.0/token"
    form = {"grant_type": "client_credentials", "scope": "https://management.azure.com/.default"}
    answer = sandbox.http.post(url, data={**form, "client_id": app_id, "client_secret": secret}).json()
    return int(answer.get("error_codes", [0])[0])


def test_an_application_signs_in_once_it_has_a_service_principal(identities: Sandbox) -> None:
    made = ask(identities, "admin", "POST", "/applications", json={"displayName": "fresh"})
    assert made.status_code == 201
    app = made.json()
    secret = ask(identities, "admin", "POST", f"/applications/{app['id']}/addPassword", json={}).json()
    registry = identities.cloud.port(Registry)
    _, text = registry.add_password(app["appId"], None, 0.0, 9e9, at_once=True)
    assert secret["secretText"]
    assert login(identities, app["appId"], text) == 7000229
    assert ask(identities, "admin", "GET", f"/servicePrincipals(appId='{app['appId']}')").status_code == 404
    principal = ask(identities, "admin", "POST", "/servicePrincipals", json={"appId": app["appId"]})
    assert (principal.status_code, principal.json()["appId"]) == (201, app["appId"])
    assert login(identities, app["appId"], text) == 0
    again = ask(identities, "admin", "POST", "/servicePrincipals", json={"appId": app["appId"]})
    assert again.status_code == 409
    assert (
        ask(identities, "admin", "DELETE", f"/servicePrincipals/{principal.json()['id']}").status_code == 204
    )
    assert login(identities, app["appId"], text) == 7000229
    assert ask(identities, "admin", "DELETE", f"/applications(appId='{app['appId']}')").status_code == 204
    assert login(identities, app["appId"], text) == 700016
    assert ask(identities, "admin", "GET", f"/applications/{app['id']}").status_code == 404


def test_who_may_only_change_its_own_owns_what_it_makes(identities: Sandbox) -> None:
    app = ask(identities, "rotator", "POST", "/applications", json={"displayName": "owned"}).json()
    principal = ask(identities, "rotator", "POST", "/servicePrincipals", json={"appId": app["appId"]})
    assert principal.status_code == 201
    nobody = identities.cloud.port(Registry).identity_by_name("nobody")
    assert nobody is not None
    assert ask(identities, "rotator", "DELETE", f"/applications/{nobody.application_id}").status_code == 403
    assert ask(identities, "rotator", "DELETE", f"/applications/{app['id']}").status_code == 204


@pytest.mark.parametrize("who", ["auditor", "train"])
def test_reading_is_not_making(identities: Sandbox, who: str) -> None:
    for path, body in (("/applications", {"displayName": "x"}), ("/servicePrincipals", {"appId": "x"})):
        assert ask(identities, who, "POST", path, json=body).status_code == 403


@pytest.mark.parametrize("body", [{}, {"displayName": ""}, {"displayName": 1}, {"displayName": "x" * 257}])
def test_an_application_needs_a_name(identities: Sandbox, body: dict[str, Any]) -> None:
    assert ask(identities, "admin", "POST", "/applications", json=body).status_code == 400


def test_a_name_may_be_used_twice_and_the_first_keeps_it(identities: Sandbox) -> None:
    before = identities.cloud.port(Registry).identity_by_name("legacy")
    app = ask(identities, "admin", "POST", "/applications", json={"displayName": "legacy"}).json()
    assert identities.cloud.port(Registry).identity_by_name("legacy") == before
    assert ask(identities, "admin", "DELETE", f"/applications/{app['id']}").status_code == 204
    assert identities.cloud.port(Registry).identity_by_name("legacy") == before


def test_the_service_principal_of_a_managed_identity_stays(identities: Sandbox) -> None:
    identity = identities.cloud.port(Registry).identity_by_name("mi-train")
    assert identity is not None
    answer = ask(identities, "admin", "DELETE", f"/servicePrincipals/{identity.principal_id}")
    assert answer.status_code == 400


def test_objects_are_found_by_their_ids(identities: Sandbox) -> None:
    identity = identities.cloud.port(Registry).identity_by_name("train")
    assert identity is not None
    ids = [identity.principal_id, identity.application_id, "nobody", identity.client_id]
    answer = ask(identities, "auditor", "POST", "/directoryObjects/getByIds", json={"ids": ids})
    assert [entry["@odata.type"].rpartition(".")[2] for entry in answer.json()["value"]] == [
        "servicePrincipal",
        "application",
    ]
    assert (
        ask(identities, "train", "POST", "/directoryObjects/getByIds", json={"ids": ids}).status_code == 403
    )
    assert (
        ask(identities, "auditor", "POST", "/directoryObjects/getByIds", json={"ids": [1]}).status_code == 400
    )


@pytest.mark.parametrize(
    "expression, found",
    [
        ("displayName eq 'train'", ["train"]),
        ("startswith(displayName,'mi-')", ["mi-train", "mi-worker"]),
        ("servicePrincipalNames/any(c:c eq '{client}')", ["train"]),
        ("servicePrincipalNames/any(c:c eq 'nobody')", []),
    ],
)
def test_principals_are_filtered_as_az_does(identities: Sandbox, expression: str, found: list[str]) -> None:
    identity = identities.cloud.port(Registry).identity_by_name("train")
    assert identity is not None
    query = {"$filter": expression.replace("{client}", identity.client_id)}
    answer = ask(identities, "auditor", "GET", "/servicePrincipals", params=query).json()
    assert sorted(entry["displayName"] for entry in answer["value"]) == found


def test_other_filters_are_unsupported(identities: Sandbox) -> None:
    for expression in ("displayName ne 'x'", "endswith(displayName,'x')", "a/any(b:c eq 'x')"):
        answer = ask(identities, "auditor", "GET", "/servicePrincipals", params={"$filter": expression})
        assert answer.json()["error"]["code"] == "Request_UnsupportedQuery"
