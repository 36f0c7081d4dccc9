# SPDX-License-Identifier: Apache-2.0
"""Waiting for a version of a model or of a data asset."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_azureml.compat import AirflowFailException, TaskDeferred
from airflow_provider_azureml.sensors.asset import AzureMLDataSensor, AzureMLModelSensor
from tests.unit.canned import UNKNOWN_JOB, CannedHook


def version(kind: str, number: str, **tags: str) -> dict[str, Any]:
    """ARM's answer about one version."""
    uri = {"models": "modelUri", "data": "dataUri"}[kind]
    return {
        "id": f"/x/{kind}/fare/versions/{number}",
        "properties": {uri: f"azureml://{number}", "tags": tags},
    }


def models(*answers: Any, **options: Any) -> AzureMLModelSensor:
    made = AzureMLModelSensor(**{"task_id": "s", "model": "fare", "poll_interval": 0.01, **options})
    made.hook = CannedHook().on("GET", "/models/fare/versions.*", *answers)  # type: ignore[assignment]
    return made


def test_a_model_that_nobody_registered_yet_is_waited_for() -> None:
    found = models(UNKNOWN_JOB, {"value": []}, {"value": [version("models", "1")]}).execute({})
    assert found == {
        "name": "fare",
        "version": "1",
        "id": "/x/models/fare/versions/1",
        "uri": "azureml://1",
        "tags": {},
    }


def test_the_newest_version_by_number_is_returned() -> None:
    listed = {"value": [version("models", number) for number in ("9", "10", "draft")]}
    assert models(listed).execute({})["version"] == "10"


def test_only_versions_that_are_newer_and_carry_the_tags_count() -> None:
    listed = {"value": [version("models", "2", stage="prod"), version("models", "3")]}
    assert models(listed, newer_than="2", tags={"stage": "prod"}).poke({}) is False
    assert models(listed, tags={"stage": "prod"}).execute({})["version"] == "2"
    assert models(listed, newer_than="2").execute({})["version"] == "3"


def test_one_version_is_asked_for_by_its_name() -> None:
    made = models(UNKNOWN_JOB, version("models", "7"), version="7")
    assert made.execute({})["version"] == "7"
    assert all(each.url.split("?")[0].endswith("/versions/7") for each in made.hook.requests)  # type: ignore[attr-defined]


def test_a_version_and_newer_than_exclude_each_other() -> None:
    with pytest.raises(AirflowFailException, match="newer_than: is given beside version '7'"):
        models({"value": []}, version="7", newer_than="6").poke({})


def test_a_data_asset_is_waited_for_in_the_same_way() -> None:
    made = AzureMLDataSensor(task_id="s", data="fare", newer_than="1", deferrable=True)
    hook = CannedHook().on("GET", "/data/fare/versions", {"value": [version("data", "1")]})
    made.hook = hook  # type: ignore[assignment]
    with pytest.raises(TaskDeferred) as caught:
        made.execute({})
    arguments = caught.value.trigger.arguments()
    assert (arguments["kind"], arguments["asset"], arguments["newer_than"]) == ("data", "fare", "1")
    hook.on("GET", "/data/fare/versions", {"value": [version("data", "2")]})
    assert made.execute({})["uri"] == "azureml://2"
