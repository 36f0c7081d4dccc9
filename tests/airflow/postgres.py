# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL of one test session: on a free port of the loopback, without a password, soon forgotten."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.layout import free_ports

START_SECONDS = 60.0
# Nothing of it outlives the session, so nothing need reach the disk.
SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "200"}


@contextmanager
def postgres() -> Iterator[str]:
    """Address of an empty database, as SQLAlchemy writes it."""
    with tempfile.TemporaryDirectory(prefix="pg-") as folder:
        data = Path(folder) / "data"
        data.mkdir()
        if os.geteuid() == 0:
            Path(folder).chmod(0o711)
            shutil.chown(data, "postgres")
        _run("initdb", "--no-sync", "--auth=trust", "--username=airflow", f"--pgdata={data}")
        (port,) = free_ports(1)
        options = [f"--{name}={value}" for name, value in SETTINGS.items()]
        with (Path(folder) / "log").open("wb") as log:
            server = subprocess.Popen(
                _command("postgres", "-D", str(data), "-p", str(port), "-h", "127.0.0.1", "-k", "", *options),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            _await(server, port, Path(folder) / "log")
            yield f"postgresql+psycopg2://airflow@127.0.0.1:{port}/postgres"
        finally:
            server.send_signal(signal.SIGQUIT)  # its immediate shutdown
            server.wait(30)


def _await(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    ready = _command("pg_isready", "-h", "127.0.0.1", "-p", str(port), "-q")
    while subprocess.run(ready, check=False).returncode:
        assert server.poll() is None, log.read_text()[-3000:]
        assert time.monotonic() < deadline, "PostgreSQL did not start in time"
        time.sleep(0.1)


def _run(*words: str) -> None:
    subprocess.run(_command(*words), check=True, capture_output=True)


def _command(program: str, *arguments: str) -> list[str]:
    """PostgreSQL refuses to run as root."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
    words = [str(found[-1]) if found else program, *arguments]
    if os.geteuid() != 0:
        return words
    user = pwd.getpwnam("postgres")
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", *words]
