# SPDX-License-Identifier: Apache-2.0
"""The control API: whom it admits, what it refuses, what the ledger shows."""

from __future__ import annotations

import json
import stat
import time
import uuid
from typing import Any

import httpx
import pytest

from azure_sandbox.kernel.cloud import stable_guid

ROLES = "Microsoft.Authorization/roleDefinitions"
ENDED = ("Completed", "Failed", "Canceled")


def raw(cloud: Any, path: str, **kwargs: Any) -> httpx.Response:
    url = json.loads((cloud.data / "control.json").read_text())["url"]
    return httpx.get(url + path, trust_env=False, **kwargs)


def ended(cloud: Any, name: str) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        status = str(cloud.arm("GET", f"./jobs/{name}").json()["properties"]["status"])
        if status in ENDED:
            return status
        time.sleep(0.1)
    raise AssertionError(f"{name} is {status}")


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic x"}])
@pytest.mark.parametrize("path", ["/ledger", "/faults", "/nothing"])
def test_without_the_token_nothing_is_answered(cloud: Any, headers: dict[str, str], path: str) -> None:
    answer = raw(cloud, path, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "Unauthorized")


def test_a_token_of_azure_does_not_open_the_control_api(cloud: Any) -> None:
    assert raw(cloud, "/ledger", headers=cloud.sandbox.bearer("admin")).status_code == 401


@pytest.mark.parametrize("host", ["localhost", "169.254.169.254", "management.azure.com"])
def test_the_control_api_has_one_host_name(cloud: Any, host: str) -> None:
    token = json.loads((cloud.data / "control.json").read_text())["token"]
    answer = raw(cloud, "/ledger", headers={"Authorization": f"Bearer {token}", "Host": host})
    assert answer.status_code in (401, 404)
    assert "value" not in answer.json()


def test_the_token_is_its_owners_alone_and_new_at_each_start(serve: Any) -> None:
    first = serve({"resource_groups": ["rg"]})
    file = first.cloud.data / "control.json"
    token = json.loads(file.read_text())["token"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    serve({"resource_groups": ["rg"]})
    assert json.loads(file.read_text())["token"] != token


@pytest.mark.parametrize(
    "rule", [{}, [], {"match": {}, "phase": "before"}, {"match": {}, "phase": "x", "action": {"reset": True}}]
)
def test_a_malformed_rule_is_a_400_and_sets_nothing(cloud: Any, rule: Any) -> None:
    answer = cloud.sandbox.control("POST", "/faults", json=rule)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]
    assert cloud.sandbox.control("GET", "/faults").json() == {"value": []}


@pytest.mark.parametrize("query", [{"since": "-1"}, {"since": "x"}, {"since": "9" * 30}, {"kind": "lease"}])
def test_a_malformed_question_to_the_ledger_is_a_400(cloud: Any, query: dict[str, str]) -> None:
    answer = cloud.sandbox.control("GET", "/ledger", params=query)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidQuery")


def test_a_jobs_life_is_in_the_ledger(cloud: Any) -> None:
    answer = cloud.submit("life", "exit 0", tags={"a": "1"})
    assert ended(cloud, "life") == "Completed"
    cloud.submit("life", "exit 0", tags={"a": "1"})
    cloud.submit("life", "exit 0", tags={"a": "2"})
    assert cloud.arm("DELETE", "./jobs/life").status_code == 202
    rows = [row for row in cloud.ledger(kind="job") if row["subject"].endswith("/jobs/life")]
    assert [row["effect"] for row in rows] == ["created", "started", "ended", "updated", "deleted"]
    created, started, end, updated, _ = rows
    assert created["object_id"] == cloud.object_id("admin")
    assert created["request_id"] == answer.headers["x-ms-request-id"]
    assert created["after"]["tags"] == {"a": "1"}
    assert started["object_id"] == end["object_id"] == ""
    assert end["after"] == {"status": "Completed"}
    assert (updated["before"], updated["after"]) == ({"tags": {"a": "1"}}, {"tags": {"a": "2"}})


def test_a_cancelled_job_says_who_asked_and_how_it_ended(cloud: Any) -> None:
    cloud.submit("cancelled")
    assert cloud.arm("POST", "./jobs/cancelled/cancel").status_code == 202
    # 200 where the job is over by now.
    assert cloud.arm("POST", "./jobs/cancelled/cancel").status_code in (200, 202)
    assert ended(cloud, "cancelled") == "Canceled"
    rows = [row for row in cloud.ledger(kind="job") if row["subject"].endswith("/jobs/cancelled")]
    asked, end = rows[-2:]
    assert [row["effect"] for row in rows].count("cancel-requested") == 1
    assert (asked["effect"], asked["object_id"]) == ("cancel-requested", cloud.object_id("admin"))
    assert (end["effect"], end["object_id"]) == ("ended", "")
    assert (end["before"], end["after"]) == ({"status": "CancelRequested"}, {"status": "Canceled"})


def test_a_refused_request_leaves_no_row(cloud: Any) -> None:
    last = cloud.ledger()[-1]["sequence"]
    assert cloud.arm("PUT", "./jobs/denied", cloud.job(), who="other").status_code == 403
    assert cloud.arm("PUT", "./jobs/denied", {"properties": {"jobType": "Command"}}).status_code == 400
    assert cloud.ledger(since=last) == []


def test_a_role_assignment_and_its_removal_are_in_the_ledger(cloud: Any) -> None:
    name, principal = str(uuid.uuid4()), cloud.object_id("other")
    held = cloud.arm("GET", f"/subscriptions/{cloud.sandbox.cloud.subscription_id}/providers/{ROLES}").json()
    role = next(entry["id"] for entry in held["value"] if entry["properties"]["roleName"] == "Contributor")
    path = f"{cloud.group}/providers/Microsoft.Authorization/roleAssignments/{name}"
    body = {"properties": {"roleDefinitionId": role, "principalId": principal}}
    assert [cloud.arm("PUT", path, body).status_code for _ in range(2)] == [201, 200]
    assert [cloud.arm("DELETE", path).status_code for _ in range(2)] == [200, 204]
    rows = [row for row in cloud.ledger(kind="role-assignment") if row["subject"] == path]
    assert [row["effect"] for row in rows] == ["created", "deleted"]
    assert rows[0]["after"]["principal_id"] == rows[1]["before"]["principal_id"] == principal


def test_a_model_version_is_created_once_and_updated(cloud: Any) -> None:
    for tags in ({}, {}, {"stage": "champion"}):
        body = {"properties": {"modelUri": "https://x.blob.core.windows.net/m?sig=abc", "tags": tags}}
        assert cloud.arm("PUT", "./models/fares/versions/1", body).is_success
    assert cloud.effects("/models/fares/versions/1") == ["created", "updated"]
    assert "sig=" not in json.dumps(cloud.ledger(kind="model-version"))


def test_secrets_and_passwords_are_in_the_ledger_without_their_values(cloud: Any) -> None:
    added = cloud.graph("/addPassword", {"passwordCredential": {"displayName": "rotation"}}).json()
    cloud.vault("PUT", "/secrets/rotated", {"value": added["secretText"]})
    cloud.vault("PATCH", "/secrets/rotated", {"attributes": {"enabled": False}})
    cloud.vault("DELETE", "/secrets/rotated")
    cloud.vault("POST", "/deletedsecrets/rotated/recover")
    cloud.vault("DELETE", "/secrets/rotated")
    cloud.vault("DELETE", "/deletedsecrets/rotated")
    assert cloud.graph("/removePassword", {"keyId": added["keyId"]}).status_code == 204
    life = ["set", "updated", "deleted", "recovered", "deleted", "purged"]
    assert cloud.effects("vault1.vault.azure.net/secrets/rotated") == life
    assert cloud.effects(f"/passwords/{added['keyId']}") == ["added", "removed"]
    seeded = cloud.vault("GET", "/secrets/seeded").json()["value"]
    everything = json.dumps(cloud.ledger())
    assert added["secretText"] not in everything
    assert seeded not in everything
    password = cloud.ledger(kind="password")[-1]
    assert password["subject"].startswith(f"applications/{stable_guid('application', 'rotated')}/")
    assert password["object_id"] == cloud.object_id("admin")


def test_what_the_seed_makes_is_nobodys_request(cloud: Any) -> None:
    seeded = [row for row in cloud.ledger() if row["subject"].endswith("/secrets/seeded")]
    assert [(row["effect"], row["object_id"], row["request_id"]) for row in seeded] == [("set", "", "")]
