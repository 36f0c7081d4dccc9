# SPDX-License-Identifier: Apache-2.0
"""A real Airflow on PostgreSQL whose processes can be killed, stalled and started again."""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg2

from demo.airflow import COMPONENTS, USER, Airflow
from demo.layout import free_ports
from tests.airflow.postgres import postgres

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
START_SECONDS = 240.0
# A real deployment may set these so; the defaults would make one test last five minutes.
PACE = {
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "25",
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "1",
    "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "5",
    "SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "25",
    "SCHEDULER__JOB_HEARTBEAT_SEC": "1",
    "SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
    "SCHEDULER__TRIGGER_TIMEOUT_CHECK_INTERVAL": "2",
    "SCHEDULER__USE_JOB_SCHEDULE": "False",
    "WORKERS__MIN_HEARTBEAT_INTERVAL": "2",
    "TRIGGERER__JOB_HEARTBEAT_SEC": "1",
    "TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",
}


def until(what: str, seconds: float, found: Callable[[], Any], pause: float = 0.25) -> Any:
    """Ask until the answer is true, and return it; fails after so many seconds."""
    deadline = time.monotonic() + seconds
    while not (answer := found()):
        assert time.monotonic() < deadline, f"after {seconds:.0f} s still waiting: {what}"
        time.sleep(pause)
    return answer


class Deployment:
    """The processes, their REST API (`airflow`) and their database (`rows`).

    :param folder: of this deployment alone.
    :param database: address of an empty PostgreSQL.
    :param environment: what tasks need besides Airflow's own settings.
    """

    def __init__(self, folder: Path, database: str, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.dags = folder / "dags"
        self._environment = environment
        self._started: dict[str, subprocess.Popen[bytes]] = {}
        self._sessions: set[int] = set()
        self._lock = threading.Lock()
        self._database = psycopg2.connect(database.replace("+psycopg2", ""))
        self._database.autocommit = True
        (self._port,) = free_ports(1)
        password = secrets.token_urlsafe(12)
        self._settings = self._made_settings(database, password)
        self.airflow = Airflow(f"http://127.0.0.1:{self._port}", password)

    def _made_settings(self, database: str, password: str) -> dict[str, str]:
        url = f"http://127.0.0.1:{self._port}"
        (self.folder / "passwords.json").write_text(json.dumps({USER: password}))
        own = {
            "CORE__DAGS_FOLDER": str(self.dags),
            "CORE__LOAD_EXAMPLES": "False",
            "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "CORE__EXECUTOR": "LocalExecutor",
            "CORE__PARALLELISM": "16",
            "CORE__FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
            "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
            "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self.folder / "passwords.json"),
            "DATABASE__SQL_ALCHEMY_CONN": database,
            "API__BASE_URL": url,
            "API__SECRET_KEY": secrets.token_urlsafe(48),
            "API_AUTH__JWT_SECRET": secrets.token_urlsafe(48),
            "USAGE_DATA_COLLECTION__ENABLED": "False",
            **PACE,
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
        return {
            **inherited,
            **{f"AIRFLOW__{name}": value for name, value in own.items()},
            **self._environment,
            "AIRFLOW_HOME": str(self.folder),
            "PYTHONPATH": os.pathsep.join([str(HERE / "failpoints"), str(ROOT)]),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        }

    def start_all(self) -> None:
        """Make the database, start the four components and wait until all are healthy."""
        self._migrate()
        self.make_whole()
        until("Airflow is healthy", START_SECONDS, self._healthy)

    def make_whole(self) -> None:
        """One of each component: start what does not run, and end what a failed test left beside it."""
        for name in self._started.keys() - COMPONENTS.keys():
            if self.is_alive(name):
                self.kill(name)
        for component in COMPONENTS:
            if component not in self._started or not self.is_alive(component):
                self.start(component)

    def _migrate(self) -> None:
        with self.log("migrate").open("wb") as log:
            command = [sys.executable, "-m", "airflow", "db", "migrate"]
            subprocess.run(
                command, env=self._settings, stdout=log, stderr=log, check=True, timeout=START_SECONDS
            )

    def start(self, component: str, name: str = "", open_files: int = 0) -> None:
        """Start a component.

        :param name: tells it from others of its kind that run.
        :param open_files: the limit `ulimit -n`; 0 leaves it.
        """
        name = name or component
        arguments = [*COMPONENTS[component], *([str(self._port)] if COMPONENTS[component] else [])]
        if component in ("scheduler", "triggerer"):
            arguments = ["--skip-serve-logs"]
        command = [sys.executable, "-m", "airflow", component, *arguments]
        if open_files:
            command = ["sh", "-c", f'ulimit -n {open_files}; exec "$@"', "sh", *command]
        with self.log(name).open("ab") as log:
            self._started[name] = subprocess.Popen(
                command,
                env=self._settings,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._sessions.add(self._started[name].pid)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of Python beside the components, to its end."""
        return subprocess.run(
            [sys.executable, *arguments],
            env=self._settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=START_SECONDS,
            check=False,
        )

    def log(self, name: str) -> Path:
        """What a component printed."""
        return self.folder / f"{name}.log"

    def _healthy(self) -> bool:
        for name, process in self._started.items():
            assert process.poll() is None, f"{name} ended:\n{self.log(name).read_text()[-3000:]}"
        return self.airflow.healthy()

    def is_alive(self, name: str) -> bool:
        """Whether a component's process runs."""
        return self._started[name].poll() is None

    def pid(self, name: str) -> int:
        """The process id of a component."""
        return self._started[name].pid

    def family(self, name: str) -> list[psutil.Process]:
        """A component's process and all below it."""
        try:
            leader = psutil.Process(self.pid(name))
            return [leader, *leader.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def signal(self, name: str, number: signal.Signals, alone: bool = False) -> None:
        """Send a signal to a component, and to all its children unless `alone`."""
        family = self.family(name)
        for process in family[:1] if alone else family:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def kill(self, name: str, alone: bool = False) -> None:
        """SIGKILL, as for a machine that is lost, or (`alone`) for a process that the kernel chose."""
        self.signal(name, signal.SIGKILL, alone)
        self._started[name].wait()

    def terminate(self, name: str) -> None:
        """SIGTERM to the component, as a rolling deployment sends it; returns once it has ended."""
        self._started[name].terminate()
        self._started[name].wait(60)

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask Airflow's database: cheaper than its API for the many looks of a test."""
        with self._lock, self._database.cursor() as cursor:
            cursor.execute(query, values)
            return list(cursor.fetchall()) if cursor.description else []

    def close(self) -> None:
        """End every process that this deployment ever started, whoever its parent is now."""
        self.airflow.close()
        self._database.close()
        left = [process for process in psutil.process_iter() if _session(process) in self._sessions]
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        for each in self._started.values():
            each.wait(30)
        psutil.wait_procs(left, timeout=30)


def _session(process: psutil.Process) -> int:
    """The session of a process: its children stay in it, whatever becomes of their parent."""
    try:
        return os.getsid(process.pid)
    except ProcessLookupError:
        return 0


@contextmanager
def deployed(folder: Path, environment: Mapping[str, str], dag_files: Iterable[Path]) -> Iterator[Deployment]:
    """A deployment that runs; afterwards none of its processes is left."""
    (folder / "dags").mkdir()
    for path in dag_files:
        shutil.copy(path, folder / "dags")
    with postgres() as database, closing(Deployment(folder, database, environment)) as deployment:
        deployment.start_all()
        yield deployment
