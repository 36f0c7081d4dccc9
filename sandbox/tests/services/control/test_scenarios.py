# SPDX-License-Identifier: Apache-2.0
"""Tests that break one sandbox side by side, and what they leave behind."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

BUSY = {"status": 503}
ALWAYS = {"method": "GET", "path": r"/resourceGroups/rg$", "count": None}


class Scenario:
    def __init__(self, cloud: Any, **bound: Any) -> None:
        self.cloud = cloud
        answer = cloud.sandbox.control("POST", "/scenarios", json=bound)
        assert answer.status_code == 201, answer.text
        self.id = answer.json()["id"]

    def fault(self, match: dict[str, Any], **action: Any) -> None:
        rule = {"match": match, "phase": "before", "action": action, "scenario": self.id}
        answer = self.cloud.sandbox.control("POST", "/faults", json=rule)
        assert answer.status_code == 201, answer.text

    def bind(self, **bound: Any) -> Any:
        return self.cloud.sandbox.control("POST", f"/scenarios/{self.id}", json=bound)

    def end(self) -> int:
        return int(self.cloud.sandbox.control("DELETE", f"/scenarios/{self.id}").status_code)


@pytest.fixture
def scenario(cloud: Any) -> Iterator[Scenario]:
    made = Scenario(cloud)
    yield made
    made.end()


def read(cloud: Any, who: str = "admin", **headers: str) -> int:
    url = f"https://management.azure.com{cloud.group}?api-version=2024-10-01"
    given = {**cloud.sandbox.bearer(who), **headers}
    return int(cloud.sandbox.http.get(url, headers=given).status_code)


def test_a_fault_of_a_scenario_strikes_who_names_it_and_nobody_else(cloud: Any, scenario: Scenario) -> None:
    scenario.fault(ALWAYS, **BUSY)
    assert read(cloud) == 200
    assert read(cloud, **{"x-ms-sandbox-scenario": scenario.id}) == 503
    assert read(cloud, **{"x-ms-sandbox-scenario": str(uuid.uuid4())}) == 200


def test_a_scenario_knows_the_principals_and_correlation_ids_bound_to_it(
    cloud: Any, scenario: Scenario
) -> None:
    scenario.fault(ALWAYS, **BUSY)
    correlation = str(uuid.uuid4())
    assert (read(cloud, "other"), read(cloud, **{"x-ms-correlation-request-id": correlation})) == (200, 200)
    scenario.bind(object_ids=[cloud.object_id("other").upper()])
    shown = scenario.bind(correlation_ids=[correlation]).json()
    assert (shown["object_ids"], shown["correlation_ids"]) == ([cloud.object_id("other")], [correlation])
    assert (read(cloud, "other"), read(cloud, **{"x-ms-correlation-request-id": correlation})) == (503, 503)
    assert read(cloud) == 200


def test_requests_of_others_are_not_counted(cloud: Any, scenario: Scenario) -> None:
    scenario.fault({**ALWAYS, "nth": 2, "count": 1}, **BUSY)
    mine = {"x-ms-sandbox-scenario": scenario.id}
    statuses = [read(cloud, **headers) for headers in ({}, mine, {}, mine, mine)]
    assert statuses == [200, 200, 200, 503, 200]


def test_a_timeline_of_a_scenario_takes_its_jobs_alone(cloud: Any, scenario: Scenario) -> None:
    scenario.bind(object_ids=[cloud.object_id("admin")])
    other = Scenario(cloud)
    for owner, word in ((other, "Theirs"), (scenario, "Ours")):
        timeline = {"match": {}, "states": [{"after": 0, "status": word}], "scenario": owner.id}
        assert cloud.sandbox.control("POST", "/timelines", json=timeline).status_code == 201
    assert cloud.submit("of-a-scenario").json()["properties"]["status"] == "Ours"
    other.end()


def test_a_scenario_that_ends_takes_its_rules_along_and_no_others(cloud: Any) -> None:
    one, two = Scenario(cloud), Scenario(cloud)
    for scenario in (one, two):
        scenario.fault(ALWAYS, **BUSY)
    assert (one.end(), one.end()) == (204, 404)
    rules = cloud.sandbox.control("GET", "/faults").json()["value"]
    assert [rule["scenario"] for rule in rules] == [two.id]
    assert one.bind().status_code == 404
    assert one.id not in [entry["id"] for entry in cloud.sandbox.control("GET", "/scenarios").json()["value"]]
    two.end()


@pytest.mark.parametrize(
    ("path", "document", "named"),
    [
        ("/scenarios", {"principals": []}, "principals"),
        ("/scenarios", {"object_ids": "x"}, "object_ids"),
        ("/scenarios", {"correlation_ids": [""]}, "correlation_ids"),
        ("/faults", {"match": {}, "phase": "before", "action": {"reset": True}, "scenario": "x"}, "scenario"),
        ("/timelines", {"match": {}, "states": [{"after": 0, "status": "a"}], "scenario": "x"}, "scenario"),
    ],
)
def test_a_malformed_scenario_is_a_400_that_names_the_member(
    cloud: Any, path: str, document: dict[str, Any], named: str
) -> None:
    answer = cloud.sandbox.control("POST", path, json=document)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidRule")
    assert named in answer.json()["error"]["message"]
    assert cloud.sandbox.control("GET", "/faults").json() == {"value": []}


def leaks(cloud: Any, deployment: str) -> Any:
    return cloud.sandbox.control("GET", "/leaks", params={"deployment": deployment}).json()


def test_jobs_of_a_deployment_that_still_run_are_leaks(frozen: Any) -> None:
    frozen.timeline({"name": "^leak-"}, (0, "Running"), (60, "Completed"))
    for name, deployment in (("leak-a", "prod"), ("leak-b", "other")):
        frozen.submit(name, properties={"airflow.deployment": deployment})
    (job,) = leaks(frozen, "prod")["jobs"]
    assert job["id"].endswith("/jobs/leak-a")
    assert job["status"] == "Running"
    frozen.clock(advance=60)
    assert leaks(frozen, "prod")["jobs"] == []


def test_a_client_secret_that_no_vault_holds_is_a_leak(cloud: Any) -> None:
    assert leaks(cloud, "prod")["passwords"] == []
    made = cloud.graph("/addPassword", {"passwordCredential": {"displayName": "lost"}}).json()
    (leaked,) = leaks(cloud, "prod")["passwords"]
    assert (leaked["application"], leaked["key_id"], leaked["display_name"]) == (
        "rotated",
        made["keyId"],
        "lost",
    )
    assert made["secretText"] not in str(leaked)
    cloud.vault("PUT", "/secrets/kept", {"value": made["secretText"]})
    assert leaks(cloud, "prod")["passwords"] == []


def test_leaks_are_asked_for_a_deployment(cloud: Any) -> None:
    answer = cloud.sandbox.control("GET", "/leaks")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidQuery")
