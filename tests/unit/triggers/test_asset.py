# SPDX-License-Identifier: Apache-2.0
"""Waiting for a version in the triggerer (what each look says: tests/unit/sensors/test_asset.py)."""

from __future__ import annotations

from airflow_provider_azureml.triggers.asset import DATA, MODEL, AzureMLAssetTrigger
from tests.unit.canned import UNKNOWN_JOB, CannedHook


async def test_it_fires_with_the_version_that_came() -> None:
    made = AzureMLAssetTrigger("azureml_x", DATA, "trips", poll_interval=0.01)
    version = {"id": "/x/data/trips/versions/4", "properties": {"dataUri": "azureml://4"}}
    hook = CannedHook().on("GET", "/data/trips/versions", UNKNOWN_JOB, {"value": [version]})
    made.hook = hook  # type: ignore[assignment]
    event = await made.watch()
    assert (event["name"], event["record"]["version"]) == ("Data trips", "4")


def test_its_arguments_make_it_again() -> None:
    path, arguments = AzureMLAssetTrigger("c", MODEL, "m", "", "3", {"a": "b"}, 5, 6.0).serialize()
    assert AzureMLAssetTrigger(**arguments).serialize() == (path, arguments)
