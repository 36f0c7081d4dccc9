# SPDX-License-Identifier: Apache-2.0
"""The clock of the submitting clients: CPU of this process and its children, and when each step was.

Runs under the interpreter of either client, so it imports nothing of theirs.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

#: What the benchmark says: times, local, registered, subscription, group, workspace, client_id.
GIVEN: dict[str, Any] = json.loads(os.environ["BENCH_GIVEN"])
LOGGED = 0.05
"""Seconds in which the sandbox has written its log line about a request that it has answered."""
_STEPS: list[dict[str, Any]] = []


@contextmanager
def step(name: str) -> Iterator[None]:
    """Measure a block."""
    begun, cpu = time.time(), _cpu()
    yield
    cpu = _cpu() - cpu
    time.sleep(LOGGED)
    _STEPS.append({"name": name, "cpu": cpu, "begun": begun, "ended": time.time()})


def report() -> None:
    """The last line of stdout is what the benchmark reads."""
    sys.stdout.write(f"\n{json.dumps(_STEPS)}\n")


def _cpu() -> float:
    """User and system seconds of all threads, and of the programs that were run (git)."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime
