# SPDX-License-Identifier: Apache-2.0
"""The sandbox without sockets: the same answers, and faults as exceptions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from azure_sandbox.kernel.clock import ManualClock
from azure_sandbox.testing import Answer, InProcess, Lost, Stalled, Unresolved, in_process
from sandbox.tests.services.control.conftest import ML, SEED


class Client:
    def __init__(self, sandbox: InProcess) -> None:
        self.sandbox = sandbox
        self.workspace = f"{sandbox.cloud.group_scope('rg')}/providers/{ML}/ws"

    def arm(self, method: str, path: str, body: Any = None) -> Answer:
        url = f"https://management.azure.com{self.workspace}{path}?api-version=2024-10-01"
        content = b"" if body is None else json.dumps(body).encode()
        return self.sandbox.request(method, url, self.sandbox.bearer("admin"), content)

    def submit(self, name: str) -> Answer:
        environment = f"{self.workspace}/environments/plain/versions/1"
        job = {"jobType": "Command", "command": "true", "environmentId": environment}
        return self.arm(
            "PUT", f"/jobs/{name}", {"properties": job | {"identity": {"identityType": "Managed"}}}
        )

    def status(self, name: str) -> str:
        return str(json.loads(self.arm("GET", f"/jobs/{name}").body)["properties"]["status"])

    def effects(self, name: str) -> list[str]:
        return [row.effect for row in self.sandbox.ledger() if row.subject.endswith(f"/jobs/{name}")]


@pytest.fixture(scope="module")
def _module_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with in_process(tmp_path_factory.mktemp("cloud"), SEED, ManualClock()) as sandbox:
        client = Client(sandbox)
        client.arm("PUT", "/environments/plain/versions/1", {"properties": {"image": "ubuntu"}})
        yield client


@pytest.fixture
def client(_module_client: Client) -> Iterator[Client]:
    yield _module_client
    _module_client.sandbox.heal()


def test_a_job_is_submitted_and_followed_without_a_socket(client: Client) -> None:
    client.sandbox.timeline(
        {"match": {}, "states": [{"after": 0, "status": "Running"}, {"after": 60, "status": "Completed"}]}
    )
    answer = client.submit("plain")
    assert (answer.status, answer.headers["content-type"]) == (201, "application/json")
    assert client.status("plain") == "Running"
    client.sandbox.clock.advance(60)
    assert client.effects("plain") == ["created", "started", "ended"]
    assert client.status("plain") == "Completed"


def test_a_job_that_no_timeline_wants_completes_by_itself(client: Client) -> None:
    client.submit("default")
    assert client.status("default") == "Queued"
    client.sandbox.clock.advance(10)
    assert client.status("default") == "Completed"


def test_a_refusal_is_an_answer(client: Client) -> None:
    url = f"https://management.azure.com{client.workspace}?api-version=2024-10-01"
    answer = client.sandbox.request("GET", url)
    assert (answer.status, json.loads(answer.body)["error"]["code"]) == (401, "AuthenticationFailed")
    assert "www-authenticate" in answer.headers


def test_storage_is_served_within_a_running_loop(client: Client) -> None:
    client.sandbox.timeline(
        {
            "match": {},
            "states": [{"after": 0, "status": "Running"}],
            "log": [{"after": 0, "text": "x" * 3_000_000}],
        }
    )
    client.submit("talks")
    url = f"https://eastus.api.azureml.ms/history/v1.0{client.workspace}/runs/talks/details"
    details = json.loads(client.sandbox.request("GET", url, client.sandbox.bearer("admin")).body)
    address = details["logFiles"]["user_logs/std_log.txt"]

    async def read() -> Answer:
        return client.sandbox.request("GET", address)

    assert len(asyncio.run(read()).body) == 3_000_001


@pytest.mark.parametrize(("phase", "effect"), [("before", False), ("after", True), ("mid_body", True)])
def test_a_reset_is_a_lost_answer_that_says_whether_the_effect_is_there(
    client: Client, phase: str, effect: bool
) -> None:
    client.sandbox.fault({"match": {"path": f"/lost-{phase}"}, "phase": phase, "action": {"reset": True}})
    with pytest.raises(Lost) as caught:
        client.submit(f"lost-{phase}")
    assert caught.value.after_effect is effect
    assert (caught.value.received is not None) is (phase == "mid_body")
    assert (client.effects(f"lost-{phase}")[:1] == ["created"]) is effect


def test_a_stall_says_how_long_and_what_would_have_come(client: Client) -> None:
    client.sandbox.fault({"match": {"path": "/slow"}, "phase": "after", "action": {"stall_seconds": 90}})
    with pytest.raises(Stalled) as caught:
        client.submit("slow")
    assert (caught.value.seconds, caught.value.after_effect) == (90, True)
    assert caught.value.answer is not None
    assert caught.value.answer.status == 201
    client.sandbox.fault({"match": {"path": "/never"}, "phase": "before", "action": {"stall_seconds": 90}})
    with pytest.raises(Stalled) as caught:
        client.submit("never")
    assert caught.value.answer is None
    assert client.arm("GET", "/jobs/never").status == 404


def test_other_damage_is_an_answer_and_the_rule_counts(client: Client) -> None:
    rule = client.sandbox.fault(
        {"match": {"path": "/busy"}, "phase": "after", "action": {"status": 503, "body": {"a": 1}}}
    )
    assert client.submit("busy").status == 503
    assert (rule.seen, rule.struck) == (1, 1)
    client.sandbox.fault({"match": {"path": "/cut"}, "phase": "after", "action": {"truncate": 4}})
    answer = client.submit("cut")
    assert (len(answer.body), answer.headers["content-length"]) == (4, "4")


def test_a_host_without_an_address_is_an_exception(client: Client) -> None:
    client.sandbox.fault(
        {"match": {"host": "management.azure.com"}, "phase": "before", "action": {"dns_fail": True}}
    )
    with pytest.raises(Unresolved):
        client.submit("unresolved")
    assert client.submit("unresolved").status == 201


def test_settings_are_made_without_a_request(client: Client) -> None:
    sandbox = client.sandbox
    sandbox.throttle({"deletes": {"size": 1, "per_second": 1}})
    assert [client.arm("DELETE", "/jobs/none").status for _ in range(2)] == [404, 429]
    assert sandbox.throttle({})["deletes"]["refused"] == 1
    sandbox.lags({"list_by_property": 5})
    client.submit("listed-late")
    assert b"listed-late" not in client.arm("GET", "/jobs").body
    sandbox.clock.advance(5)
    assert b"listed-late" in client.arm("GET", "/jobs").body
    assert sandbox.leaks("prod")["jobs"] == []
