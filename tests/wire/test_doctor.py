# SPDX-License-Identifier: Apache-2.0
"""Each fault: a real job or sign-in fails with Azure's text, `doctor` names the cause, its mend helps.

All of `faults.py` with ``RELIABILITY_SOAK=1``, else those of SHORT. The sandbox's control API is not used.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.wire.clinic import Clinic, Outcome, opened, row_and_mend
from tests.wire.faults import FAULTS, Fault

SHORT = {20, 26, 21, 27, 15, 17, 4, 31}
CHOSEN = [
    fault
    for fault in FAULTS
    if os.environ.get("RELIABILITY_SOAK") or (fault.row in SHORT and "condition" not in fault.name)
]


@dataclass(frozen=True)
class Seen:
    """One line of the printed table."""

    fault: Fault
    row: int
    mend: str
    helped: bool


@pytest.fixture(scope="module")
def table() -> list[Seen]:
    return []


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    with opened(tmp_path_factory.mktemp("clinic")) as clinic:
        clinic.lake("PUT", "features/clinic/file.csv?resource=file")
        yield clinic


@pytest.fixture
def clinic(whole: Clinic) -> Iterator[Clinic]:
    """One for all; each test finds it as the first one did."""
    yield whole
    whole.heal()


def test_the_task_itself_says_who_mounts_and_how_it_is_mended(clinic: Clinic) -> None:
    """What the operator appends: with no more rights than the submitter's own."""
    clinic.revoke("run-train", "/containers/features")
    fault = next(fault for fault in FAULTS if fault.row == 20)
    failed = fault.run(clinic)
    who = clinic.sandbox.principal("run-train")["client_id"]
    assert f"\nWho: the job runs and mounts as client id {who}" in failed.text
    assert f"airflow-azureml doctor azureml_train --job {failed.job}" in failed.text
    mend = failed.text.rpartition("\nMend: ")[2]
    clinic.mend(mend)
    assert fault.run(clinic).text == ""


@pytest.mark.parametrize("fault", CHOSEN, ids=str)
def test_the_doctor_names_the_cause_and_a_mend_that_helps(
    fault: Fault, clinic: Clinic, table: list[Seen], capsys: pytest.CaptureFixture[str]
) -> None:
    fault.make(clinic)
    failed = fault.run(clinic)
    assert failed.text, "the fault was none"
    code, output = clinic.doctor(fault.conn, *told(fault, failed), capsys=capsys)
    row, mend = row_and_mend(output)
    assert (code, row) == (1, fault.row), output
    after = patient_after(fault, clinic, mend)
    table.append(Seen(fault, row, mend, not after.text))
    assert after.text == "", output
    assert not any(word in output for word in ("Bearer ", "eyJ")), "a token was printed"


def told(fault: Fault, failed: Outcome) -> list[str]:
    """The options that a person would give."""
    return {"job": ["--job", failed.job], "text": ["--error", failed.text]}.get(fault.by, [])


def patient_after(fault: Fault, clinic: Clinic, mend: str) -> Outcome:
    """The next run after the mend; a new client secret takes seconds to arrive, as the cause says."""
    run = fault.run
    if fault.heed:
        run = fault.heed(clinic, mend)
    else:
        clinic.mend(mend)
    after = run(clinic)
    deadline = time.monotonic() + 10
    while after.text and fault.row in (1, 2) and time.monotonic() < deadline:
        time.sleep(1)
        after = run(clinic)
    return after


def test_the_table_is_printed(table: list[Seen], capsys: pytest.CaptureFixture[str]) -> None:
    lines = [
        f"{len(table)} faults, {len({one.row for one in table})} rows of the table",
        f"{'ROW':>3}  FAULT: MEND",
    ]
    for one in table:
        lines.append(
            f"{one.row:>3}  {one.fault.name}: {one.mend[:100]}{'' if one.helped else ' (did not help)'}"
        )
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(lines) + "\n")
    assert all(one.helped for one in table)
    assert len(table) == len(CHOSEN)
