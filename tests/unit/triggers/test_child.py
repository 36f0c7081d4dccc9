# SPDX-License-Identifier: Apache-2.0
"""Waiting for a step in the triggerer (what each look says: tests/unit/sensors/test_job.py)."""

from __future__ import annotations

from airflow_provider_azureml.triggers.child import AzureMLChildJobTrigger
from tests.unit.canned import CannedHook, arm_job


async def test_a_step_costs_one_request_per_look_once_it_has_begun() -> None:
    made = AzureMLChildJobTrigger("azureml_x", "pipe", "train", poll_interval=0.01)
    hook = CannedHook().on("GET", "/jobs/pipe", arm_job("pipe", "Running"))
    steps = [
        {"value": [{"runId": "r", "displayName": "train", "status": s}]} for s in ("Running", "Completed")
    ]
    made.hook = hook.on("GET", "/runs/pipe/children", {"value": []}, *steps)  # type: ignore[assignment]
    event = await made.watch()
    assert event["record"] == {"name": "r", "status": "Completed"}
    assert len(hook.asked("GET", "/children")) == 3
    assert len(hook.asked("GET", "/jobs/pipe")) == 1


def test_its_arguments_make_it_again() -> None:
    path, arguments = AzureMLChildJobTrigger("c", "pipe", "train", 3, 4.0).serialize()
    assert AzureMLChildJobTrigger(**arguments).serialize() == (path, arguments)
