# SPDX-License-Identifier: Apache-2.0
"""Run the services of ``docker-compose.yaml`` as processes of this machine, in Compose's order.

Command, environment, dependencies and health check of each service are those of the file. What an
image brings is taken from this machine: programs from ``PATH``, and the first start of PostgreSQL's
image (``initdb``), which is written out in ``initialise_postgres``.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil

from tests.compose.compose_file import REPOSITORY, Service, Translation, read_services

#: Ports in the file. Each becomes a free one here, since other tests run on this machine too.
PORTS = (5432, 6379, 8080, 8444, 8899)
#: A service that is not healthy by then will not be.
START_SECONDS = 180.0
#: ``start_interval`` of the health checks.
CHECK_SECONDS = 3.0
STOP_SECONDS = 20.0


class Deployment:
    """The running services."""

    def __init__(self, directory: Path, dags: Path) -> None:
        self.directory = directory
        self.services = {service.name: service for service in read_services()}
        self.ports = _free_ports(PORTS)
        self.paths = {
            "/opt/airflow/dags": dags,
            "/opt/airflow/logs": directory / "logs",
            "/opt/demo": REPOSITORY / "demo",
            "/opt/deploy": REPOSITORY / "deploy",
            "/secrets": directory / "secrets",
            "/sandbox": directory / "sandbox",
            "/var/lib/postgresql/data": directory / "postgres",
            "/data": directory / "redis",
        }
        self.translation = Translation(self.paths, self.ports)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.seconds: dict[str, float] = {}
        self.url = f"http://127.0.0.1:{self.ports[8080]}"

    def environment(self, service: Service) -> dict[str, str]:
        """The service's variables over this machine's, which stand for the image's."""
        programs = [Path(sys.executable).parent, *sorted(Path("/usr/lib/postgresql").glob("*/bin"))]
        mine = {k: v for k, v in os.environ.items() if not k.startswith("AIRFLOW") and k != "SSL_CERT_DIR"}
        mine["PATH"] = os.pathsep.join([*map(str, programs), os.environ["PATH"]])
        mine["AIRFLOW_HOME"] = str(self.directory / "home" / service.name)
        mine["PGDATA"] = str(self.paths["/var/lib/postgresql/data"])
        return {**mine, **self.translation.environment(service.environment)}

    def log(self, name: str) -> str:
        return (self.directory / f"{name}.log").read_text(encoding="utf8", errors="replace")

    def password(self) -> str:
        """Of the user ``admin``, read as the how-to reads it."""
        import json

        text = (self.paths["/secrets"] / "airflow" / "passwords.json").read_text(encoding="utf8")
        return str(json.loads(text)["admin"])

    def start(self) -> None:
        """Start every service when what it depends on is as it wants it; return when all are healthy."""
        begin = time.monotonic()
        with ThreadPoolExecutor(len(self.services)) as pool:
            started: dict[str, Future[None]] = {}
            for name in _in_order(self.services):
                started[name] = pool.submit(self._start, self.services[name], started, begin)
            for future in started.values():
                future.result()

    def _start(self, service: Service, started: Mapping[str, Future[None]], begin: float) -> None:
        for dependency in service.depends_on:
            started[dependency].result()
        if service.name == "postgres":
            initialise_postgres(self, service)
        process = self.processes[service.name] = self._run(service)
        if service.ends:
            code = process.wait(START_SECONDS)
            assert code == 0, f"{service.name} ended with {code}:\n{self.log(service.name)[-3000:]}"
        else:
            self._await_health(service, process)
        self.seconds[service.name] = time.monotonic() - begin

    def _run(self, service: Service) -> subprocess.Popen[bytes]:
        command = as_user_of(service, self.translation.words(service.command))
        with (self.directory / f"{service.name}.log").open("wb") as log:
            return subprocess.Popen(
                command,
                env=self.environment(service),
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _await_health(self, service: Service, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self.healthy(service.name):
            gone = process.poll()
            assert gone is None, f"{service.name} ended with {gone}:\n{self.log(service.name)[-3000:]}"
            late = time.monotonic() > deadline
            assert not late, f"{service.name} is not healthy:\n{self.log(service.name)[-3000:]}"
            time.sleep(CHECK_SECONDS)

    def healthy(self, name: str) -> bool:
        """Ask the health check, as written."""
        service = self.services[name]
        assert service.health is not None
        check = subprocess.run(
            self.translation.words(service.health),
            env=self.environment(service),
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
        )
        return check.returncode == 0

    def stop(self) -> None:
        """Stop in reverse order; what does not end in time is killed, with all of its children."""
        for name in reversed(_in_order(self.services)):
            if name in self.processes:
                _stop(self.processes[name])


def initialise_postgres(deployment: Deployment, service: Service) -> None:
    """What the entry point of the image ``postgres`` does on an empty volume."""
    variables = deployment.environment(service)
    data = deployment.paths["/var/lib/postgresql/data"]
    data.mkdir()
    if os.geteuid() == 0:
        shutil.chown(data, "postgres")
    initdb = ["initdb", "--no-sync", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"]
    initdb += [f"--username={variables['POSTGRES_USER']}", f"--pgdata={data}"]
    initdb += [f"--pwfile={variables['POSTGRES_PASSWORD_FILE']}"]
    single = ["postgres", "--single", "-D", str(data), "postgres"]
    create = f"CREATE DATABASE {variables['POSTGRES_DB']};\n"
    for command, text in ((initdb, ""), (single, create)):
        subprocess.run(
            as_user_of(service, command),
            env=variables,
            cwd=data,
            check=True,
            input=text.encode(),
            capture_output=True,
        )
    with (data / "postgresql.conf").open("a", encoding="utf8") as file:
        file.write("unix_socket_directories = ''\n")


def as_user_of(service: Service, command: list[str]) -> list[str]:
    """PostgreSQL refuses to run as root; its image runs it as ``postgres``."""
    if service.name != "postgres" or os.geteuid() != 0:
        return command
    user = pwd.getpwnam("postgres")
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", *command]


@contextmanager
def running(dags: Path) -> Iterator[Deployment]:
    """All services up and healthy; none of their processes is left afterwards."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="team-")))
        directory.chmod(0o711)  # PostgreSQL's user passes through
        deployment = Deployment(directory, dags)
        for name in ("logs", "redis", "home"):
            (directory / name).mkdir()
        stack.callback(deployment.stop)
        deployment.start()
        yield deployment


def _in_order(services: Mapping[str, Service]) -> list[str]:
    """Names with each service after what it depends on."""
    done: list[str] = []
    while len(done) < len(services):
        ready = [n for n, s in services.items() if n not in done and set(s.depends_on) <= set(done)]
        assert ready, "docker-compose.yaml: depends_on has a cycle"
        done += ready
    return done


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for member in family:
        if member.is_running():
            member.kill()


def _free_ports(wanted: tuple[int, ...]) -> dict[int, int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in wanted]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return {port: each.getsockname()[1] for port, each in zip(wanted, sockets, strict=True)}
