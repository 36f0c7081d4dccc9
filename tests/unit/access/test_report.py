# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_azureml.access.report import (
    CheckLine,
    Difference,
    GrantLine,
    IdentityLine,
    Report,
    TaskLine,
    read,
    worst,
    write,
)
from airflow_provider_azureml.errors import ConfigurationError

GRANT = GrantLine(
    "Storage Blob Data Reader", "/subscriptions/s/c", "@Resource[...]", "a group", "/ra", "EXTRA"
)
CHECK = CheckLine(
    "run", "blobs/read", "/subscriptions/s/c", "DENIED", "no role", "Reader", "input raw", "az", True
)
TASK = TaskLine("nightly", "train", "azureml_train", "federated", "train.yml", "ml", "app", "uami", (CHECK,))
REPORT = Report(
    made_at="2026-11-27T15:00:00+00:00",
    command="airflow-azureml access check",
    deployment="prod",
    identities=(IdentityLine("uami", "managed identity", "c", "o", "ml", (GRANT,)), IdentityLine("app")),
    tasks=(TASK,),
    differences=(Difference("EXTRA", "uami", "holds more", "az role assignment delete"),),
)


def test_a_report_comes_back_from_its_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    write(REPORT, path)
    assert read(path) == REPORT
    assert [file.name for file in tmp_path.iterdir()] == ["report.json"]


def test_a_report_that_cannot_be_written_leaves_the_one_before_it(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    path.mkdir()
    with pytest.raises(OSError, match="folder"):
        write(REPORT, path)
    assert [file.name for file in tmp_path.iterdir()] == ["folder"]


def test_what_a_later_version_added_is_left_out() -> None:
    content = REPORT.to_dict()
    content["news"] = content["tasks"][0]["news"] = 1
    assert Report.of(content, "it") == REPORT


def test_a_task_is_as_good_as_its_worst_check() -> None:
    assert TASK.verdict == "DENIED"
    assert worst(["ALLOWED", "CONDITIONAL"]) == "CONDITIONAL"
    assert worst(["CONDITIONAL", "UNKNOWN", "ALLOWED"]) == "UNKNOWN"


def test_nothing_checked_and_a_strange_verdict_are_unknown() -> None:
    assert worst([]) == worst(["GRANTED"]) == "UNKNOWN"


@pytest.mark.parametrize(
    "content",
    [
        [],
        {},
        {"format": 2},
        {"format": 1},
        {"format": 1, "made_at": 7},
        {"format": 1, "made_at": "now", "tasks": 1},
        {"format": 1, "made_at": "now", "tasks": [3]},
        {"format": 1, "made_at": "now", "tasks": [{"dag_id": "d"}]},
        {"format": 1, "made_at": "now", "identities": [{"name": "n", "grants": [{"role": None}]}]},
    ],
)
def test_what_is_no_report_is_an_error_with_its_mend(content: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^it: is .*Make it anew: airflow-azureml access check"):
        Report.of(content, "it")


def test_a_file_that_is_absent_or_no_json_is_named(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    with pytest.raises(ConfigurationError, match=r"report.json': does not exist"):
        read(path)
    for text in ("{", "[" * 100_000, "\ud800".encode("utf-8", "surrogatepass").decode("latin-1")):
        path.write_text(text)
        with pytest.raises(ConfigurationError, match=r"report.json': is not JSON"):
            read(path)
    path.write_text(json.dumps({"format": 1, "made_at": "x" * (16 << 20)}))
    with pytest.raises(ConfigurationError, match="is larger than"):
        read(path)
