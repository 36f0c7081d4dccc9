# SPDX-License-Identifier: Apache-2.0
"""Changes that take effect late, on some replicas later than on others; tokens that end early."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from azure_sandbox.kernel.cloud import stable_guid

READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"


def grant(cloud: Any, who: str) -> str:
    name = str(uuid.uuid4())
    properties = {
        "roleDefinitionId": f"/providers/Microsoft.Authorization/roleDefinitions/{READER}",
        "principalId": cloud.object_id(who),
    }
    path = f"{cloud.workspace}/providers/Microsoft.Authorization/roleAssignments/{name}"
    answer = cloud.arm("PUT", path, {"properties": properties})
    assert answer.status_code == 201, answer.text
    return path


def may_read(cloud: Any, who: str) -> bool:
    return bool(cloud.arm("GET", cloud.workspace, who=who).status_code == 200)


def test_a_new_role_grants_nothing_until_its_lag_has_passed(frozen: Any) -> None:
    frozen.lags(role_assignment=60)
    assert not may_read(frozen, "rotated")
    path = grant(frozen, "rotated")
    seen = []
    for seconds in (0, 59, 1):
        frozen.clock(advance=seconds)
        seen.append(may_read(frozen, "rotated"))
    assert seen == [False, False, True]
    frozen.arm("DELETE", path)
    assert not may_read(frozen, "rotated")


def test_grants_that_stood_before_the_lag_was_set_stay_good(frozen: Any) -> None:
    frozen.lags(role_assignment=60)
    path = grant(frozen, "rotated")
    assert may_read(frozen, "other")
    assert may_read(frozen, "admin")
    frozen.arm("DELETE", path)


def test_a_new_role_is_known_to_one_replica_before_the_other(frozen: Any) -> None:
    frozen.lags(role_assignment=60, replicas=3, seed=7)
    path = grant(frozen, "rotated")
    assert {may_read(frozen, "rotated") for _ in range(10)} == {False}
    frozen.clock(advance=45)
    assert {may_read(frozen, "rotated") for _ in range(20)} == {False, True}
    frozen.clock(advance=15)
    assert {may_read(frozen, "rotated") for _ in range(20)} == {True}
    frozen.arm("DELETE", path)


def test_a_removed_role_grants_on_until_its_lag_has_passed(frozen: Any) -> None:
    path = grant(frozen, "rotated")
    frozen.lags(role_removal=60, replicas=3, seed=7)
    assert may_read(frozen, "rotated")
    assert frozen.arm("DELETE", path).status_code == 200
    assert frozen.arm("GET", path).status_code == 404
    assert {may_read(frozen, "rotated") for _ in range(10)} == {True}
    frozen.clock(advance=45)
    assert {may_read(frozen, "rotated") for _ in range(20)} == {False, True}
    frozen.clock(advance=15)
    assert {may_read(frozen, "rotated") for _ in range(20)} == {False}


def test_a_removal_without_a_lag_is_at_once(frozen: Any) -> None:
    frozen.lags(role_assignment=60)
    path = grant(frozen, "rotated")
    frozen.clock(advance=60)
    assert may_read(frozen, "rotated")
    frozen.arm("DELETE", path)
    assert not may_read(frozen, "rotated")


def test_the_same_seed_meets_the_same_replicas(frozen: Any) -> None:
    def drawn() -> list[int]:
        frozen.lags(replicas=5, seed=3)
        return [frozen.sandbox.cloud.lags.replica() for _ in range(20)]

    assert drawn() == drawn()
    assert len(set(drawn())) > 1


def test_a_new_client_secret_is_a_wrong_one_until_its_lag_has_passed(frozen: Any) -> None:
    frozen.lags(app_password=20)
    secret = frozen.graph("/addPassword", {"passwordCredential": {"displayName": "x"}}).json()["secretText"]
    assert frozen.login("rotated", secret).json()["error_codes"] == [7000215]
    frozen.clock(advance=20)
    assert frozen.login("rotated", secret).status_code == 200


def test_a_new_federated_credential_is_unknown_until_its_lag_has_passed(frozen: Any) -> None:
    frozen.lags(federated_credential=30)
    runner = stable_guid("managed-identity", "runner", "principal")
    issuer = frozen.sandbox.cloud.entra.url
    credential = {
        "name": "late",
        "issuer": issuer,
        "subject": runner,
        "audiences": ["api://AzureADTokenExchange"],
    }
    assert frozen.graph("/federatedIdentityCredentials", credential).status_code == 201
    url = f"https://login.microsoftonline.com/{frozen.sandbox.cloud.tenant_id}/oauth2/v2.0/token"

    def exchange() -> Any:
        form = {
            "grant_type": "client_credentials",
            "client_id": stable_guid("application", "rotated"),
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": frozen.sandbox.token("runner", "api://AzureADTokenExchange"),
            "scope": "https://management.azure.com/.default",
        }
        return frozen.sandbox.http.post(url, data=form)

    assert exchange().json()["error_codes"] == [70025]
    frozen.clock(advance=30)
    assert exchange().status_code == 200


def test_a_new_job_stands_in_the_list_later_than_under_its_name(frozen: Any) -> None:
    frozen.lags(list_by_property=10)
    frozen.timeline({"name": "^unlisted$"}, (0, "Queued"))
    frozen.submit("unlisted")

    def listed() -> bool:
        return "unlisted" in [job["name"] for job in frozen.arm("GET", "./jobs").json()["value"]]

    assert (listed(), frozen.status("unlisted")) == (False, "Queued")
    frozen.clock(advance=10)
    assert listed()


def test_tokens_live_as_long_as_they_are_told(frozen: Any) -> None:
    frozen.lags(token_lifetime=60)
    answer = frozen.login("rotated", frozen.secret()).json()
    # Whole seconds, as Entra counts them.
    assert answer["expires_in"] in (59, 60)
    url = f"https://management.azure.com{frozen.workspace}?api-version=2024-10-01"
    headers = {"Authorization": f"Bearer {answer['access_token']}"}
    assert frozen.sandbox.http.get(url, headers=headers).status_code == 403
    frozen.clock(advance=60)
    assert (
        frozen.sandbox.http.get(url, headers=headers).json()["error"]["code"] == "ExpiredAuthenticationToken"
    )


def test_revoked_tokens_are_refused_and_new_ones_are_good(frozen: Any) -> None:
    held = {resource: frozen.sandbox.bearer("admin", resource) for resource in RESOURCES}
    assert {ask(frozen, resource, held).status_code for resource in RESOURCES} == {200}
    object_id = frozen.object_id("admin")
    for _ in range(2):
        answer = frozen.sandbox.control("POST", "/revoke", json={"object_id": object_id})
        assert answer.status_code == 204
        refused = [ask(frozen, resource, held) for resource in RESOURCES]
        assert {answer.status_code for answer in refused} == {401}
        assert all("Bearer" in answer.headers["www-authenticate"] for answer in refused)
        held = {resource: frozen.sandbox.bearer("admin", resource) for resource in RESOURCES}
        assert {ask(frozen, resource, held).status_code for resource in RESOURCES} == {200}
    assert may_read(frozen, "other")


RESOURCES = {
    "https://management.azure.com": "https://management.azure.com{workspace}?api-version=2024-10-01",
    "https://vault.azure.net": "https://vault1.vault.azure.net/secrets/seeded?api-version=7.4",
    "https://graph.microsoft.com": "https://graph.microsoft.com/v1.0/applications",
}


def ask(cloud: Any, resource: str, held: dict[str, dict[str, str]]) -> Any:
    url = RESOURCES[resource].format(workspace=cloud.workspace)
    return cloud.sandbox.http.get(url, headers=held[resource])


def test_entra_may_be_told_what_to_answer(cloud: Any) -> None:
    secret = cloud.secret()
    match = {"host": "login.microsoftonline.com", "path": "/token$", "count": 3}
    cloud.fault(match, "before", aadsts=[90033, 7000222])
    answers = [cloud.login("rotated", secret) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [503, 401, 401, 200]
    assert answers[0].json()["error"] == "temporarily_unavailable"
    assert answers[1].json()["error_codes"] == [7000222]
    assert answers[1].json()["error_description"].startswith("AADSTS7000222: ")
    assert "Trace ID: " in answers[1].json()["error_description"]


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"role": 5}, "role"),
        ({"role_assignment": -1}, "role_assignment"),
        ({"app_password": "3"}, "app_password"),
        ({"replicas": 0}, "replicas"),
        ({"replicas": 1.5}, "replicas"),
        ({"token_lifetime": True}, "token_lifetime"),
    ],
)
def test_a_malformed_lag_is_a_400_and_changes_nothing(cloud: Any, wrong: dict[str, Any], named: str) -> None:
    before = cloud.sandbox.control("GET", "/lags").json()
    answer = cloud.sandbox.control("POST", "/lags", json={"list_by_property": 9, **wrong})
    assert answer.status_code == 400
    assert named in answer.json()["error"]["message"]
    assert cloud.sandbox.control("GET", "/lags").json() == before


@pytest.mark.parametrize("wrong", [{}, {"object_id": ""}, {"object_id": "nobody"}, {"id": "x"}])
def test_a_revocation_names_a_principal(cloud: Any, wrong: dict[str, Any]) -> None:
    answer = cloud.sandbox.control("POST", "/revoke", json=wrong)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidRule")


def test_an_error_that_entra_does_not_know_is_refused(cloud: Any) -> None:
    for numbers in ([], [1], "7000215"):
        rule = {"match": {}, "phase": "before", "action": {"aadsts": numbers}}
        answer = cloud.sandbox.control("POST", "/faults", json=rule)
        assert "7000215" in answer.json()["error"]["message"]
    late = {"match": {}, "phase": "after", "action": {"aadsts": [7000215]}}
    assert "phase after" in cloud.sandbox.control("POST", "/faults", json=late).json()["error"]["message"]
