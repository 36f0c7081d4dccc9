# SPDX-License-Identifier: Apache-2.0
"""Jobs that follow a timeline instead of running: no process, no timer, only what is due by the clock.

What is still to happen to a job is a row of ``machinelearning_script``, so that a restart goes on with
it. The row is there until the job has ended and nothing more can become of it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from azure_sandbox.kernel.cloud import Cloud, stable_guid
from azure_sandbox.kernel.ledger import acting
from azure_sandbox.kernel.ports import Lake
from azure_sandbox.services.machinelearning.effects import JobEffects
from azure_sandbox.services.machinelearning.records import TERMINAL, JobFailure, Json, Run
from azure_sandbox.services.machinelearning.runs import Runs
from azure_sandbox.services.machinelearning.timelines import Script, State, Timeline, parse
from azure_sandbox.services.machinelearning.workspaces import Workspaces

LOG = "user_logs/std_log.txt"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS machinelearning_script (
    workspace TEXT NOT NULL, name TEXT NOT NULL, due REAL, body TEXT NOT NULL,
    PRIMARY KEY (workspace, name)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS machinelearning_script_due ON machinelearning_script (due);
"""


class ScriptedJobs:
    """Implements the port ``Timelines``, and lives the jobs that got one."""

    def __init__(self, cloud: Cloud, workspaces: Workspaces, runs: Runs, effects: JobEffects) -> None:
        self._cloud = cloud
        self._connection = cloud.store.connection
        self._workspaces = workspaces
        self._runs = runs
        self._effects = effects
        self._timelines: list[Timeline] = []
        self._otherwise: Timeline | None = None
        cloud.store.migrate(_SCHEMA)
        cloud.agenda.served_by(self._perform)
        cloud.agenda.expect(self._next_due())

    # -- Timelines

    def add(self, document: Mapping[str, Any]) -> Json:
        timeline = parse(document)
        self._cloud.scenarios.check(document)
        self._timelines.append(timeline)
        return timeline.rendered()

    def listed(self) -> list[Json]:
        return [timeline.rendered() for timeline in self._timelines]

    def clear(self, scenario: str = "") -> None:
        self._timelines[:] = [item for item in self._timelines if scenario and item.scenario != scenario]

    def live_otherwise(self, document: Mapping[str, Any]) -> None:
        self._otherwise = parse(document)

    # -- Jobs

    def claim(self, run: Run) -> Timeline | None:
        """The oldest timeline that wants a new job; it counts the job as taken."""
        for timeline in self._timelines:
            if timeline.fits(run, acting.get().scenarios):
                timeline.taken += 1
                return timeline
        return self._otherwise

    def begin(self, run: Run, timeline: Timeline) -> None:
        """Give a job that is stored its life, and a pipeline's steps theirs."""
        for step, script in timeline.children.items():
            child = self._child(run, step)
            self._runs.insert(child)
            self._effects.created(child)
            self._plan(child, script)
        self._plan(run, timeline.script)
        self._cloud.agenda.catch_up()

    def owns(self, run: Run) -> bool:
        """Whether there is still something that can become of the job by its timeline."""
        return self._row(run) is not None

    def cancel(self, run: Run) -> bool:
        """Do what the timeline says of a cancel, the first time; False where the job follows none."""
        body = self._row(run)
        if body is None:
            return False
        if not body["cancelled"]:
            self._cancel(run, body)
            for child in self._runs.children(run.workspace, run.name):
                if not child.over:
                    self.cancel(child)
            self._cloud.agenda.catch_up()
        return True

    def forget(self, run: Run) -> None:
        key = (run.workspace, run.name)
        self._connection.execute("DELETE FROM machinelearning_script WHERE workspace=? AND name=?", key)

    def _cancel(self, run: Run, body: Json) -> None:
        now, was, answer = self._cloud.clock.time(), run.status, body["on_cancel"]
        if answer and answer[0][0] == 0:
            run.status = "CancelRequested"
            self._runs.save(run)
        self._effects.cancel_requested(run, was)
        body["cancelled"] = True
        if answer:
            body["states"] = [[now + after, status] for after, status in answer]
            body["log"] = []
        self._write(run, body)

    def _child(self, run: Run, step: str) -> Run:
        child = Run(
            name=stable_guid("step", run.workspace, run.name, step, str(run.number)),
            workspace=run.workspace,
            kind="child",
            experiment=run.experiment,
            body={"jobType": "Command"},
            created=run.created,
            created_by=run.created_by,
            display_name=step,
            parent=run.name,
            root=run.name,
        )
        child.run_identity = run.step_identities.get(step, "")
        child.properties = {"azureml.pipelinerunid": run.name, "azureml.moduleName": step}
        return child

    def _plan(self, run: Run, script: Script) -> None:
        def moments(states: tuple[State, ...], since: float) -> list[Any]:
            return [[since + state.after, state.status] for state in states]

        log = sorted((run.created + after, text) for after, text in script.log)
        body = {
            "states": moments(script.states, run.created),
            "on_cancel": moments(script.on_cancel, 0),
            "log": log,
            "error": script.error,
            "cancelled": False,
        }
        self._write(run, body)

    # -- The agenda

    def _perform(self, now: float) -> float:
        """All that was due, in the order in which it was; returns when the next is."""
        with self._cloud.store.transaction():
            while True:
                row = self._connection.execute(
                    "SELECT workspace, name, due, body FROM machinelearning_script"
                    " WHERE due<=? ORDER BY due LIMIT 1",
                    (now,),
                ).fetchone()
                if row is None:
                    return self._next_due()
                workspace, name, due, body = row
                self._step(workspace, name, due, json.loads(body))

    def _next_due(self) -> float:
        (due,) = self._connection.execute("SELECT min(due) FROM machinelearning_script").fetchone()
        return math.inf if due is None else float(due)

    def _step(self, workspace: str, name: str, due: float, body: Json) -> None:
        run = self._runs.get(workspace, name)
        if run is None:
            raise LookupError(f"{name} has a script and no run")
        lines = [text for moment, text in body["log"] if moment <= due]
        if lines:
            body["log"] = body["log"][len(lines) :]
            self._say(run, lines)
        status = body["states"].pop(0)[1] if body["states"] and body["states"][0][0] <= due else run.status
        if status is None:
            self._vanish(run, due)
            return
        if status != run.status:
            self._become(run, status, due, body["error"])
        self._write(run, body)

    def _become(self, run: Run, status: str, at: float, error: Json | None) -> None:
        was, run.status = run.status, status
        if status == "Running" and run.started is None:
            run.started = at
            self._effects.started(run, at)
        if status in TERMINAL:
            run.ended = at
            if status == "Failed":
                failure = JobFailure(**{"message": "The job failed, as its timeline says.", **(error or {})})
                correlation = stable_guid("failure", run.workspace, run.name)
                run.error = failure.document(self._cloud.location, at, correlation)
            self._effects.ended(run, was, at)
        self._runs.save(run)

    def _vanish(self, run: Run, at: float) -> None:
        for child in self._runs.children(run.workspace, run.name):
            self._vanish(child, at)
        self._runs.delete(run)
        self.forget(run)
        self._effects.vanished(run, at)

    def _say(self, run: Run, lines: list[str]) -> None:
        account = self._workspaces.by_guid(run.workspace).storage_account
        content = "".join(f"{line}\n" for line in lines).encode("utf8", "replace")
        self._cloud.port(Lake).append(account, "azureml", f"{run.artifact_prefix}/{LOG}", content)

    # -- Rows

    def _row(self, run: Run) -> Json | None:
        row = self._connection.execute(
            "SELECT body FROM machinelearning_script WHERE workspace=? AND name=?", (run.workspace, run.name)
        ).fetchone()
        return json.loads(row[0]) if row else None

    def _write(self, run: Run, body: Json) -> None:
        """Keep what is to come; nothing, where nothing can come of a job that is over."""
        moments = [entry[0][0] for entry in (body["states"], body["log"]) if entry]
        if not moments and run.over:
            self.forget(run)
            return
        due = min(moments, default=None)
        self._connection.execute(
            "INSERT INTO machinelearning_script VALUES (?,?,?,?)"
            " ON CONFLICT DO UPDATE SET due=excluded.due, body=excluded.body",
            (run.workspace, run.name, due, json.dumps(body)),
        )
        self._cloud.agenda.expect(math.inf if due is None else due)
