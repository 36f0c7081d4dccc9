# SPDX-License-Identifier: Apache-2.0
"""The state and the ledger agree at every instant at which a sandbox can be killed."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from azure_sandbox.kernel.clock import ManualClock
from azure_sandbox.kernel.cloud import stable_guid
from azure_sandbox.testing import InProcess, in_process
from sandbox.tests.services.control.conftest import SEED
from sandbox.tests.test_in_process import Client

READER = "/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7"


class Onlooker:
    """What another process would find in the database: only what was committed."""

    def __init__(self, data: Path) -> None:
        self._connection = sqlite3.connect(data / "state.sqlite3", isolation_level=None)
        self._at_first = self._state()
        self._rows = self._last()
        self.disagreements: list[str] = []
        self.looks = 0

    def look(self, statement: str) -> None:
        self.looks += 1
        wanted = {kind: self._at_first[kind] + self._balance(kind) for kind in self._at_first}
        state = self._state()
        if state != wanted or not self._statuses_agree():
            self.disagreements.append(f"before {statement[:60]}: {state}, by the ledger {wanted}")

    def close(self) -> None:
        self._connection.close()

    def _one(self, query: str, *values: Any) -> Any:
        return self._connection.execute(query, values).fetchone()[0]

    def _last(self) -> int:
        return self._one("SELECT coalesce(max(sequence), 0) FROM ledger")

    def _state(self) -> dict[str, int]:
        identities = "SELECT body FROM document WHERE collection='identity'"
        held = [json.loads(body)["passwords"] for (body,) in self._connection.execute(identities)]
        secrets = "SELECT body FROM document WHERE collection='key-vault-secret'"
        versions = [json.loads(body)["versions"] for (body,) in self._connection.execute(secrets)]
        return {
            "job": self._one("SELECT count(*) FROM machinelearning_run WHERE kind='job'"),
            "role-assignment": self._one("SELECT count(*) FROM document WHERE collection='role-assignment'"),
            "password": sum(map(len, held)),
            "secret": sum(map(len, versions)),
            "model-version": self._one(
                "SELECT count(*) FROM document WHERE collection='machinelearning.asset' AND key LIKE '%/models/%'"
            ),
        }

    def _balance(self, kind: str) -> int:
        count = "SELECT count(*) FROM ledger WHERE sequence>? AND kind=? AND effect IN ({})"
        made = self._one(count.format("'created','added','set'"), self._rows, kind)
        gone = self._one(count.format("'deleted','removed'"), self._rows, kind) if kind != "secret" else 0
        return int(made - gone)

    def _statuses_agree(self) -> bool:
        """Every job has the status that its last row in the ledger tells, where that tells one."""
        runs = self._connection.execute("SELECT name, status FROM machinelearning_run WHERE kind='job'")
        return all(status == self._told(name) for name, status in runs)

    def _told(self, name: str) -> str:
        row = self._one(
            'SELECT "after" FROM ledger WHERE kind=\'job\' AND subject LIKE ? AND "after" LIKE \'%"status"%\''
            " ORDER BY sequence DESC LIMIT 1",
            f"%/jobs/{name}",
        )
        return str(json.loads(row)["status"])


def everything(sandbox: InProcess) -> None:
    """One of every effect, over HTTP."""
    client = Client(sandbox)
    states = [{"after": 1, "status": "Running"}, {"after": 5, "status": "Completed"}]
    sandbox.timeline({"match": {}, "states": states})
    for name in ("whole", "cancelled"):
        assert client.submit(name).status == 201
    sandbox.clock.advance(1)
    assert client.arm("POST", "/jobs/cancelled/cancel").status == 202
    sandbox.clock.advance(9)
    assert client.status("whole") == "Completed"
    assert client.arm("DELETE", "/jobs/whole").status == 202
    path = f"/providers/Microsoft.Authorization/roleAssignments/{stable_guid('an assignment')}"
    principal = stable_guid("service-principal", "other")
    properties = {"roleDefinitionId": READER, "principalId": principal}
    assert client.arm("PUT", path, {"properties": properties}).status == 201
    assert client.arm("DELETE", path).status == 200
    model = {"properties": {"modelUri": "azureml://datastores/a/paths/m", "modelType": "custom_model"}}
    assert client.arm("PUT", "/models/m/versions/1", model).status == 201
    rotate(sandbox)


def rotate(sandbox: InProcess) -> None:
    application = f"applications(appId='{stable_guid('application', 'rotated')}')"

    def ask(resource: str, method: str, url: str, body: Any = None) -> Any:
        content = b"" if body is None else json.dumps(body).encode()
        answer = sandbox.request(method, url, sandbox.bearer("admin", resource), content)
        assert answer.status < 300, answer.body
        return json.loads(answer.body or b"{}")

    graph, vault = (
        "https://graph.microsoft.com",
        "https://vault1.vault.azure.net/secrets/kept?api-version=7.4",
    )
    made = ask(graph, "POST", f"{graph}/v1.0/{application}/addPassword", {"passwordCredential": {}})
    ask("https://vault.azure.net", "PUT", vault, {"value": made["secretText"]})
    ask("https://vault.azure.net", "DELETE", vault)
    ask(graph, "POST", f"{graph}/v1.0/{application}/removePassword", {"keyId": made["keyId"]})


def test_before_every_statement_the_committed_state_is_what_the_ledger_tells(tmp_path: Path) -> None:
    with in_process(tmp_path / "cloud", SEED, ManualClock()) as sandbox:
        Client(sandbox).arm("PUT", "/environments/plain/versions/1", {"properties": {"image": "ubuntu"}})
        onlooker = Onlooker(sandbox.cloud.data)
        sandbox.cloud.store.connection.set_trace_callback(onlooker.look)
        everything(sandbox)
        sandbox.cloud.store.connection.set_trace_callback(None)
        kinds = {(row.kind, row.effect) for row in sandbox.ledger() if row.object_id or row.kind == "job"}
        onlooker.close()
    assert onlooker.looks > 100
    assert onlooker.disagreements == []
    assert {"created", "started", "ended", "cancel-requested", "deleted"} == {
        e for k, e in kinds if k == "job"
    }
    assert {kind for kind, _ in kinds} == {"job", "role-assignment", "password", "secret", "model-version"}


def dying_at(data: Path, at: Callable[[str], bool]) -> None:
    """Submit a job in a process that is killed before the first statement of which ``at`` is true."""
    child = os.fork()
    if child == 0:
        try:
            with in_process(data, SEED, ManualClock()) as sandbox:
                sandbox.cloud.store.connection.set_trace_callback(lambda text: at(text) and os._exit(137))
                Client(sandbox).submit("killed")
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 137


@pytest.mark.parametrize(
    "statement", ["INSERT OR IGNORE INTO machinelearning_run", "INSERT INTO ledger", "COMMIT"]
)
def test_a_kill_between_the_job_and_its_row_leaves_neither(tmp_path: Path, statement: str) -> None:
    with in_process(tmp_path / "cloud", SEED, ManualClock()) as sandbox:
        Client(sandbox).arm("PUT", "/environments/plain/versions/1", {"properties": {"image": "ubuntu"}})
    dying_at(tmp_path / "cloud", lambda text: text.startswith(statement))
    with in_process(tmp_path / "cloud", SEED, ManualClock()) as sandbox:
        client = Client(sandbox)
        assert client.arm("GET", "/jobs/killed").status == 404
        assert client.effects("killed") == []
        assert client.submit("killed").status == 201
