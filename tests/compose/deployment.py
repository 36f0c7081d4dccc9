# SPDX-License-Identifier: Apache-2.0
"""Run the services of ``docker-compose.yaml`` as processes of this machine, in Compose's order.

Command, environment, dependencies and health check of each service are those of the file. What an
image brings is taken from this machine: programs from ``PATH``, and the first start of PostgreSQL's
image (``initdb``), which is written out in ``_initialise_postgres``.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from demo.airflow import Airflow
from demo.layout import free_ports
from demo.processes import Processes
from tests.compose.compose_file import REPOSITORY, Service, Translation, read_services

#: Ports in the file. Each becomes a free one here, since other things run on this machine too.
PORTS = (5432, 6379, 8080, 8444, 8899)
#: A service that is not healthy by then will not be.
START_SECONDS = 240.0
#: ``start_interval`` of the health checks.
CHECK_SECONDS = 3.0


class Deployment:
    """The services of the file; ``start`` them, and ``processes`` ends them."""

    def __init__(self, directory: Path, dags: Path, processes: Processes) -> None:
        self.services = {service.name: service for service in read_services()}
        self.processes = processes
        self.seconds: dict[str, float] = {}
        self._directory = directory
        self._ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        self._paths = {
            "/opt/airflow/dags": dags,
            "/opt/airflow/logs": directory / "logs",
            "/opt/deploy": REPOSITORY / "deploy",
            "/opt/example": REPOSITORY,
            "/secrets": directory / "secrets",
            "/sandbox": directory / "sandbox",
            "/var/lib/postgresql/data": directory / "postgres",
            "/data": directory / "redis",
        }
        self._translation = Translation(self._paths, self._ports)

    def environment(self, service: Service) -> dict[str, str]:
        """The service's variables over this machine's, which stand for the image's."""
        programs = [Path(sys.executable).parent, *sorted(Path("/usr/lib/postgresql").glob("*/bin"))]
        inherited = {
            k: v for k, v in os.environ.items() if not k.startswith("AIRFLOW") and k != "SSL_CERT_DIR"
        }
        image = {
            "AIRFLOW_HOME": str(self._directory / "home" / service.name),
            "PATH": os.pathsep.join([*map(str, programs), os.environ["PATH"]]),
            "PGDATA": str(self._paths["/var/lib/postgresql/data"]),
        }
        return {**inherited, **image, **self._translation.environment(service.environment)}

    def start(self) -> Airflow:
        """Start every service once what it depends on is as it wants it; return when all are healthy.

        :raises demo.layout.DemoFailed: where one of them ends, with the end of its log
        """
        begin = time.monotonic()
        started: dict[str, Future[None]] = {}
        with ThreadPoolExecutor(len(self.services)) as pool:
            for name in in_order(self.services):
                started[name] = pool.submit(self._start, self.services[name], started, begin)
        for future in started.values():
            future.result()
        passwords = json.loads((self._paths["/secrets"] / "airflow" / "passwords.json").read_text())
        return Airflow(f"http://127.0.0.1:{self._ports[8080]}", passwords["admin"])

    def _start(self, service: Service, started: Mapping[str, Future[None]], begin: float) -> None:
        for dependency in service.depends_on:
            started[dependency].result()
        if service.name == "postgres":
            self._initialise_postgres(service)
        command = _as_its_user(service, self._translation.words(service.command))
        if service.ends:
            self.processes.run(service.name, command, self.environment(service), START_SECONDS)
        else:
            self.processes.start(service.name, command, self.environment(service))
            self._await_health(service)
        self.seconds[service.name] = round(time.monotonic() - begin, 1)

    def _await_health(self, service: Service) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self.healthy(service):
            late = time.monotonic() > deadline
            assert not late, f"{service.name} is not healthy:\n{self.processes.tail(service.name)}"
            self.processes.check(service.name)
            time.sleep(CHECK_SECONDS)

    def healthy(self, service: Service) -> bool:
        """Ask its health check, as written."""
        assert service.health is not None
        command = self._translation.words(service.health)
        environment = self.environment(service)
        return subprocess.run(command, env=environment, capture_output=True, timeout=60).returncode == 0

    def _initialise_postgres(self, service: Service) -> None:
        """What the entry point of the image ``postgres`` does on an empty volume."""
        variables = self.environment(service)
        data = Path(variables["PGDATA"])
        data.mkdir()
        if os.geteuid() == 0:
            shutil.chown(data, "postgres")
        initdb = ["initdb", "--no-sync", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"]
        initdb += [
            f"--username={variables['POSTGRES_USER']}",
            f"--pwfile={variables['POSTGRES_PASSWORD_FILE']}",
        ]
        single = ["postgres", "--single", "postgres"]
        create = f"CREATE DATABASE {variables['POSTGRES_DB']};\n"
        for command, text in ((initdb, ""), (single, create)):
            words = _as_its_user(service, command)
            subprocess.run(words, env=variables, input=text.encode(), check=True, capture_output=True)
        with (data / "postgresql.conf").open("a", encoding="utf8") as file:
            file.write("unix_socket_directories = ''\n")


def _as_its_user(service: Service, command: list[str]) -> list[str]:
    """PostgreSQL refuses to run as root; its image runs it as ``postgres``."""
    if service.name != "postgres" or os.geteuid() != 0:
        return command
    user = pwd.getpwnam("postgres")
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", *command]


def in_order(services: Mapping[str, Service]) -> list[str]:
    """Names, each service after what it depends on."""
    done: list[str] = []
    while len(done) < len(services):
        ready = [n for n, s in services.items() if n not in done and set(s.depends_on) <= set(done)]
        assert ready, "docker-compose.yaml: depends_on has a cycle"
        done += ready
    return done


@contextmanager
def prepared(dags: Path) -> Iterator[Deployment]:
    """A deployment to ``start``; afterwards none of its processes and files is left."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="team-")))
        directory.chmod(0o711)  # PostgreSQL's user passes through
        for name in ("logs", "redis", "home", "output"):
            (directory / name).mkdir()
        yield Deployment(directory, dags, stack.enter_context(Processes(directory / "output")))
