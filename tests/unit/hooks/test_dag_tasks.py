# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_azureml.hooks.dag_tasks import (
    claims,
    code_of,
    filled,
    record,
    service_account,
    settings,
    value,
)
from airflow_provider_azureml.hooks.lake import AzureDataLakeHook
from airflow_provider_azureml.operators.job import AzureMLRunJobOperator


def test_variables_are_filled_in_and_other_templates_stay() -> None:
    content = {"a": ["{{ var.value.who }}", "{{ ds }}", 3, None, True], "b": "x {{var.value.none}}"}
    assert filled(content, {"who": "me"}.get) == {
        "a": ["me", "{{ ds }}", 3, None, True],
        "b": "x {{var.value.none}}",
    }


def upload() -> None:
    """Code of a @task."""

    def inner() -> int:
        return AzureDataLakeHook("azureml_land").upload_file("raw", "x", Path("y"))

    inner()


def test_code_that_names_a_hook_tells_it_with_its_methods_and_texts() -> None:
    calls, strings = code_of(upload)
    assert calls == ["AzureDataLakeHook", "upload_file"]
    assert {"azureml_land", "raw"} <= set(strings)


@pytest.mark.parametrize("function", [None, test_variables_are_filled_in_and_other_templates_stay, len])
def test_other_code_tells_nothing(function: Any) -> None:
    assert code_of(function) == ([], [])


def test_an_operator_is_read_with_its_arguments_and_a_mapped_one_with_its_constant_ones() -> None:
    dag = SimpleNamespace(dag_id="d", fileloc="/dags/d.py")
    task = AzureMLRunJobOperator(task_id="t", azureml_conn_id="c", job="j.yml", access="off", queue="gpu")
    found = record(dag, task)
    assert (found["conn_id"], found["fields"]["job"], found["fields"]["access"]) == ("c", "j.yml", "off")
    assert ("AzureMLRunJobOperator" in found["classes"], found["folder"], found["queue"]) == (
        True,
        "/dags",
        "gpu",
    )
    assert found["is_mapped"] is False
    mapped = AzureMLRunJobOperator.partial(task_id="m", azureml_conn_id="c", job="j.yml").expand(
        inputs=[{}, {}]
    )
    found = record(dag, mapped)
    assert (found["is_mapped"], found["conn_id"], found["fields"]["job"]) == (True, "c", "j.yml")
    assert value(mapped, "nothing") is None


def test_a_pods_service_account_is_read_off_the_override() -> None:
    pod = SimpleNamespace(
        spec=SimpleNamespace(service_account_name="train"), metadata=SimpleNamespace(namespace="ml")
    )
    assert service_account({"pod_override": pod}) == "ml/train"
    assert (service_account(None), service_account({"pod_override": None})) == ("", "")


def test_a_token_file_tells_who_it_is_for_and_never_itself(tmp_path: Path) -> None:
    body = (
        base64.urlsafe_b64encode(json.dumps({"iss": "i", "sub": "s", "aud": ["a"]}).encode())
        .decode()
        .rstrip("=")
    )
    file = tmp_path / "token"
    file.write_text(f"head.{body}.secret\n")
    assert claims(str(file)) == {"issuer": "i", "subject": "s", "audience": "a"}
    file.write_text("no token")
    assert claims(str(file)) == claims("/nowhere") == {}


def test_a_connection_is_read_without_its_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"auth": "client_secret", "tenant_id": "0" * 8 + "-0000-0000-0000-" + "0" * 12}
    extra["client_id"] = extra["tenant_id"]
    uri = {"conn_type": "azureml", "password": "hush-hush", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_SECRETIVE", json.dumps(uri))
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", json.dumps({"conn_type": "http"}))
    monkeypatch.setenv(
        "AIRFLOW_CONN_BROKEN", json.dumps({"conn_type": "azureml", "extra": {"auth": "magic"}})
    )
    found = settings("secretive")
    assert found is not None
    assert found["client_id"] == extra["client_id"]
    assert "hush-hush" not in json.dumps(found)
    assert settings("other") is None
    assert "'magic' is unknown" in str(settings("broken"))
