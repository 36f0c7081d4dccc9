# SPDX-License-Identifier: Apache-2.0
"""Processes in groups of their own: started with a log file each, watched, and stopped without a rest."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import psutil

from demo.layout import DemoFailed

TERM_SECONDS = 20.0
SAMPLE_SECONDS = 2.0


class Processes:
    """A context: whatever was started in it, and every child of that, is gone after it."""

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self._started: dict[str, subprocess.Popen[bytes]] = {}
        self._memory = MemoryWatch()

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start a program in its own session, so that Ctrl-C reaches us first and a kill all of it."""
        with self.log(name).open("wb") as log:
            self._started[name] = subprocess.Popen(
                command,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def run(self, name: str, command: Sequence[str], environment: Mapping[str, str], timeout: float) -> None:
        """Run a program to its end.

        :param timeout: seconds
        :raises DemoFailed: with the end of its log, where it failed or took too long
        """
        self.start(name, command, environment)
        try:
            code = self._started[name].wait(timeout)
        except subprocess.TimeoutExpired:
            raise DemoFailed(f"{name} took longer than {timeout:.0f} s.\n{self.tail(name)}") from None
        del self._started[name]
        if code:
            raise DemoFailed(f"{name} failed with exit code {code}.\n{self.tail(name)}")

    def check(self, *names: str) -> None:
        """Check those named, or all.

        :raises DemoFailed: where one of them has ended by itself, with the end of its log
        """
        for name in names or self._started:
            process = self._started[name]
            if process.poll() is not None:
                raise DemoFailed(f"{name} ended with exit code {process.returncode}.\n{self.tail(name)}")

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def tail(self, name: str, lines: int = 25) -> str:
        """The last lines of what a process printed."""
        text = self.log(name).read_text(encoding="utf8", errors="replace")
        return "\n".join(f"    | {line}" for line in text.splitlines()[-lines:])

    @property
    def peak_memory(self) -> int:
        """Bytes: the largest sum over all processes, shared pages counted once."""
        return self._memory.peak

    def __enter__(self) -> Processes:
        self._memory.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._memory.stop()
        leaders = {process.pid for process in self._started.values()}
        family = [one for leader in leaders for one in _family(leader)]
        _signal(leaders, family, signal.SIGTERM)
        psutil.wait_procs(family, timeout=TERM_SECONDS)
        _signal(leaders, family, signal.SIGKILL)
        psutil.wait_procs(family, timeout=TERM_SECONDS)
        for process in self._started.values():
            process.wait()


def _family(leader: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(leader)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []  # it ended by itself


def _signal(leaders: Collection[int], family: Collection[psutil.Process], number: signal.Signals) -> None:
    """Signal each group through its leader, and once: a second polite request makes Airflow's
    components leave their children behind. Then whoever left those groups."""
    for leader in leaders:
        with suppress(ProcessLookupError):
            os.killpg(leader, number)
    for process in family:
        with suppress(ProcessLookupError, psutil.NoSuchProcess):
            if os.getpgid(process.pid) not in leaders:
                process.send_signal(number)


class MemoryWatch(threading.Thread):
    """Samples the memory of this process and all below it."""

    def __init__(self) -> None:
        super().__init__(name="memory", daemon=True)
        self.peak = 0
        self._done = threading.Event()

    def run(self) -> None:
        me = psutil.Process()
        while not self._done.wait(SAMPLE_SECONDS):
            self.peak = max(self.peak, sum(map(_memory, [me, *me.children(recursive=True)])))

    def stop(self) -> None:
        self._done.set()
        self.join()


def _memory(process: psutil.Process) -> int:
    """Proportional set size on Linux; elsewhere the resident one, which counts shared pages often."""
    try:
        full = process.memory_full_info()
    except psutil.Error:
        return 0
    return int(getattr(full, "pss", full.rss))


def wait_for(what: str, ready: Callable[[], bool], processes: Processes, seconds: float) -> None:
    """Ask until the answer is true, as long as all processes live.

    :raises DemoFailed: after so many seconds
    """
    deadline = time.monotonic() + seconds
    while not ready():
        processes.check()
        if time.monotonic() > deadline:
            raise DemoFailed(f"{what} was not ready after {seconds:.0f} s; see the logs in {processes.logs}.")
        time.sleep(0.25)
