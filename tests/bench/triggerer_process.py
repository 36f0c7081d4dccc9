# SPDX-License-Identifier: Apache-2.0
"""One real `airflow triggerer`, and what its two processes cost, from /proc.

The supervisor reads and writes the database, its child (the runner) runs the triggers.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from tests.wire.conftest import ROOT

START_SECONDS = 120.0
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Airflow:
    """An Airflow without scheduler: its home and its database.

    :param url: of the database, for SQLAlchemy
    :param cloud: variables that point a client at the sandbox
    """

    home: Path
    url: str
    cloud: Mapping[str, str]

    @property
    def environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "AZURE_"))}
        own = {
            "PYTHONPATH": str(ROOT),
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__AZUREML__DEPLOYMENT_ID": "bench",
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.home / "dags"),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": self.url,
            "AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS": "False",
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self.logs),
            "AIRFLOW__API_AUTH__JWT_SECRET": "of a server that does not run, and not known to anybody else",
        }
        return {**kept, **self.cloud, **own}

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def triggerer_log(self) -> Path:
        """What triggerers print."""
        return self.home / "triggerer.log"

    def run(self, *words: str, given: str = "") -> None:
        """Run a Python module to its end in this Airflow's environment."""
        done = subprocess.run(
            [sys.executable, "-m", *words],
            env=self.environment,
            input=given,
            capture_output=True,
            text=True,
            timeout=300,
        )
        if done.returncode:
            raise RuntimeError(f"{words[0]} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")

    def add_connection(self, conn_id: str, connection: Mapping[str, Any]) -> None:
        """Into the database, where a triggerer has to ask for it; not into the environment."""
        self.run("airflow", "connections", "add", conn_id, "--conn-json", json.dumps(connection))

    def defer(self, dag_id: str, classpath: str, arguments: list[dict[str, Any]]) -> None:
        """As many deferred tasks as there are arguments."""
        wanted = {"dag_id": dag_id, "classpath": classpath, "arguments": arguments}
        self.run("tests.bench.deferred_rows", given=json.dumps(wanted))

    def forget_tasks(self) -> None:
        """Delete every task and trigger."""
        import psycopg2

        with psycopg2.connect(self.url.replace("+psycopg2", "")) as connection:
            connection.cursor().execute("DELETE FROM task_instance; DELETE FROM trigger; DELETE FROM dag_run")
        connection.close()


@dataclass(frozen=True)
class Memory:
    """Bytes of supervisor and runner.

    :param resident: the sum of both; what they share since the fork counts in either
    :param proportional: what they share counts once; it grows as they work, because a written page of
        theirs is shared no more
    """

    resident: int
    proportional: int

    def per_job(self, empty: Memory, jobs: int) -> tuple[float, float]:
        """KB above a triggerer without triggers: resident, proportional."""
        resident, proportional = self.resident - empty.resident, self.proportional - empty.proportional
        return resident / jobs / 1000, proportional / jobs / 1000


@dataclass
class Triggerer:
    """The two processes.

    :param begun: Unix time at which it was started
    """

    process: subprocess.Popen[bytes]
    begun: float
    _members: list[psutil.Process] = field(default_factory=list)

    @property
    def members(self) -> list[psutil.Process]:
        """Supervisor and runner, as soon as both are there."""
        supervisor = psutil.Process(self.process.pid)
        deadline = time.monotonic() + START_SECONDS
        while len(self._members) < 2:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the triggerer has no runner; its log is triggerer.log")
            time.sleep(0.1)
            self._members = [supervisor, *supervisor.children()]
        return self._members

    def cpu(self) -> tuple[float, float]:
        """User and system seconds of supervisor and runner so far."""
        supervisor, runner = (self._seconds(member.pid) for member in self.members)
        return supervisor, runner

    def memory(self) -> Memory:
        """Of both."""
        each = [member.memory_full_info() for member in self.members]
        return Memory(sum(int(one.rss) for one in each), sum(int(one.pss) for one in each))

    @staticmethod
    def _seconds(pid: int) -> float:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS


@contextmanager
def running(airflow: Airflow, capacity: int) -> Iterator[Triggerer]:
    """Start a triggerer with an empty log folder; yields at once, stops it afterwards."""
    command = [sys.executable, "-m", "airflow", "triggerer", "--skip-serve-logs", "--capacity", str(capacity)]
    airflow.home.mkdir(parents=True, exist_ok=True)
    with airflow.triggerer_log.open("ab") as log:
        process = subprocess.Popen(
            command, env=airflow.environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield Triggerer(process, time.time())
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
