# SPDX-License-Identifier: Apache-2.0
"""What every kind of definition shares."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_azureml.spec.base import code, shared_body
from airflow_provider_azureml.spec.document import Document
from tests.unit.spec.definition import COMMAND, NOWHERE, WS, compiled, fields, refuses


def test_names_and_marks_go_over_as_they_are() -> None:
    body = compiled(
        **{"$schema": "https://x", "display_name": "d", "description": "text", "experiment_name": "e"},
        tags={"a": 1},
        properties={"b": "c"},
        compute="azureml:cpu",
        identity="managed",
    )
    assert (body["displayName"], body["description"], body["experimentName"]) == ("d", "text", "e")
    assert (body["tags"], body["properties"], body["isArchived"]) == ({"a": "1"}, {"b": "c"}, False)
    assert body["computeId"] == f"{WS}/computes/cpu"
    assert body["identity"] == {"identityType": "Managed"}


def test_what_is_absent_is_none_for_the_kind_to_drop() -> None:
    body = shared_body(fields(), NOWHERE, WS)
    assert {name for name, value in body.items() if value is None} == {
        *("displayName", "description", "experimentName", "computeId", "identity")
    }


def test_code_is_a_folder_beside_the_definition_or_is_in_the_workspace(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    here = Document("job.yml", {}, tmp_path)
    assert code(fields(code="src"), here, WS) == (None, tmp_path / "src")
    assert code(fields(code="azureml:c:1"), here, WS) == (f"{WS}/codes/c/versions/1", None)
    assert code(fields(), here, WS) == (None, None)


@pytest.mark.parametrize(
    "changes, name, mend",
    [
        ({"code": "/no/such/folder"}, "code", "Correct the path"),
        ({"code": "src"}, "code", "absolute path"),
        ({"code": "/etc/hostname"}, "code", "folder that holds it"),
        ({"code": "https://x/y"}, "code", "azureml:NAME:VERSION"),
        ({"name": "mine"}, "name", "display_name"),
        ({"services": {"ssh": {}}}, "services", "REST body"),
        ({"parent_job_name": "x"}, "parent_job_name", "Remove it"),
        ({"tags": ["a"]}, "tags", "mapping"),
        ({"display_name": 3}, "display_name", "in quotes"),
    ],
)
def test_a_malformed_field_is_named_with_its_mend(changes: dict[str, Any], name: str, mend: str) -> None:
    refuses({**COMMAND, **changes}, name, mend)
