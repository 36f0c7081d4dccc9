# SPDX-License-Identifier: Apache-2.0
"""Jobs that were submitted, and tasks that wait for them in a triggerer: the middle of a story, without workers."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_azureml.naming import DEPLOYMENT, OWNER
from airflow_provider_azureml.triggers.job import AzureMLJobTrigger
from tests.reliability.world.airflow_model import Airflow, DagRun, Task, TaskInstance, Trigger
from tests.reliability.world.azure import CONNECTION, SUBMITTER, Answer, Life
from tests.reliability.world.failpoint import AnswerLostError
from tests.reliability.world.world import World

WORKSPACE = "/providers/Microsoft.MachineLearningServices/workspaces/nightly"
_sets = itertools.count(1)
Respond = Callable[[str, str], Answer | None]
Change = Callable[[str, dict[str, str], bytes], Answer | bytes]


class Deferred(Airflow):
    """An Airflow whose tasks all wait; what its triggers fire is kept, and nobody goes on with it."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.events: dict[str, tuple[float, dict[str, Any]]] = {}
        self.failures: list[str] = []

    def wait_for(self, job: str, **arguments: Any) -> TaskInstance:
        """A task was deferred until a job has ended."""
        task = Task(lambda: None, job)
        ids = {"id": next(self._ids), "try_number": 1}
        ti = TaskInstance(task, "run", -1, 0, DagRun(self._now()), state="deferred", **ids)
        made = AzureMLJobTrigger(azureml_conn_id=CONNECTION, job_name=job, owner=job, **arguments)
        classpath, kwargs = made.serialize()
        row = Trigger(next(self._ids), classpath, json.dumps(kwargs), ti, ti.try_number, None)
        ti.trigger_id = row.id
        self.instances[ti.key] = ti
        self.triggers[row.id] = row
        return ti

    def fire(self, trigger_id: int, payload: Any) -> None:
        """An event: what the task would go on with."""
        ti = self.triggers[trigger_id].ti
        self.events[ti.task.dag_id] = (self._engine.now, json.loads(json.dumps(payload)))
        self._set(ti, "scheduled")

    def trigger_failed(self, trigger_id: int, problem: str) -> None:
        """A trigger ended without an event."""
        self.failures.append(problem)


@dataclass
class Line:
    """The line to Azure: what went over it, and what it does instead.

    :param respond: (host, path) -> an answer in place of Azure's, None to ask Azure.
    :param change: (address, headers, body) -> an answer in place of Azure's, or the body that Azure gets.
    """

    world: World
    respond: Respond = lambda host, path: None
    change: Change = lambda url, headers, body: body
    #: (moment, host, path, status) of every request; status 0 had no answer.
    requests: list[tuple[float, str, str, int]] = field(default_factory=list)

    def ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """One request."""
        parts = urlsplit(url)
        host, path = parts.hostname or "", parts.path
        try:
            changed = self.respond(host, path) or self.change(url, dict(headers), body)
            if isinstance(changed, bytes):
                answer = self.world.azure.request(method, url, headers, changed)
            else:
                answer = changed
        except AnswerLostError:
            self.requests.append((self.world.engine.now, host, path, 0))
            raise
        self.requests.append((self.world.engine.now, host, path, answer.status))
        return answer

    def count(self, word: str = "", status: int | None = None) -> int:
        """Requests whose path holds a word, and that had one status."""
        return sum(word in path and status in (None, found) for _, _, path, found in self.requests)


def watching(world: World) -> tuple[Deferred, Line]:
    """The world with nothing but waiting tasks, and its line to Azure."""
    airflow, line = Deferred(world), Line(world)
    world.airflow = airflow
    world.ask = line.ask  # type: ignore[method-assign]
    return airflow, line


def submit(world: World, count: int, life: Life, **script: Any) -> list[str]:
    """Jobs of ours that live so; their names.

    :param script: more of the sandbox's timeline, like `log`.
    """
    azure, group = world.azure, f"waiting-{next(_sets)}"
    azure.sandbox.heal()
    azure.sandbox.timeline({**life.timeline(group, None), **script})
    headers = {**azure.sandbox.bearer(SUBMITTER), "content-type": "application/json"}
    scope = f"https://management.azure.com{azure.sandbox.cloud.group_scope('nightly')}{WORKSPACE}"
    names = [f"{group}-{number}" for number in range(count)]
    for name in names:
        body = json.dumps({"properties": job_of(name, group)}).encode()
        answer = azure.request("PUT", f"{scope}/jobs/{name}?api-version=2024-10-01", headers, body)
        assert answer.status == 201, answer
    return names


def job_of(name: str, group: str) -> dict[str, Any]:
    """The body of a job of ours."""
    environment = "azureml://registries/azureml/environments/sklearn-1.5/versions/1"
    marks = {OWNER: name, DEPLOYMENT: "reliability"}
    work = {"jobType": "Command", "command": "python train.py", "environmentId": environment}
    return {**work, "experimentName": group, "properties": marks}


def refusal(status: int, retry_after: str = "", code: str = "TooManyRequests") -> Answer:
    """An answer that says "not now"."""
    body = json.dumps({"error": {"code": code, "message": "Not now."}}).encode()
    headers = {"content-type": "application/json", "x-ms-request-id": "r"}
    return Answer(status, headers | ({"retry-after": retry_after} if retry_after else {}), body)


def http_date(world: World, seconds: float) -> str:
    """A moment of the world, as a header has it."""
    moment = datetime.fromtimestamp(world.engine.time() + seconds, timezone.utc)
    return format_datetime(moment, usegmt=True)


def effects(world: World) -> dict[str, int]:
    """How often each effect stands in the ledger since the world began."""
    found: dict[str, int] = {}
    for row in world.azure.ledger():
        found[row.effect] = found.get(row.effect, 0) + 1
    return found
