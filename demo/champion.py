# SPDX-License-Identifier: Apache-2.0
"""A model version registered by hand before the run, so that the run has a champion to lose against."""

from __future__ import annotations

from demo.azure import Azure

MODEL = "flight-delay"
METRIC = "mae_minutes"
_VERSION = {"api-version": "2024-10-01"}


def plant(azure: Azure, value: float) -> str:
    """Register the next version with this error in minutes; returns what was registered, in words.

    :raises DemoFailed: where Azure refuses
    """
    arm = azure.arm("model-steward")
    versions = f"{azure.workspace}/models/{MODEL}/versions"
    taken = [int(item["name"]) for item in arm.get(versions, _VERSION, missing={"value": []})["value"]]
    number = max(taken, default=0) + 1
    properties = {
        "modelType": "custom_model",
        "modelUri": "azureml://datastores/models/paths/planted",
        "description": "Registered by hand",
        "tags": {METRIC: repr(value)},
    }
    arm.put(f"{versions}/{number}", _VERSION, {"properties": properties})
    return f"{MODEL} version {number} with {METRIC} = {value:g}"
