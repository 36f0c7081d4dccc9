# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from demo import evidence
from demo.layout import DemoFailed, Layout

PREP, TRAIN = "11111111-0000-0000-0000-000000000000", "22222222-0000-0000-0000-000000000000"
AGENT = "APN/1.0 Azure Blob FS/3.3.4"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """What a good run leaves behind."""
    found = Layout.of(tmp_path)
    found.sandbox.mkdir(parents=True)
    found.summary.write_text(json.dumps({"run_id": "r1", "started_at": 100.0}))
    principals = {"run-prep": {"object_id": PREP}, "run-train": {"object_id": TRAIN}}
    (found.sandbox / "cloud.json").write_text(json.dumps({"principals": principals}))
    log = (
        found.airflow / "logs" / "dag_id=nightly_retraining" / "run_id=r1" / "task_id=train" / "attempt=1.log"
    )
    log.parent.mkdir(parents=True)
    log.write_text('{"event": "pandas 1.5.3, scikit-learn 1.0.2"}\n')
    write_requests(found, request(PREP, AGENT, 200), request(TRAIN, "azsdk-python", 403))
    return found


def request(
    object_id: str, agent: str, status: int, time: float = 101.0, path: str = "/features/x"
) -> dict[str, Any]:
    return {
        "time": time,
        "method": "PUT",
        "host": evidence.LAKE_HOST,
        "path": path,
        "status": status,
        "object_id": object_id,
        "user_agent": agent,
    }


def write_requests(layout: Layout, *requests: dict[str, Any]) -> None:
    (layout.sandbox / "requests.jsonl").write_text("".join(json.dumps(one) + "\n" for one in requests))


def test_a_good_run_proves_all_claims(layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    assert evidence.show(layout) == 0
    shown = capsys.readouterr().out
    assert AGENT in shown
    assert f"PUT https://{evidence.LAKE_HOST}/features/x -> 403" in shown
    assert f"pandas 1.5.3, scikit-learn 1.0.2; .venv: pandas {version('pandas')}" in shown


@pytest.mark.parametrize(
    "requests",
    [
        [],
        [request(PREP, "azsdk-python", 200), request(TRAIN, "azsdk-python", 403)],
        [request(TRAIN, AGENT, 200), request(TRAIN, "azsdk-python", 403)],
        [request(PREP, AGENT, 200), request(TRAIN, "azsdk-python", 200)],
        [request(PREP, AGENT, 200), request(PREP, "azsdk-python", 403)],
        [request(PREP, AGENT, 200), request(TRAIN, "azsdk-python", 403, path="/raw/x")],
        [request(PREP, AGENT, 200), request(TRAIN, "azsdk-python", 403, time=99.0)],
    ],
)
def test_a_log_without_the_proof_fails(layout: Layout, requests: list[dict[str, Any]]) -> None:
    write_requests(layout, *requests)
    assert evidence.show(layout) == 1


def test_a_job_in_our_own_environment_is_no_proof(layout: Layout) -> None:
    log = next(layout.airflow.rglob("attempt=1.log"))
    log.write_text(f"pandas {version('pandas')}, scikit-learn 1.0.2")
    assert evidence.show(layout) == 1


def test_a_training_log_without_versions_is_no_proof(layout: Layout) -> None:
    next(layout.airflow.rglob("attempt=1.log")).write_text("hello")
    assert evidence.show(layout) == 1


def test_without_a_run_there_is_nothing_to_show(tmp_path: Path) -> None:
    with pytest.raises(DemoFailed, match="make demo"):
        evidence.show(Layout.of(tmp_path))
