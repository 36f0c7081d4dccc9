# SPDX-License-Identifier: Apache-2.0
"""Kinds that azure-ai-ml compiles: what is known without it (with it: tests/wire/test_azure_ai_ml.py)."""

from __future__ import annotations

import importlib.machinery
import sys
from types import ModuleType
from typing import Any

import pytest

from airflow_provider_azureml.errors import ConfigurationError
from airflow_provider_azureml.spec.compiled import fingerprint
from airflow_provider_azureml.spec.job import compile_job

PIPELINE = {"type": "pipeline", "jobs": {"a": {"type": "command", "component": "azureml:a:1"}}}


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """An azure-ai-ml that can be found, and is not imported before the task submits."""
    for name in ("azure.ai", "azure.ai.ml"):
        module = ModuleType(name)
        module.__path__ = []
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)
        monkeypatch.setitem(sys.modules, name, module)


@pytest.mark.parametrize("kind", ["pipeline", "sweep", "automl"])
def test_without_the_sdk_the_error_says_what_to_install(kind: str) -> None:
    with pytest.raises(
        ConfigurationError, match=r"field 'type': '.*azure-ai-ml.*airflow-provider-azureml\[sdk\]"
    ) as caught:
        compile_job({"type": kind}, "/ws")
    assert "REST body" in str(caught.value)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("kind, rest", [("pipeline", "Pipeline"), ("sweep", "Sweep"), ("automl", "AutoML")])
def test_the_kind_is_known_before_the_sdk_is_imported(kind: str, rest: str) -> None:
    assert compile_job({"type": kind}, "/ws").kind == rest


@pytest.mark.usefixtures("installed")
def test_the_definition_and_its_overrides_make_the_fingerprint() -> None:
    def print_of(**overrides: Any) -> str:
        return fingerprint(compile_job(PIPELINE, "/ws", overrides))

    assert print_of() == print_of()
    assert print_of(inputs={"word": "x"}) != print_of()


@pytest.mark.usefixtures("installed")
def test_a_name_of_its_own_is_refused_for_these_kinds_too() -> None:
    with pytest.raises(ConfigurationError, match="a job's name is derived from its Airflow task"):
        compile_job({**PIPELINE, "name": "mine"}, "/ws")
