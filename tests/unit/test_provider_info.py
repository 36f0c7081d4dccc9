# SPDX-License-Identifier: Apache-2.0
"""What Airflow is told about the provider, against Airflow's own schema and loader."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
from pathlib import Path
from types import ModuleType

import airflow
import jsonschema
import pytest
from airflow.triggers.base import BaseTrigger

import airflow_provider_azureml
from airflow_provider_azureml.compat import BaseHook, BaseOperator, BaseOperatorLink
from airflow_provider_azureml.form import form
from airflow_provider_azureml.provider_info import MODULES, PACKAGE, get_provider_info

BASES = {"hooks": BaseHook, "operators": BaseOperator, "sensors": BaseOperator, "triggers": BaseTrigger}


def modules_of(kind: str) -> list[ModuleType]:
    package = importlib.import_module(f"{PACKAGE}.{kind}")
    names = [found.name for found in pkgutil.iter_modules(package.__path__)]
    return [importlib.import_module(f"{PACKAGE}.{kind}.{name}") for name in names]


def defines_public_class(module: ModuleType, base: type) -> bool:
    classes = inspect.getmembers(module, inspect.isclass)
    own = [cls for _, cls in classes if cls.__module__ == module.__name__ and "Base" not in cls.__name__]
    return any(issubclass(cls, base) for cls in own)


def test_the_answer_fits_the_schema_of_the_installed_airflow() -> None:
    schema = json.loads((Path(airflow.__path__[0]) / "provider_info.schema.json").read_text())
    jsonschema.validate(get_provider_info(), schema)


@pytest.mark.parametrize("kind", sorted(BASES))
def test_every_module_with_a_public_class_is_listed(kind: str) -> None:
    found = [m.__name__.rsplit(".", 1)[1] for m in modules_of(kind) if defines_public_class(m, BASES[kind])]
    assert sorted(found) == sorted(MODULES[kind])


def test_the_hook_and_the_link_can_be_imported_by_the_names_given() -> None:
    info = get_provider_info()
    names = [info["connection-types"][0]["hook-class-name"], *info["extra-links"]]
    for name, base in zip(names, (BaseHook, BaseOperatorLink), strict=True):
        module, _, cls = name.rpartition(".")
        assert issubclass(getattr(importlib.import_module(module), cls), base)


def test_the_form_shows_every_field_that_the_connection_reads() -> None:
    assert list(get_provider_info()["connection-types"][0]["conn-fields"]) == list(form())


def test_the_version_is_the_version_of_the_package() -> None:
    assert get_provider_info()["versions"] == [airflow_provider_azureml.__version__]
