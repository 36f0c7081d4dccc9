# SPDX-License-Identifier: Apache-2.0
"""Threads of a simulated process: `threading.Thread` and `queue.SimpleQueue` on the engine's clock.

A thread is a process that dies with the one that started it, at its end or at its SIGKILL.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from math import inf
from typing import Any

from tests.reliability.world.engine import Engine, Process


class ThreadOf(Process):
    """What runs in a thread."""

    def __init__(self, parent: Process, main: Callable[[], Any]) -> None:
        self._own = True
        self._parent = parent
        super().__init__(parent.engine, f"{parent.name}+thread", main)
        self.owner = parent.owner

    @property
    def alive(self) -> bool:  # type: ignore[override]
        """Whether neither it nor its process has come to an end."""
        return self._own and not self._parent.ended

    @alive.setter
    def alive(self, value: bool) -> None:
        self._own = value


class VirtualThread:
    """What the product uses of `threading.Thread`."""

    engine: Engine

    def __init__(
        self,
        target: Callable[..., Any],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
        name: str = "",
        daemon: bool = False,
    ) -> None:
        self._work = lambda: target(*args, **(kwargs or {}))
        self._waiting: list[Process] = []
        self._process: ThreadOf | None = None

    def start(self) -> None:
        """Begin, once the process that starts it waits."""
        self._process = self.engine.adopt(ThreadOf(_here(self.engine), self._main))

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end, at most so many seconds."""
        assert self._process is not None
        process, end = _here(self.engine), _end(self.engine, timeout)
        self._waiting.append(process)
        while not self._process.ended and self.engine.now < end:
            process.wait(end)

    def _main(self) -> None:
        try:
            self._work()
        finally:
            for process in self._waiting:
                process.wake()


class VirtualQueue:
    """What the product uses of `queue.SimpleQueue`."""

    engine: Engine

    def __init__(self) -> None:
        self._items: deque[Any] = deque()
        self._waiting: list[Process] = []

    def put(self, item: Any) -> None:
        """Give an item to whoever waits."""
        self._items.append(item)
        for process in self._waiting:
            process.wake()

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """The next item; raises queue.Empty after so many seconds."""
        process, end = _here(self.engine), _end(self.engine, timeout)
        self._waiting.append(process)
        while not self._items:
            if not block or self.engine.now >= end:
                raise queue.Empty
            process.wait(end)
        return self._items.popleft()


@contextmanager
def virtual_threads(engine: Engine) -> Iterator[None]:
    """Threads that processes start are the engine's, for the time of the block."""
    real = threading.Thread, queue.SimpleQueue
    threading.Thread = type("Thread", (VirtualThread,), {"engine": engine})  # type: ignore[misc]
    queue.SimpleQueue = type("SimpleQueue", (VirtualQueue,), {"engine": engine})  # type: ignore[misc]
    try:
        yield
    finally:
        threading.Thread, queue.SimpleQueue = real  # type: ignore[misc]


def _end(engine: Engine, timeout: float | None) -> float:
    return inf if timeout is None else engine.now + timeout


def _here(engine: Engine) -> Process:
    process = engine.current
    if process is None:
        raise RuntimeError("the world itself starts no thread")
    return process
