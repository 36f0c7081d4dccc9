# SPDX-License-Identifier: Apache-2.0
"""Reading of definitions, hostile ones included."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_azureml.errors import ConfigurationError
from airflow_provider_azureml.spec.document import MAX_DEPTH, MAX_NODES, Document, load, plain
from airflow_provider_azureml.spec.job import compile_job
from tests.unit.spec.definition import WS


@pytest.mark.parametrize(
    "text, problem",
    [
        ("type: [", "not valid YAML"),
        ("- a\n- b\n", "is list"),
        ("", "is empty"),
        ("a: !!python/object/apply:os.system [true]", "not valid YAML"),
        ("day: 2024-99-99", "not valid YAML"),
        ("[" * 20_000, "nested deeper"),
        (
            "a: &a [x,x,x,x,x,x,x,x,x]\n"
            + "".join(
                f"{b}: &{b} [{', '.join(['*' + a] * 9)}]\n"
                for a, b in zip("abcdefgh", "bcdefghi", strict=True)
            ),
            "aliases expanded",
        ),
        ("a: &a {b: *a}", "nested deeper"),
        ("x" * (1 << 20) + "x", "larger than"),
    ],
    ids=["broken", "list", "empty", "tag", "date", "brackets", "bomb", "recursive", "large"],
)
def test_a_hostile_file_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "job.yml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=problem):
        compile_job(path, WS)


def test_an_absent_file_is_named_with_the_place_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=str(tmp_path)):
        compile_job(tmp_path / "absent.yml", WS)


def test_a_file_knows_its_folder_and_a_dict_has_none(tmp_path: Path) -> None:
    (tmp_path / "job.yml").write_text("type: command\n")
    assert load(tmp_path / "job.yml") == Document(str(tmp_path / "job.yml"), {"type": "command"}, tmp_path)
    assert load({"type": "command"}) == Document("job", {"type": "command"}, None)


def test_a_relative_path_starts_at_the_folder_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    assert Document("job.yml", {}, tmp_path).path("code", "src") == tmp_path / "src"
    with pytest.raises(ConfigurationError, match=r"field 'code'.*does not exist.*folder of the YAML file"):
        Document("job.yml", {}, tmp_path).path("code", "absent")


def test_a_relative_path_in_a_dict_has_no_place_to_start_from() -> None:
    with pytest.raises(ConfigurationError, match="absolute path"):
        Document("job", {}, None).path("code", "src")


@pytest.mark.parametrize("job", [3, None, ["a"], b"x"])
def test_a_job_that_is_neither_dict_nor_path_is_refused(job: Any) -> None:
    with pytest.raises(ConfigurationError, match="dict or the path"):
        load(job)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "job.yml").write_bytes(b"a: \xff")
    with pytest.raises(ConfigurationError, match=r"not UTF-8 text \(byte 3\)"):
        load(tmp_path / "job.yml")


def test_the_limits_hold_for_a_dict_too() -> None:
    deep: Any = "x"
    for _ in range(MAX_DEPTH + 1):
        deep = {"a": deep}
    with pytest.raises(ConfigurationError, match="nested deeper"):
        plain(deep, "job")
    with pytest.raises(ConfigurationError, match="holds more than"):
        plain(["x"] * MAX_NODES, "job")


def test_what_is_within_the_limits_is_taken_as_it_is() -> None:
    assert plain({"a": ["x"] * 1000}, "job") == {"a": ["x"] * 1000}
