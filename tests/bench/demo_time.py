# SPDX-License-Identifier: Apache-2.0
"""How long the demo takes, and how much memory all its processes hold, from nothing but downloads."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench.figure import Figure

ROOT = Path(__file__).parents[2]


def figures() -> Iterator[Figure]:
    """Wall time and peak memory of one run with a state folder of its own."""
    with tempfile.TemporaryDirectory() as state:
        command = [sys.executable, "-m", "demo", "run", "--state", state]
        subprocess.run(command, cwd=ROOT, check=True, stdout=sys.stderr)
        summary = json.loads((Path(state) / "summary.json").read_text())
    tasks = f"of which the pipeline {summary['pipeline_seconds']:.0f} s"
    yield Figure("demo wall time", summary["seconds"], "s", 360, tasks)
    yield Figure(
        "demo memory, all processes", summary["peak_memory"] / 2**30, "GiB", 6, "peak, shared pages once"
    )
