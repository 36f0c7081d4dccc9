# SPDX-License-Identifier: Apache-2.0
"""One Azure for the session, an environment like a worker's, and the counts in the terminal's summary.

`RELIABILITY_SOAK=1` asks for the full sweeps of `make soak`; `RELIABILITY_SEED=n` replays one sequence.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from airflow_provider_azureml.audit.check import verify
from tests.reliability.tally import TALLY
from tests.reliability.world.azure import CONNECTION, Azure, azure


@pytest.fixture(scope="session", autouse=True)
def settled_heap() -> Iterator[None]:
    """Airflow's modules are a million objects, which every full collection would visit."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="session")
def audit_log() -> Iterator[Path]:
    """The audit log of all runs, in memory where there is such a folder: each record waits for its disk.

    Whoever was killed in the middle of whatever: in the end it is whole.
    """
    memory = Path("/dev/shm")
    with TemporaryDirectory(prefix="audit-", dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)
        report = verify(Path(folder))
        assert report.problems == []
        TALLY.say(f"audit log: {report.records} records by {report.files} writers, whole")


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory, audit_log: Path) -> Iterator[Azure]:
    """The Azure of all runs, and the connection to it."""
    with azure(tmp_path_factory.mktemp("reliability")) as made, pytest.MonkeyPatch.context() as patch:
        patch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", made.connection())
        patch.setenv("AIRFLOW__AZUREML__DEPLOYMENT_ID", "reliability")
        patch.setenv("AIRFLOW__AZUREML__AUDIT_PATH", str(audit_log))
        yield made


@pytest.fixture
def count() -> list[str]:
    """Lines for the terminal's summary."""
    return TALLY.said


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What was counted, whether or not output is captured."""
    lines = TALLY.lines()
    if lines:
        terminalreporter.section("reliability")
        for line in lines:
            terminalreporter.write_line(line)
