# SPDX-License-Identifier: Apache-2.0
"""Processes that can die at any point, on one virtual clock, in one order for one seed.

A process is a greenlet: it runs until it waits, and whoever is due next runs then. No thread, no real
second passes, nothing is left to chance. A process that was killed has no effect any more: what its
`finally` blocks try is refused, as it would be if they had never run.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import sys
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from greenlet import getcurrent, greenlet

#: Virtual seconds after which a run that has not ended is a mistake of its test.
LONGEST_RUN = 400 * 86_400.0


class Killed(BaseException):
    """SIGKILL: the process that sees this is dead. Not an Exception, so that nobody handles it."""


class Process:
    """One simulated process.

    :param main: what it does; its value, or its exception, is `outcome`.
    """

    def __init__(self, engine: Engine, name: str, main: Callable[[], Any]) -> None:
        self.engine = engine
        self.name = name
        self.alive = True
        self.stalled = False
        self.outcome: Any = None
        #: What it is a process of: a worker, a triggerer.
        self.owner: Any = None
        #: Effects that were tried after death; none of them took place.
        self.refused = 0
        self._signals: deque[Callable[[], None]] = deque()
        self._resume_when_unstalled = False
        self._greenlet = greenlet(self._run, parent=engine.hub)
        self._main = main

    def __repr__(self) -> str:
        return f"<{self.name}{'' if self.alive else ' dead'}>"

    @property
    def ended(self) -> bool:
        """Whether it has come to its end, or was killed."""
        return bool(self._greenlet.dead) or not self.alive

    def kill(self) -> None:
        """SIGKILL; the world does it, never another process."""
        if not self.ended:
            self.alive = False
            if self._greenlet:  # it has begun
                self._greenlet.throw(Killed())

    def die(self) -> None:
        """SIGKILL at this very point of its own work; does not return."""
        self.alive = False
        raise Killed

    def signal(self, handler: Callable[[], None]) -> None:
        """Have the process run a signal handler where it is, then go on."""
        self._signals.append(handler)
        self.wake()

    def wake(self) -> None:
        """End the wait of the process early."""
        if self._greenlet:
            self.engine.call_at(self.engine.now, self.resume)

    def stall(self) -> None:
        """SIGSTOP."""
        self.stalled = True

    def unstall(self) -> None:
        """SIGCONT."""
        self.stalled = False
        if self._resume_when_unstalled:
            self.engine.call_at(self.engine.now, self.resume)

    def resume(self) -> None:
        """Run the process until it waits again; called by the engine."""
        if self.stalled:
            self._resume_when_unstalled = True
        elif not self.ended:
            self._resume_when_unstalled = False
            self._greenlet.switch()

    def wait(self, until: float) -> None:
        """Wait in this process until a moment, or until woken; signal handlers run at its end."""
        if not self.alive:
            raise Killed
        if until < math.inf:
            self.engine.call_at(until, self.resume)
        # What Python keeps per thread belongs to the process here.
        loop, generators = asyncio._get_running_loop(), sys.get_asyncgen_hooks()
        asyncio._set_running_loop(None)
        try:
            self.engine.hub.switch()
        finally:
            asyncio._set_running_loop(loop)
            sys.set_asyncgen_hooks(*generators)
        while self._signals and self.alive:
            self._signals.popleft()()

    def sleep(self, seconds: float) -> None:
        """`time.sleep` of this process: not shortened by signals."""
        end = self.engine.now + max(seconds, 0.0)
        if self.alive and self.engine.pass_to(end):
            return
        while self.engine.now < end:
            self.wait(end)

    def _run(self) -> None:
        try:
            self.outcome = self._main()
        except Killed as killed:
            self.outcome = killed


P = TypeVar("P", bound=Process)


class Engine:
    """The order of events. Everything that happens is a call at a moment; equal moments keep their order.

    Moments are seconds since the begin, which keeps them exact; `epoch` is that begin in Unix time.
    """

    def __init__(self, epoch: float = 1_800_000_000.0) -> None:
        self.epoch = epoch
        self.now = 0.0
        self.hub: greenlet = getcurrent()
        #: Something has happened that whoever called `run` may want to know.
        self.attention = False
        self._until = math.inf
        self._calls: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()
        self._processes: dict[greenlet, Process] = {}

    def time(self) -> float:
        """Unix time."""
        return self.epoch + self.now

    @property
    def current(self) -> Process | None:
        """The process whose code asks; None for the world itself."""
        return self._processes.get(getcurrent())

    def pass_to(self, moment: float) -> bool:
        """Let time pass for the process that runs, where nobody else has anything to do until then."""
        free = not self.attention and moment <= self._until
        if free and (not self._calls or self._calls[0][0] > moment):
            self.now = moment
            return True
        return False

    def spawn(self, name: str, main: Callable[[], Any], delay: float = 0.0) -> Process:
        """Start a process in so many seconds."""
        return self.adopt(Process(self, name, main), delay)

    def adopt(self, process: P, delay: float = 0.0) -> P:
        """Let a process that was made elsewhere begin in so many seconds."""
        self._processes[process._greenlet] = process
        self.call_at(self.now + delay, process.resume)
        return process

    @property
    def is_idle(self) -> bool:
        """Whether nothing will ever happen again."""
        return not self._calls

    def call_at(self, moment: float, call: Callable[[], None]) -> None:
        """Have the world do something at a moment; not before now."""
        heapq.heappush(self._calls, (max(moment, self.now), next(self._count), call))

    def call_in(self, seconds: float, call: Callable[[], None]) -> None:
        """The same, counted from now."""
        self.call_at(self.now + seconds, call)

    def run(self, until: float = math.inf, done: Callable[[], bool] = lambda: False) -> None:
        """Let time pass until a moment, or until something has come about, or nothing is left to do."""
        limit, self._until = self.now + LONGEST_RUN, until
        while self._calls and not done() and self._calls[0][0] <= until:
            self.attention = False
            moment, _, call = heapq.heappop(self._calls)
            self.now = max(self.now, moment)
            if self.now > limit:
                raise TimeoutError("the world does not come to rest")
            call()
        if not done() and until < math.inf:
            self.now = max(self.now, until)

    def end(self) -> None:
        """Kill what still runs and forget what is planned."""
        for process in list(self._processes.values()):
            process.kill()
        self._calls.clear()
        self._processes.clear()
