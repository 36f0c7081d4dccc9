# SPDX-License-Identifier: Apache-2.0
"""Epoch and zombie rules on Airflow 2.11: real clears, edits of `retries`, deleted and recreated runs.

The same on Airflow 3.3, with all of its processes: test_processes.py.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.airflow.ledger import Ledger
from tests.airflow.scenarios import BY_US

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
pytestmark = pytest.mark.timeout(900)
# What is done (tries_on_2.py) -> stories of the attempts, and state and try number of the task at last.
TABLE: dict[str, tuple[tuple[str, ...], list[Any]]] = {
    "killed_after_put": (("Completed",), ["success", 2]),
    "retries_edited": (("Completed",), ["success", 2]),
    "clear_after_success": (("Completed", "Completed"), ["success", 2]),
    "clear_while_its_job_runs": ((r"Canceled \(older epoch\)", "Completed"), ["success", 2]),
    "delete_run_after_success": (("Completed", "Completed"), ["success", 1]),
    "zombie_submits": (("Completed",), ["success", 2]),
    "zombie_is_killed": (("Completed",), ["success", 2]),
    "zombie_watches": (("Completed",), ["success", 2]),
    "mark_failed_deferred": ((r"Canceled \(killed\)",), ["failed", 1]),
    "clear_deferred": ((BY_US, "Completed"), ["success", 2]),
    "triggerer_stops": (("Completed",), ["success", 1]),
}


@pytest.fixture(scope="module")
def states(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """All scenarios, over: state and try number of each task instance."""
    python = os.environ.get("AIRFLOW_2_PYTHON")
    assert python is not None, "AIRFLOW_2_PYTHON is not set; run the tests with `make test`"
    home = tmp_path_factory.mktemp("airflow2")
    (home / "releases").mkdir()
    own = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "1",
        "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",
        "AZML_TEST_RELEASES": str(home / "releases"),
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(HERE / "failpoints")]),
        "PATH": os.environ["PATH"],
    }
    answer = subprocess.run(
        [python, str(HERE / "tries_on_2.py")],
        env={**environment, **own},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout[-6000:]
    return dict(json.loads(answer.stdout.splitlines()[-1]))


@pytest.mark.parametrize("name", TABLE)
def test_on_2_11_the_ledger_is_as_it_was_written_down(
    states: Mapping[str, Any], ledger: Ledger, name: str
) -> None:
    expected, state = TABLE[name]
    stories = [str(job) for job in ledger.stories(f"two_{name}-job-")]
    assert len(stories) == len(expected), stories
    for story, pattern in zip(stories, expected, strict=True):
        assert re.fullmatch(pattern, story), stories
    assert ledger.most_active(f"two_{name}-job-") == 1
    assert states[name] == state
