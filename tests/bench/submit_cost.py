# SPDX-License-Identifier: Apache-2.0
"""What a submit costs, in requests and in CPU: the operator beside the unmodified `azure-ai-ml`.

Both submit the same two definitions to the same sandbox, each in a process of its own: `registered`
names code and environment that the workspace has, `local` a folder of two files and an image. A
client is cold once, at its first submit, which uploads the folder.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import yaml

from tests.bench import azure
from tests.bench.azure import Azure
from tests.bench.figure import Figure
from tests.wire.conftest import ROOT

TIMES = 20
FAILS = 0.3
"""Seconds after which a failing job does."""
#: Built by ``make``; its pins are in ``constraints-sdk.txt``.
SDK_PYTHON = os.environ.get("AZUREML_SDK_PYTHON", str(ROOT / ".venv-sdk" / "bin" / "python"))
UPLOADS = ("/codes/", "/environments/", ".blob.core.windows.net")


@dataclass(frozen=True)
class Cost:
    """One step of a client: CPU seconds, and the requests that it made."""

    cpu: float
    requests: tuple[str, ...]

    @property
    def uploads(self) -> int:
        """Requests that bring code or environment into the workspace, or look whether they are there."""
        return sum(any(part in request for part in UPLOADS) for request in self.requests)


def figures() -> Iterator[Figure]:
    """The lines of ``make bench``."""
    with tempfile.TemporaryDirectory() as name, azure.running(Path(name)) as cloud:
        definitions = _definitions(Path(name), cloud)
        ours = _costs(cloud, "tests.bench.submit_ours", sys.executable, _ours(cloud, definitions))
        theirs = _costs(cloud, "tests.bench.submit_sdk", SDK_PYTHON, _theirs(cloud, definitions))
    yield from _requests(ours, theirs)
    yield from _cpu(ours, theirs)


def _requests(ours: Mapping[str, Cost], theirs: Mapping[str, Cost]) -> Iterator[Figure]:
    def count(cost: Cost) -> int:
        return len(cost.requests)

    first, cold, local = ours["registered"], ours["cold"], ours["local"]
    sdk = f"azure-ai-ml {count(theirs['registered'])}; a known code folder: {count(local)}, azure-ai-ml "
    yield Figure("submit, first try", count(first), "requests", 1, sdk + str(count(theirs["local"])))
    beside = f"{count(cold)} in all, azure-ai-ml {count(theirs['cold'])}, of which uploads {theirs['cold'].uploads}"
    yield Figure("submit, cold, without uploads", count(cold) - cold.uploads, "requests", 2, beside)
    later = "the job of the try before was never made"
    yield Figure("submit, later try", count(ours["later, none before"]), "requests", 2, later)
    later = "the job of the try before has failed"
    yield Figure("submit, later try", count(ours["later, one has failed"]), "requests", 2, later)


def _cpu(ours: Mapping[str, Cost], theirs: Mapping[str, Cost]) -> Iterator[Figure]:
    for name, title in (("registered", "submit, CPU"), ("local", "submit, known code folder, CPU")):
        mine, other = ours[name].cpu * 1000, theirs[name].cpu * 1000
        yield Figure(
            title, mine, "ms", round(other, 1), f"azure-ai-ml {other:.1f} ms, ratio {other / mine:.1f}"
        )
    mine, other = ours["import"].cpu + ours["cold"].cpu, theirs["import"].cpu + theirs["cold"].cpu
    beside = f"azure-ai-ml {other:.1f} s (import {theirs['import'].cpu:.1f}), ratio {other / mine:.1f}"
    yield Figure("import and cold submit, CPU", mine, "s", round(other, 1), beside)


def _definitions(folder: Path, cloud: Azure) -> dict[str, str]:
    """Definitions in CLI v2 form; of the jobs of `failing` a script makes failed ones."""
    registered: dict[str, Any] = {
        "code": f"azureml:{cloud.register_code()}",
        "environment": f"azureml:{cloud.register_environment()}",
        "command": "python main.py",
    }
    local = {**registered, "environment": {"image": azure.IMAGE["image"]}}
    failing = {**registered, "experiment_name": "failing"}
    cloud.script("failing", [{"after": 0, "status": "Running"}, {"after": FAILS, "status": "Failed"}])
    cloud.script("", [{"after": 0, "status": "Running"}])
    found: dict[str, dict[str, Any]] = {"registered": registered, "failing": failing}
    for client in ("ours", "theirs"):  # each uploads a folder that the other has not
        code = folder / client
        code.mkdir()
        (code / "main.py").write_text(f"print('trained by {client}')\n")
        (code / "model.py").write_text("WEIGHTS = [1, 2, 3]\n")
        found[client] = {**local, "code": str(code)}
    for name, definition in found.items():
        content = {"type": "command", "experiment_name": "bench", **definition}
        (folder / f"{name}.yml").write_text(yaml.safe_dump(content))
    return {name: str(folder / f"{name}.yml") for name in found}


def _ours(cloud: Azure, definitions: Mapping[str, str]) -> dict[str, str]:
    return {
        **cloud.connection_variable,
        "AIRFLOW_HOME": str(Path(definitions["ours"]).parent / "airflow"),
        "AIRFLOW__AZUREML__DEPLOYMENT_ID": "bench",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "BENCH_GIVEN": json.dumps(
            {"times": TIMES, "pause": 2 * FAILS, "local": definitions["ours"], **definitions}
        ),
    }


def _theirs(cloud: Azure, definitions: Mapping[str, str]) -> dict[str, str]:
    extra = cloud.connection["extra"]
    where = {"subscription": extra["subscription_id"], "group": "bench", "workspace": "bench"}
    given = {
        "times": TIMES,
        "client_id": extra["client_id"],
        **where,
        "local": definitions["theirs"],
        **definitions,
    }
    return {"HOME": str(Path(definitions["ours"]).parent), "BENCH_GIVEN": json.dumps(given)}


def _costs(cloud: Azure, module: str, python: str, variables: Mapping[str, str]) -> dict[str, Cost]:
    """Each step of a client: the median of its CPU, and the requests of its last time."""
    done = subprocess.run(
        [python, "-m", module],
        env={**cloud.sandbox.environment, "PYTHONPATH": str(ROOT), **variables},
        cwd=Path(variables.get("HOME", variables.get("AIRFLOW_HOME", "."))).parent,
        capture_output=True,
        text=True,
        timeout=300,
    )
    if done.returncode:
        raise RuntimeError(f"{module} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    steps: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return {
        name: Cost(
            median(one["cpu"] for one in steps if one["name"] == name),
            _asked(cloud, next(one for one in reversed(steps) if one["name"] == name)),
        )
        for name in {one["name"] for one in steps}
    }


def _asked(cloud: Azure, one: Mapping[str, float]) -> tuple[str, ...]:
    lines = cloud.asked(one["begun"], one["ended"])
    return tuple(f"{line['method']} {line['host']}{line['path']}" for line in lines)
