# SPDX-License-Identifier: Apache-2.0
"""A worker in a process of its own, made by fork and ended by `os._exit`: what `Killed` is an emulation of.

The child runs the task; whatever it wants of the world it asks its parent for, over a pipe. Where a strike
falls the parent answers "die", and the child is gone.
"""

from __future__ import annotations

import contextvars
import os
import random
from collections.abc import Callable
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from tests.reliability.world.airflow_model import Deferral
from tests.reliability.world.azure import Answer
from tests.reliability.world.engine import Killed, Process
from tests.reliability.world.failpoint import AFTER, BEFORE, AnswerLostError, Effect
from tests.reliability.world.worker import Worker

T = TypeVar("T")
SIGKILLED = 137


class ForkedWorker(Worker):
    """The parent's side is the worker's place in the engine, the child's is the task."""

    def _main(self) -> None:
        if not self._world.airflow.begin(self):
            return
        ours, theirs = Pipe()
        dice = random.getstate()
        child = os.fork()
        if child == 0:
            random.setstate(dice)  # Python throws new ones after a fork
            ours.close()
            self._live(Parent(theirs, self))
        theirs.close()
        self._serve(ours, child)
        self._world.engine.call_in(1.0, lambda: self._world.airflow.lost(self))

    # -- The child

    def _live(self, parent: Parent) -> None:
        """The task, and the end of the process whatever comes of it."""
        status = 1
        try:
            parent.take_over()
            with self._world.new_process():
                contextvars.copy_context().run(self._try)
            status = 0
        finally:
            os._exit(status)

    # -- The parent

    def _serve(self, pipe: Connection, child: int) -> None:
        """Do what the child asks for, until it has ended."""
        status = None
        try:
            while True:
                pipe.send((True, self._world.engine.now, self._carried_out(*pipe.recv())))
        except EOFError:
            _, status = os.waitpid(child, 0)
        except Killed:
            pipe.send((False, 0.0, None))
            _, status = os.waitpid(child, 0)
            if os.waitstatus_to_exitcode(status) != SIGKILLED:
                raise RuntimeError(f"the child ended with {status}") from None
            raise
        finally:
            pipe.close()
        if status:
            raise RuntimeError(f"the child ended with {status}")

    def _carried_out(self, what: str, *arguments: Any) -> Any:
        return getattr(self, f"_do_{what}")(*arguments)

    def _do_sleep(self, seconds: float) -> None:
        self.process.sleep(seconds)

    def _do_before(self, what: str, is_request: bool) -> int:
        points = self._world.failpoints
        points.effects.append(Effect(self.process.name, what, is_request))
        number = len(points.effects) - 1
        points.strike(self.process, number, BEFORE)
        return number

    def _do_after(self, number: int) -> int | None:
        try:
            self._world.failpoints.strike(self.process, number, AFTER)
        except AnswerLostError as lost:
            return lost.status
        return None

    def _do_ask(self, method: str, url: str, headers: dict[str, str], body: bytes) -> Answer:
        return self._world.ask(method, url, headers, body)

    def _do_succeed(self, result: Any) -> None:
        self._world.airflow.succeed(self, result)

    def _do_fail(self, may_retry: bool) -> None:
        self._world.airflow.fail(self, may_retry)

    def _do_defer(self, deferral: Deferral) -> None:
        self._world.airflow.defer(self, deferral)


class Parent:
    """What the child has in the place of its world: the pipe to its parent."""

    def __init__(self, pipe: Connection, worker: ForkedWorker) -> None:
        self._pipe = pipe
        self._worker = worker

    def take_over(self) -> None:
        """Let everything that reaches out of this process go over the pipe."""
        world: Any = self._worker._world
        process: Any = self._worker.process
        process.sleep = lambda seconds: self("sleep", seconds)
        world.ask = lambda *request: self("ask", *request)
        world.failpoints = world.airflow = self

    def __call__(self, *message: Any) -> Any:
        """One message and its answer; "die" is the last."""
        self._pipe.send(message)
        lives, now, answer = self._pipe.recv()
        if not lives:
            os._exit(SIGKILLED)
        self._worker._world.engine.now = now
        return answer

    def perform(
        self, process: Process | None, what: str, act: Callable[[], T], *, is_request: bool = False
    ) -> T:
        """As `Failpoints.perform`."""
        number = self("before", what, is_request)
        result = act()
        lost = self("after", number)
        if lost is not None and is_request:
            raise AnswerLostError(lost)
        return result

    def succeed(self, worker: Worker, result: Any) -> None:
        """As `Airflow.succeed`."""
        self("succeed", result)

    def fail(self, worker: Worker, may_retry: bool) -> None:
        """As `Airflow.fail`."""
        self("fail", may_retry)

    def defer(self, worker: Worker, deferral: Deferral) -> None:
        """As `Airflow.defer`."""
        self("defer", deferral)
