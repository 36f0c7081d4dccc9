# SPDX-License-Identifier: Apache-2.0
"""The audit log against the sandbox's ledger, which knows every effect, and by which request it came about."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from airflow_provider_azureml.audit.check import verify
from airflow_provider_azureml.cli.console import main
from demo.azure import Azure
from demo.connections import variables
from tests.wire.conftest import ROOT, Sandbox

SCRIPT = Path(__file__).parent / "clients" / "provider_audit.py"
RUN = "run-of-the-audit"
WRITER = SCRIPT.with_name("audit_writer.py")
NAME = f"audit-{os.getpid()}"
WRITERS, RECORDS = 8, 100


class Control:
    """The control API of the sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        control = json.loads((sandbox.data / "control.json").read_text())
        headers = {"Authorization": f"Bearer {control['token']}"}
        self._http = httpx.Client(base_url=control["url"], headers=headers, trust_env=False, timeout=30)

    def effects(self, since: int = 0) -> list[dict[str, Any]]:
        """What somebody did, not the platform."""
        rows = self._http.get("/ledger", params={"since": str(since)}).json()["value"]
        return [row for row in rows if row["object_id"]]

    def last(self) -> int:
        return max((row["sequence"] for row in self.effects()), default=0)

    def stall_after_put(self, name: str) -> None:
        rule = {
            "match": {"method": "PUT", "path": f"/jobs/{name}$"},
            "phase": "after",
            "action": {"stall_seconds": 60},
        }
        assert self._http.post("/faults", json=rule).status_code == 201

    def close(self) -> None:
        self._http.delete("/faults")
        self._http.close()


@pytest.fixture(scope="module")
def control(sandbox: Sandbox) -> Iterator[Control]:
    made = Control(sandbox)
    yield made
    made.close()


@dataclass(frozen=True)
class Done:
    """What a client did: its log, what it found, what it said, and the effects by the ledger."""

    audit: Path
    found: dict[str, Any]
    said: str
    effects: list[dict[str, Any]]


@pytest.fixture(scope="module")
def clients(sandbox: Sandbox, control: Control, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Done]:
    """All clients at once, each with a log of its own: most of their time is Python's start."""
    environment = {
        **sandbox.environment,
        **variables(Azure(sandbox.description)),
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "AIRFLOW_HOME": str(tmp_path_factory.mktemp("airflow")),
        "AIRFLOW__AZUREML__DEPLOYMENT_ID": "audit",
    }
    old = os.environ.get("AIRFLOW_2_PYTHON")
    assert old is not None, "AIRFLOW_2_PYTHON is not set; run the tests with `make test`"
    control.stall_after_put(f"{NAME}-hang")
    since, running = control.last(), {}
    for kind in ("work", "short", "hang", "failing"):
        audit = tmp_path_factory.mktemp(kind)
        command = [old if kind == "short" else sys.executable, str(SCRIPT), kind, f"{NAME}-{kind}"]
        own = {**environment, "AIRFLOW__AZUREML__AUDIT_PATH": str(audit)}
        pipe = subprocess.PIPE
        running[kind] = audit, subprocess.Popen(command, env=own, stdout=pipe, stderr=pipe, text=True)
    try:
        killed = kill_once_it_had_its_effect(running["hang"][1], control, since)
        ended = {
            kind: (audit, *finished(process)) for kind, (audit, process) in running.items() if kind != "hang"
        }
    finally:
        for _, process in running.values():
            process.kill()
            process.communicate()
    effects = control.effects(since)
    done = {kind: Done(*rest, [row for row in effects if is_of(row, kind)]) for kind, rest in ended.items()}
    return {**done, "hang": Done(running["hang"][0], {}, "", killed)}


def kill_once_it_had_its_effect(
    process: subprocess.Popen[str], control: Control, since: int
) -> list[dict[str, Any]]:
    deadline = time.monotonic() + 120
    while not (effects := [row for row in control.effects(since) if is_of(row, "hang")]):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    return effects


def finished(process: subprocess.Popen[str]) -> tuple[dict[str, Any], str]:
    """What the client found, and all that it said."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, (out + err)[-6000:]
    result: dict[str, Any] = json.loads(out.rpartition("FOUND ")[2])
    return result, out + err


def is_of(row: dict[str, Any], kind: str) -> bool:
    """Whose effect it is: only one of them does something else than jobs."""
    name = row["subject"].rsplit("/", 1)[-1]
    return name.startswith(f"{NAME}-{kind}") if row["kind"] == "job" else kind == "work"


def jobs(done: Done) -> list[tuple[str, str]]:
    return [(row["effect"], row["subject"].rsplit("/", 1)[-1]) for row in done.effects]


def shown(audit: Path, run: str, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert main(["audit", "show", run, "--json", "--path", str(audit)]) == 0
    events: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return events


def records(audit: Path) -> list[dict[str, Any]]:
    text = "".join(path.read_text() for path in audit.glob("*/*.jsonl"))
    return [json.loads(line) for line in text.splitlines()]


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


WORKERS = pytest.mark.parametrize("kind", ["work", "short"])


def test_the_work_had_effects_of_every_kind(clients: dict[str, Done]) -> None:
    seen = {(row["kind"], row["effect"]) for row in clients["work"].effects}
    assert seen >= {
        ("job", "created"),
        ("job", "cancel-requested"),
        ("job", "updated"),
        ("password", "added"),
        ("password", "removed"),
        ("secret", "set"),
        ("model-version", "created"),
    }
    assert {effect for effect, _ in jobs(clients["short"])} == {"created", "cancel-requested", "updated"}


@WORKERS
def test_every_effect_has_an_intent_before_it_and_an_outcome_after_it_by_who_did_it(
    clients: dict[str, Done], kind: str
) -> None:
    written = records(clients[kind].audit)
    intents = {record["event"]: record for record in written if record["kind"] == "intent"}
    outcomes = {record["request_id"]: record for record in written if record.get("request_id")}
    for row in clients[kind].effects:
        outcome = outcomes[row["request_id"]]
        intent = intents[outcome["event"]]
        assert outcome["result"] == "done", row
        assert intent["who"]["object_id"] == row["object_id"], row
        assert moment(intent["time"]) - 0.002 <= row["time"] <= moment(outcome["time"]) + 0.002, row
        assert intent["task"]["run_id"] == RUN, row
        assert intent["deployment"] == "audit"


@WORKERS
def test_every_intent_has_an_outcome_and_the_log_is_whole(clients: dict[str, Done], kind: str) -> None:
    events = [record["event"] for record in records(clients[kind].audit) if record["kind"] != "open"]
    assert len(events) == 2 * len(set(events)) >= 2 * 4
    report = verify(clients[kind].audit)
    assert (report.problems, report.notes, report.files) == ([], [], 1)


def test_the_run_is_shown_with_the_task_of_each_event(
    clients: dict[str, Done], capsys: pytest.CaptureFixture[str]
) -> None:
    events = shown(clients["work"].audit, RUN, capsys)
    assert {event["task"]["task_id"] for event in events} == {"train", "deferred", "rotate", "register"}
    job = shown(clients["work"].audit, f"{NAME}-work-1", capsys)
    assert {(event["task"]["task_id"], event["action"].split("/", 2)[2]) for event in job} == {
        ("train", "jobs/write"),
        ("deferred", "jobs/cancel/action"),
        ("deferred", "experiments/runs/write"),
    }


def test_polls_and_looks_are_not_recorded(clients: dict[str, Done]) -> None:
    actions = {record["action"] for record in records(clients["work"].audit) if record["kind"] == "intent"}
    assert not [action for action in actions if action.endswith("/read") or action.startswith("GET")]
    assert "Microsoft.KeyVault/vaults/secrets/getSecret/action" in actions


@WORKERS
def test_nothing_of_a_job_but_addresses_is_in_the_log(clients: dict[str, Done], kind: str) -> None:
    text = "".join(path.read_text() for path in clients[kind].audit.glob("*/*.jsonl"))
    assert "canary-of-the-audit" not in text
    assert "sleep 5" not in text
    assert "eyJ" not in text  # how every token begins


@WORKERS
def test_the_task_log_has_a_line_per_event(clients: dict[str, Done], kind: str) -> None:
    events = {record["event"] for record in records(clients[kind].audit) if record["kind"] == "intent"}
    assert clients[kind].said.count("audit: Microsoft.") == len(events)


def test_a_process_killed_before_the_outcome_leaves_a_whole_log_and_an_unknown_outcome(
    clients: dict[str, Done], capsys: pytest.CaptureFixture[str]
) -> None:
    done = clients["hang"]
    assert jobs(done) == [("created", f"{NAME}-hang")]
    assert verify(done.audit).problems == []
    [event] = shown(done.audit, f"{NAME}-hang", capsys)
    assert event["outcome"] == "unknown (no outcome recorded)"
    assert event["who"]["object_id"] == done.effects[0]["object_id"]
    assert moment(event["time"]) <= done.effects[0]["time"] + 0.002


def test_a_log_that_fails_refuses_submits_and_no_cancel(clients: dict[str, Done]) -> None:
    cancelled = ("cancel-requested", "created", "updated")
    assert sorted(jobs(clients["failing"])) == sorted(
        [
            *((effect, f"{NAME}-failing-full-0") for effect in cancelled),
            ("created", f"{NAME}-failing-full-2"),
            *((effect, f"{NAME}-failing-nowhere-0") for effect in cancelled),
        ]
    )
    report = verify(clients["failing"].audit)
    assert (report.problems, report.notes) == ([], [])


@pytest.mark.parametrize(
    ("case", "cause"), [("full", "File too large. Make room in"), ("nowhere", "Not a directory (")]
)
def test_the_refusal_says_why_and_what_to_do(clients: dict[str, Done], case: str, cause: str) -> None:
    found = clients["failing"].found[case]
    assert found["refusal"].startswith(
        "Not sent to Azure, because it could not be recorded first: Microsoft."
    )
    assert f"The audit log failed: {cause}" in found["refusal"]
    assert "set [azureml] audit_path to another folder" in found["refusal"]
    assert found["problem"] == ""
    assert clients["failing"].said.count(f"audit: not recorded in full: {cause.split(' Make')[0]}") == 2


def test_once_there_is_room_again_submits_go_on(clients: dict[str, Done]) -> None:
    assert clients["failing"].found["full"]["later"] == ""


def test_eight_writers_lose_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [sys.executable, str(WRITER), str(tmp_path), str(RECORDS)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    writers = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) for _ in range(WRITERS)]
    took = sorted(second for writer in writers for second in json.loads(writer.communicate(timeout=60)[0]))
    report = verify(tmp_path)
    assert (report.files, report.problems, report.notes) == (WRITERS, [], [])
    assert report.records == WRITERS * (RECORDS + 1)
    events = {record["event"] for record in records(tmp_path) if record["kind"] == "intent"}
    assert len(events) == WRITERS * RECORDS
    middle, late = took[len(took) // 2] * 1000, took[int(len(took) * 0.99)] * 1000
    with capsys.disabled():
        figures = f"p50 {middle:.1f} ms, p99 {late:.1f} ms"
        sys.stdout.write(f"\naudit: {len(took)} records by {WRITERS} writers at once: {figures}\n")
