# SPDX-License-Identifier: Apache-2.0
"""Virtual time for `time.*` and for asyncio."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.reliability.world.engine import Engine, Killed, Process

#: Rounds in which the tasks of a dead loop may unwind; they can wait for nothing any more.
LAST_ROUNDS = 50


@contextmanager
def virtual_time(engine: Engine) -> Iterator[None]:
    """Python's clock is the engine's, for the time of the block. Processes sleep without waiting."""
    real = time.time, time.monotonic, time.sleep

    def sleep(seconds: float) -> None:
        process = engine.current
        if process is None:
            raise RuntimeError("the world itself does not sleep")
        process.sleep(seconds)

    time.time, time.monotonic = engine.time, lambda: engine.now
    time.sleep = sleep
    try:
        yield
    finally:
        time.time, time.monotonic, time.sleep = real


class VirtualLoop(asyncio.BaseEventLoop):
    """The event loop of one process: it waits by the engine's clock, and threads are plain calls.

    There is no socket to listen to; `_selector` and its kin are what `BaseEventLoop` asks of a loop.
    """

    def __init__(self, process: Process) -> None:
        super().__init__()
        self._process = process
        self._selector = self
        self.set_exception_handler(lambda loop, context: None)

    def time(self) -> float:
        """Seconds since the engine's begin."""
        return self._process.engine.now

    def select(self, timeout: float | None) -> list[Any]:
        """Wait; there is never anything to read."""
        if timeout is None or timeout > 0:
            until = math.inf if timeout is None else self.time() + timeout
            if not (self._process.alive and self._process.engine.pass_to(until)):
                self._process.wait(until)
        elif not self._process.alive:
            raise Killed
        return []

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        """What would run in a thread runs at once: one order for one seed."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    def live(self, main: Any) -> None:
        """Run to the end of `main`. A kill abandons all tasks: what they still try has no effect."""
        try:
            self.run_until_complete(main)
        finally:
            self._bury()

    def _bury(self) -> None:
        """Let every task unwind, so that none is found unfinished by the garbage collector."""
        self._process.alive = False
        self.select = lambda timeout: []  # type: ignore[method-assign]
        for _ in range(LAST_ROUNDS):
            tasks = asyncio.all_tasks(self)
            if not tasks:
                break
            for task in tasks:
                task.cancel()
            self.call_soon(self.stop)
            self.run_forever()
        self.close()

    def _process_events(self, events: Any) -> None:
        """Nothing came from outside."""

    def _write_to_self(self) -> None:
        """Wake up: only this very thread could ask for it."""
