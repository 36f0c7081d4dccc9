# SPDX-License-Identifier: Apache-2.0
"""What parsing a DAG file with every operator of the provider costs above as many EmptyOperators.

Each parse runs in a fresh process, as Airflow's DAG processor does it; `python -m tests.bench.parse_cost`.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench.figure import Figure

ROUNDS = 5
COPIES = 5
CPU_GOAL_SECONDS = 0.05
MEMORY_GOAL_MB = 3.0
BANNED = ("azure", "aiohttp", "requests", "msal")
_HEAD = "from datetime import datetime\nfrom airflow.sdk import DAG\n"
_DAG = "with DAG('measured', schedule=None, start_date=datetime(2026, 1, 1)):\n"


@dataclass(frozen=True)
class Cost:
    """One parse: CPU seconds, megabytes, and the names of modules it loaded that are banned."""

    cpu: float
    memory: float
    banned: tuple[str, ...]


def provider_file() -> str:
    """A DAG file with every operator of the provider, COPIES times."""
    classes = operators()
    lines = [f"from {cls.__module__} import {cls.__name__}\n" for cls in classes]
    return _HEAD + "".join(lines) + _DAG + _tasks([(cls.__name__, _arguments(cls)) for cls in classes])


def operators() -> list[type]:
    """Every operator and sensor that the provider tells Airflow about."""
    info = importlib.import_module("airflow_provider_azureml.provider_info").get_provider_info()
    names = [name for kind in ("operators", "sensors") for name in info[kind][0]["python-modules"]]
    modules = [importlib.import_module(name) for name in names]
    found = [cls for module in modules for cls in vars(module).values() if _is_operator(cls, module.__name__)]
    return sorted(found, key=lambda cls: cls.__name__)


def _is_operator(cls: object, module: str) -> bool:
    named = isinstance(cls, type) and cls.__module__ == module and not cls.__name__.startswith("_")
    return named and hasattr(cls, "template_fields")


def _arguments(cls: type) -> str:
    """A text for every argument that has no default."""
    parameters = inspect.signature(cls).parameters.values()
    needed = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
    return ", ".join(f"{name}='text'" for name in needed if name != "task_id")


def empty_file() -> str:
    """The same file with EmptyOperators."""
    line = "from airflow.providers.standard.operators.empty import EmptyOperator\n"
    return _HEAD + line + _DAG + _tasks([("EmptyOperator", "")] * len(operators()))


def _tasks(tasks: list[tuple[str, str]]) -> str:
    numbered = enumerate(task for task in tasks for _ in range(COPIES))
    return "".join(f"    {cls}(task_id='t{number}', {arguments})\n" for number, (cls, arguments) in numbered)


def parse(content: str) -> Cost:
    """Parse a DAG file in a fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "measured.py"
        path.write_text(content)
        environment = {**os.environ, "AIRFLOW_HOME": folder, "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
        command = [sys.executable, "-m", "tests.bench.parse_cost", str(path)]
        answer = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    if answer.returncode:
        raise RuntimeError(f"the parse failed: {answer.stderr[-2000:]}")
    found = json.loads(answer.stdout.splitlines()[-1])
    return Cost(found["cpu"], found["memory"], tuple(found["banned"]))


def measure(path: str) -> dict[str, object]:
    """In the fresh process: parse, and tell what it cost."""
    from airflow.dag_processing.dagbag import DagBag

    memory, cpu = _resident(), time.process_time()
    bag = DagBag(path)
    cpu, memory = time.process_time() - cpu, _resident() - memory
    if bag.import_errors or not bag.dags:
        raise SystemExit(f"no DAG in the file: {bag.import_errors}")
    loaded = sorted({name.partition(".")[0] for name in sys.modules} & set(BANNED))
    return {"cpu": cpu, "memory": memory, "banned": loaded}


def _resident() -> float:
    """Megabytes of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def compared() -> tuple[Cost, Cost]:
    """The cheapest of ROUNDS parses with the provider, and with EmptyOperators."""
    costs = []
    for content in (provider_file(), empty_file()):
        rounds = [parse(content) for _ in range(ROUNDS)]
        costs.append(Cost(min(x.cpu for x in rounds), min(x.memory for x in rounds), rounds[0].banned))
    return costs[0], costs[1]


def figures() -> Iterator[Figure]:
    """The two lines of `make bench`."""
    ours, empty = compared()
    count = len(operators()) * COPIES
    beside = f"{count} EmptyOperators: {empty.cpu:.3f} s, {empty.memory:.1f} MB"
    yield Figure("parse cost, CPU", ours.cpu - empty.cpu, "s", CPU_GOAL_SECONDS, beside)
    yield Figure("parse cost, memory", ours.memory - empty.memory, "MB", MEMORY_GOAL_MB, beside)


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(measure(sys.argv[1])) + "\n")
