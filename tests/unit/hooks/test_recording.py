# SPDX-License-Identifier: Apache-2.0
"""From settings to a recorder; what the hooks record is proven in tests/wire/test_audit.py."""

from __future__ import annotations

import ast
import base64
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

import airflow_provider_azureml
from airflow_provider_azureml.audit.event import TaskKey, Who
from airflow_provider_azureml.connection import Settings, parse
from airflow_provider_azureml.errors import ConfigurationError
from airflow_provider_azureml.hooks.recording import LastAnswer, audit_folder, recorder_for

GUID = "11111111-2222-3333-4444-555555555555"
PACKAGE = Path(airflow_provider_azureml.__file__).parent
TI = SimpleNamespace(dag_id="d", run_id="r", task_id="t", map_index=-1, try_number=1)


def said(level: int, text: str) -> None:
    raise AssertionError(text)


@pytest.fixture
def settings() -> Settings:
    return parse("c", "azureml", None, None, None, {"auth": "managed_identity", "client_id": GUID})


def test_the_log_is_beside_the_task_logs_unless_it_is_told_where(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    monkeypatch.setenv("AIRFLOW__LOGGING__BASE_LOG_FOLDER", "/logs")
    assert audit_folder() == Path("/logs/azureml-audit")
    monkeypatch.setenv("AIRFLOW__AZUREML__AUDIT_PATH", "/elsewhere")
    made = recorder_for(settings, None, said)
    assert made is not None
    assert made.journal.folder == Path("/elsewhere")


@pytest.mark.parametrize(("mode", "is_required"), [("", True), ("required", True), ("best_effort", False)])
def test_requests_are_refused_unless_best_effort_is_chosen(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, mode: str, is_required: bool
) -> None:
    monkeypatch.setenv("AIRFLOW__AZUREML__AUDIT", mode)
    made = recorder_for(settings, None, said)
    assert made is not None
    assert made.is_required is is_required


def test_nobody_records_when_it_is_off_and_a_wrong_word_is_an_error(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    monkeypatch.setenv("AIRFLOW__AZUREML__AUDIT", "off")
    assert recorder_for(settings, None, said) is None
    monkeypatch.setenv("AIRFLOW__AZUREML__AUDIT", "none")
    with pytest.raises(ConfigurationError, match=r"\[azureml\] audit: 'none' is unknown"):
        recorder_for(settings, None, said)


def test_the_task_is_the_given_one_or_the_running_one_or_none(settings: Settings) -> None:
    from airflow.sdk.execution_time.context import set_current_context

    given, running = recorder_for(settings, TI, said), recorder_for(settings, None, said)
    assert given is not None
    assert running is not None
    assert (given.task(), running.task()) == (TaskKey("d", "r", "t", -1, 1), None)
    with set_current_context({"ti": TI}):
        assert running.task() == TaskKey("d", "r", "t", -1, 1)


def test_who_is_read_from_the_token_and_a_token_that_says_nothing_is_nobody(settings: Settings) -> None:
    made = recorder_for(settings, None, said)
    assert made is not None
    claims = json.dumps({"tid": "t", "appid": "a", "oid": "o"}).encode()
    token = "h." + base64.urlsafe_b64encode(claims).decode().rstrip("=") + ".s"
    assert made.who(token) == Who("t", "a", "o")
    assert made.who("opaque") is None


def test_the_last_answer_of_a_client_is_kept_without_its_body() -> None:
    last = LastAnswer()
    assert last.response.status == 0
    for status in (401, 200):
        answer = SimpleNamespace(status_code=status, headers={"X-MS-Request-Id": f"r{status}"})
        last(SimpleNamespace(http_response=answer))
    assert (last.response.status, last.response.request_id, last.response.body) == (200, "r200", b"")


def test_only_hooks_make_drivers_so_that_nothing_is_done_unrecorded() -> None:
    """An operator that made a driver of its own would go round the audit (design D9)."""
    makers = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
            module = node.module if isinstance(node, ast.ImportFrom) else None
            if module == "airflow_provider_azureml.rest.driver":
                makers.add(str(path.relative_to(PACKAGE)))
    others = {maker for maker in makers if not maker.startswith(("hooks", "rest"))}
    assert others == {str(Path("identity/source_http.py"))}  # asks who vouches for us, with no token of Azure
