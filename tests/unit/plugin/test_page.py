# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points
from types import SimpleNamespace

import pytest

from airflow_provider_azureml.compat import shows_external_views
from airflow_provider_azureml.plugin.page import AzureMLPlugin, Page, views


def test_airflow_finds_the_plugin_by_its_entry_point() -> None:
    (found,) = [each for each in entry_points(group="airflow.plugins") if each.name == "azureml"]
    assert found.load() is AzureMLPlugin


def test_the_page_has_an_application_and_two_places_in_the_ui() -> None:
    (app,) = AzureMLPlugin.fastapi_apps
    assert (type(app["app"]), app["url_prefix"]) == (Page, "/azureml")
    assert [view["destination"] for view in AzureMLPlugin.external_views] == ["nav", "dag_run"]


def test_an_airflow_below_a_path_is_linked_below_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://example.com/team/airflow/")
    assert views()[0]["href"] == "/team/airflow/azureml/"


def test_before_3_1_there_is_no_place_for_it() -> None:
    assert not shows_external_views(type("AirflowPlugin", (), {}))
    assert shows_external_views(type("AirflowPlugin", (), {"external_views": []}))


def test_a_process_that_loads_plugins_does_not_pay_for_the_web_application() -> None:
    code = "import sys, airflow.plugins_manager; before = set(sys.modules); import airflow_provider_azureml.plugin.page;"
    code += "print(sorted({n.partition('.')[0] for n in set(sys.modules) - before} & {'fastapi', 'azure', 'aiohttp'}))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines()[-1] == "[]"


async def test_the_application_is_made_with_the_first_request() -> None:
    page, seen = Page(), []

    async def app(scope: object, receive: object, send: object) -> None:
        seen.append(scope)

    page._app = app
    await page({"type": "http"}, SimpleNamespace(), SimpleNamespace())
    assert seen == [{"type": "http"}]
