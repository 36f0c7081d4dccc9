# SPDX-License-Identifier: Apache-2.0
"""Where the demo keeps things, and the error it ends with. All state is below ``.demo``."""

from __future__ import annotations

import fcntl
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


class DemoFailed(Exception):
    """The demo cannot go on; str() says why and what to do."""


@dataclass(frozen=True)
class Layout:
    """Folders of one checkout. The state survives between runs, so the champion does too."""

    root: Path
    #: everything that the demo writes
    state: Path
    #: what the local Azure begins with
    seed: Path

    @classmethod
    def of(cls, root: Path, state: Path | None = None, seed: Path | None = None) -> Layout:
        """The checkout's own state folder and seed, where no others are given."""
        return cls(root, (state or root / ".demo").resolve(), seed or root / "demo" / "seed.yaml")

    @property
    def sandbox(self) -> Path:
        """Everything that the local Azure knows and holds."""
        return self.state / "sandbox"

    @property
    def airflow(self) -> Path:
        """AIRFLOW_HOME."""
        return self.state / "airflow"

    @property
    def logs(self) -> Path:
        """What the processes print, one file each."""
        return self.state / "logs"

    @property
    def dags(self) -> Path:
        return self.root / "dags_examples"

    @property
    def summary(self) -> Path:
        """The last run in JSON: what ``demo evidence`` and the benchmark read."""
        return self.state / "summary.json"

    @staticmethod
    def command(name: str) -> str:
        """A program of the virtual environment that this Python belongs to."""
        return str(Path(sys.executable).parent / name)

    @property
    def sandbox_command(self) -> list[str]:
        return [self.command("azure-sandbox")]

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Alone in this folder: two Airflows over one database would not end well."""
        self.logs.mkdir(parents=True, exist_ok=True)
        with (self.state / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise DemoFailed(
                    f"Another demo runs in {self.state}. Stop it first (Ctrl-C there)."
                ) from None
            yield


def free_ports(count: int) -> list[int]:
    """Ports that nobody listened on a moment ago; all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
