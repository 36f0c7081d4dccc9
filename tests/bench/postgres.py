# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL server of the benchmark's own, on a free port of loopback, gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from demo.layout import free_ports

START_SECONDS = 60.0


@contextmanager
def server(directory: Path) -> Iterator[str]:
    """An empty server in a new folder; yields the address of one database for SQLAlchemy.

    Loopback without a password: it holds nothing but made-up tasks, and lives for minutes.

    :param directory: a folder that the user `postgres` may pass through, where root runs us.
    """
    data, port = directory / "postgres", free_ports(1)[0]
    data.mkdir()
    if os.geteuid() == 0:
        shutil.chown(data, "postgres")
    initialise = ["initdb", "--no-sync", "--auth=trust", "--username=airflow", "--encoding=UTF8"]
    _run([*initialise, "--locale=C.UTF-8", f"--pgdata={data}"])
    options = ["-c", "unix_socket_directories=", "-c", "listen_addresses=127.0.0.1"]
    command = _command(["postgres", "-D", str(data), "-p", str(port), *options])
    with (directory / "postgres.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/", start_new_session=True)
    try:
        _await(port, process)
        yield f"postgresql+psycopg2://airflow@127.0.0.1:{port}/postgres"
    finally:
        process.send_signal(signal.SIGINT)  # with SIGTERM it would wait for its clients
        process.wait(30)


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    ready = [_program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
    while subprocess.run(ready).returncode:
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("PostgreSQL did not start; its log is postgres.log")
        time.sleep(0.1)


def _run(words: Sequence[str]) -> None:
    subprocess.run(_command(words), check=True, capture_output=True, cwd="/")


def _command(words: Sequence[str]) -> list[str]:
    """PostgreSQL refuses to run as root."""
    command = [_program(words[0]), *words[1:]]
    if os.geteuid() != 0:
        return command
    user = pwd.getpwnam("postgres")
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", *command]


def _program(name: str) -> str:
    folders = [*sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin"))), os.environ["PATH"]]
    found = shutil.which(name, path=os.pathsep.join(folders))
    if found is None:
        raise RuntimeError(f"There is no {name} here: `make services` installs PostgreSQL.")
    return found
