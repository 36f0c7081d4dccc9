# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from airflow_provider_azureml.access.step import steps_of

PIPELINE = {
    "jobType": "Pipeline",
    "settings": {"default_compute": "azureml:cluster"},
    "inputs": {"raw": {"jobInputType": "uri_folder", "uri": "azureml://datastores/raw/paths/a"}},
    "outputs": {"model": {"jobOutputType": "uri_folder", "uri": "azureml://datastores/features/paths/m"}},
    "jobs": {
        "prep": {
            "inputs": {
                "raw": {"job_input_type": "literal", "value": "${{parent.inputs.raw}}"},
                "depth": {"job_input_type": "literal", "value": "3"},
            },
            "outputs": {"features": {"type": "literal", "value": "${{parent.outputs.model}}"}},
        },
        "train": {
            "computeId": "azureml:other",
            "inputs": {
                "features": {"job_input_type": "literal", "value": "${{parent.jobs.prep.outputs.features}}"}
            },
            "outputs": {"scratch": None},
        },
    },
}


def test_a_pipeline_hands_its_data_to_the_steps_that_are_bound_to_it() -> None:
    prep, train = steps_of(PIPELINE)
    assert prep.inputs == {"raw": PIPELINE["inputs"]["raw"]}
    assert prep.outputs == {"features": PIPELINE["outputs"]["model"]}
    assert train.inputs == {"features": {"uri": "azureml://datastores/features/paths/m"}}
    assert train.outputs == {"scratch": {"uri": ""}}


def test_a_pipelines_compute_holds_for_steps_without_one() -> None:
    assert [step.body["computeId"] for step in steps_of(PIPELINE)] == ["azureml:cluster", "azureml:other"]


def test_any_other_job_is_one_step_without_its_literals() -> None:
    body = {
        "jobType": "Sweep",
        "trial": {"command": "train"},
        "inputs": {
            "n": {"jobInputType": "literal", "value": "1"},
            "d": {"jobInputType": "mltable", "uri": "u"},
        },
        "outputs": {"o": None},
    }
    (step,) = steps_of(body)
    assert (step.name, list(step.inputs), step.outputs, step.body["command"]) == (
        "",
        ["d"],
        {"o": {}},
        "train",
    )
