# SPDX-License-Identifier: Apache-2.0
"""One run of the world: an engine, an Airflow, processes, a plan of what strikes them; the Azure is shared."""

from __future__ import annotations

import logging
import os
import random
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import structlog
from airflow.sdk._shared.secrets_masker import _secrets_masker

from airflow_provider_azureml.audit import sink
from airflow_provider_azureml.identity import resolver
from tests.reliability.world import azure as azure_of_world
from tests.reliability.world.airflow_model import Airflow, TaskInstance
from tests.reliability.world.azure import Answer, Azure
from tests.reliability.world.clock import virtual_time
from tests.reliability.world.comms import connected
from tests.reliability.world.engine import Engine, Process
from tests.reliability.world.failpoint import Failpoints, Strike
from tests.reliability.world.thread import virtual_threads
from tests.reliability.world.transport import in_process
from tests.reliability.world.triggerer import Triggerer
from tests.reliability.world.worker import Worker

Trace = Callable[..., Any]
A_DAY = 86_400.0
PORTAL = "AIRFLOW_DISABLE_GREENBACK_PORTAL"
NOTHING_IS_AS_LONG = 1 << 30


class World:
    """Everything that one run of a test is made of.

    :param plan: what happens at which effect.
    :param seed: of all dice: the product's jitter and the requests' latencies.
    """

    def __init__(self, azure: Azure, plan: Mapping[tuple[int, str], Strike] | None, seed: int) -> None:
        self.azure = azure
        # The Azure's time never goes back: each run begins a day after the last.
        self.engine = azure.clock.engine = Engine(azure.clock.engine.time() + A_DAY)
        self.dice = random.Random(seed)
        self.failpoints = Failpoints(plan)
        self.airflow = Airflow(self)
        #: Which process made a request: the ledger knows requests, not processes.
        self.senders: dict[str, Process] = {}
        #: Installed in every process that begins; see `test_line_sweep.py`.
        self.trace: Trace | None = None

    def worker(self, ti: TaskInstance) -> Worker:
        """Airflow starts a worker."""
        return Worker(self, ti)

    def triggerer(self, delay: float = 0.0) -> Triggerer:
        """Somebody starts a triggerer."""
        triggerer = Triggerer(self, delay)
        self.airflow.triggerers.append(triggerer)
        return triggerer

    def ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """One request to Azure; who sent it is kept."""
        answer = self.azure.request(method, url, headers, body)
        process = self.engine.current
        if process is not None:
            self.senders[answer.headers["x-ms-request-id"]] = process
        return answer

    def latency(self) -> float:
        """Seconds of one way of a request."""
        return self.dice.uniform(0.01, 0.1)

    broken = staticmethod(azure_of_world.broken)

    @contextmanager
    def new_process(self) -> Iterator[None]:
        """A process begins: it has no token yet, holds no lock of one that died, and may be traced."""
        resolver._CACHE.clear()
        if self.trace is None:
            yield
            return
        # A process that died at some line may have held a lock of its audit log; the next has a log of its own.
        # Its file, which the system would close, goes with it: greenlets of the dead keep all that they knew.
        for journal in sink._JOURNALS.values():
            journal._file = None
        sink._JOURNALS.clear()
        sys.settrace(self.trace)
        try:
            yield
        finally:
            sys.settrace(None)


@contextmanager
def silence() -> Iterator[None]:
    """No log is written: thousands of runs would write gigabytes."""
    before, configured = logging.root.manager.disable, structlog.get_config()
    logging.disable(logging.CRITICAL)
    # What is not written needs no mask; Airflow compiles all masks anew for each token.
    masker = _secrets_masker()
    shortest, masker.min_length_to_mask = masker.min_length_to_mask, NOTHING_IS_AS_LONG
    structlog.configure(
        logger_factory=structlog.ReturnLoggerFactory(), processors=[drop], cache_logger_on_first_use=False
    )
    try:
        yield
    finally:
        structlog.configure(**configured)
        masker.min_length_to_mask = shortest
        logging.disable(before)


@contextmanager
def without_portal() -> Iterator[None]:
    """Airflow's triggerer uses greenlets of its own, unless told not to; the processes here are greenlets."""
    before = os.environ.get(PORTAL)
    os.environ[PORTAL] = "true"
    try:
        yield
    finally:
        del os.environ[PORTAL]
        if before is not None:
            os.environ[PORTAL] = before


def drop(logger: Any, method: str, event: Any) -> Any:
    """The end of every structured log line."""
    raise structlog.DropEvent


@contextmanager
def world(
    azure: Azure, plan: Mapping[tuple[int, str], Strike] | None = None, seed: int = 0
) -> Iterator[World]:
    """A world for one run; nothing of it is left after the block."""
    made = World(azure, plan, seed)
    azure.mark()
    random.seed(seed)
    with ExitStack() as stack:
        stack.enter_context(silence())
        stack.enter_context(without_portal())
        for replaced in (
            virtual_time(made.engine),
            virtual_threads(made.engine),
            in_process(made),
            connected(made),
        ):
            stack.enter_context(replaced)
        stack.callback(made.engine.end)
        yield made
