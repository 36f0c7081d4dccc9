# SPDX-License-Identifier: Apache-2.0
"""The sandbox inside this process: a request is a call, its clock is the engine's, jobs follow scripts.

It is the demo's Azure with one more submitter, who has a secret, and one person who cancels jobs in
the Studio. It serves thousands of runs: each has a DAG of its own, and so its jobs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from azure_sandbox.kernel.ledger import Effect
from azure_sandbox.kernel.ports import Directory, Registry
from azure_sandbox.testing import Answer, InProcess, in_process
from tests.reliability.world.engine import Engine

ROOT = Path(__file__).parents[3]
SUBMITTER, PERSON = "airflow-reliability", "studio-user"
CONNECTION = "azureml_default"
FOR_EVER = 100 * 365 * 86_400.0
SEED: dict[str, list[dict[str, Any]]] = {
    "applications": [{"name": SUBMITTER}, {"name": PERSON}],
    "role_assignments": [
        {"principal": SUBMITTER, "role": "AML Job Submitter", "scope": "workspace:nightly"},
        {"principal": PERSON, "role": "AML Job Submitter", "scope": "workspace:nightly"},
    ],
}


@dataclass
class Life:
    """How one job lives, in seconds from its submission and, once cancelled, from the cancel.

    :param end: Azure's word; empty for a job that never ends by itself
    :param canceling: seconds from CancelRequested to Canceled; None for ever
    """

    seconds: float = 100.0
    end: str = "Completed"
    canceling: float | None = 2.0

    def timeline(self, experiment: str, count: int | None) -> dict[str, Any]:
        """The same in the sandbox's words."""
        states = [{"after": 0, "status": "Queued"}, {"after": 5, "status": "Running"}]
        states += [{"after": self.seconds, "status": self.end}] if self.end else []
        asked = [{"after": 0, "status": "CancelRequested"}]
        asked += [] if self.canceling is None else [{"after": self.canceling, "status": "Canceled"}]
        match: dict[str, Any] = {"experiment": f"^{experiment}$"}
        if count is not None:
            match["count"] = count
        return {"match": match, "states": states, "on_cancel": asked}


class Clock:
    """The sandbox's clock: whichever engine is at work."""

    def __init__(self) -> None:
        self.engine = Engine()

    def time(self) -> float:
        """Seconds since the epoch."""
        return self.engine.time()


class Azure:
    """One Azure for all runs of a test session."""

    def __init__(self, sandbox: InProcess, clock: Clock) -> None:
        self.sandbox = sandbox
        self.clock = clock
        self.request = sandbox.request
        self._read_to = 0
        self._known: list[Effect] = []

    def connection(self) -> str:
        """Airflow's connection with a new secret, as the text of its environment variable."""
        cloud = self.sandbox.cloud
        client_id = cloud.port(Directory).principals()[SUBMITTER]["client_id"]
        now = self.clock.time()
        added = cloud.port(Registry).add_password(client_id, "reliability", now, now + FOR_EVER, at_once=True)
        extra = {
            "auth": "client_secret",
            "tenant_id": cloud.tenant_id,
            "client_id": client_id,
            "subscription_id": cloud.subscription_id,
            "resource_group": "nightly",
            "workspace_name": "nightly",
        }
        return json.dumps({"conn_type": "azureml", "password": added[1], "extra": extra})

    def lives(self, experiment: str, *lives: Life) -> None:
        """What becomes of the jobs of an experiment, in their order; the last life is that of all others."""
        self.sandbox.heal()
        self.live(experiment, *lives)

    def live(self, experiment: str, *lives: Life) -> None:
        """The same, beside those of other experiments."""
        for life in lives[:-1]:
            self.sandbox.timeline(life.timeline(experiment, 1))
        self.sandbox.timeline(lives[-1].timeline(experiment, None))

    def ledger(self) -> list[Effect]:
        """The effects since the last `mark`."""
        return self.sandbox.ledger(self._read_to, "job")

    def mark(self) -> None:
        """A new run begins: what was is settled."""
        effects = self.sandbox.ledger(self._read_to)
        self._read_to = effects[-1].sequence if effects else self._read_to

    def cancel_as_person(self, job: str) -> int:
        """Somebody cancels a job in the Studio; the status of the answer."""
        path = f"/providers/Microsoft.MachineLearningServices/workspaces/nightly/jobs/{job}/cancel"
        url = f"https://management.azure.com{self.sandbox.cloud.group_scope('nightly')}{path}"
        headers = self.sandbox.bearer(PERSON)
        return self.request("POST", f"{url}?api-version=2024-10-01", headers).status

    def object_id(self, principal: str) -> str:
        """Of a principal of the seed."""
        return str(self.sandbox.cloud.port(Directory).principals()[principal]["object_id"])


def seed() -> dict[str, Any]:
    """The demo's seed and what is ours."""
    document: dict[str, Any] = yaml.safe_load((ROOT / "demo" / "seed.yaml").read_text())
    for section, entries in SEED.items():
        document[section] = [*document[section], *entries]
    return document


@contextmanager
def azure(data: Path) -> Iterator[Azure]:
    """The Azure of a test session, until the block ends."""
    clock = Clock()
    with in_process(data, seed(), clock) as sandbox:
        yield Azure(sandbox, clock)


def broken(status: int) -> Answer:
    """An answer of Azure's front door that tells nothing."""
    body = json.dumps({"error": {"code": "ServiceUnavailable", "message": "The answer was lost."}}).encode()
    return Answer(status, {"content-type": "application/json"}, body)
