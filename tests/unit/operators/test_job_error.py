# SPDX-License-Identifier: Apache-2.0
"""Azure's words for the end of a job, and what they mean for a retry."""

from __future__ import annotations

import pytest

from airflow_provider_azureml.errors import (
    JobEvictedError,
    JobFailedError,
    JobQuotaError,
    JobServiceError,
    JobUserError,
)
from airflow_provider_azureml.operators.job_error import kind_of, kind_of_all
from airflow_provider_azureml.rest.run_history import Details

PREEMPTED = (  # MachineLearningNotebooks#1242
    "AzureMLCompute job failed. PreemptionError: Nodes of this job got pre-empted. "
    "Check if the run has failed or restarted. Reason: Received pre-emption warning signal"
)
QUOTA = "The specified subscription has a total vCPU quota of 0 and cannot accomodate for at least 1 node"
EXIT = "Execution failed. User process 'python' exited with status code 1.\n"


@pytest.mark.parametrize(
    "code, text, kind",
    [
        ("UserError", f"{EXIT}Error: KeyError: 'mae'", JobUserError),
        ("UserError", "ScriptExecution.StreamAccess.NotFound: stream not found", JobUserError),
        ("UserError", PREEMPTED, JobEvictedError),
        ("ServiceError", "The job was stopped. (JobPreempted)", JobEvictedError),
        ("UserError", QUOTA, JobQuotaError),
        ("UserError", "Nodes could not be had (ClusterCoreQuotaReached)", JobQuotaError),
        ("ServiceError", "Allocation failed (AllocationFailed)", JobQuotaError),
        ("ServiceError", "InternalServerError", JobServiceError),
        ("SystemError", "A node was lost", JobServiceError),
        ("", "", JobFailedError),
        ("BrandNewError", "nobody has seen this", JobFailedError),
    ],
)
def test_azures_words_tell_what_a_retry_may_do(code: str, text: str, kind: type[JobFailedError]) -> None:
    assert kind_of(Details("j", "Failed", text, code)) is kind


@pytest.mark.parametrize("printed", [PREEMPTED, QUOTA, "disk QuotaExceeded"])
def test_what_a_script_printed_is_no_word_of_azures(printed: str) -> None:
    assert kind_of(Details("j", "Failed", EXIT + printed, "UserError")) is JobUserError


@pytest.mark.parametrize(
    "kinds, kind",
    [
        ([JobEvictedError], JobEvictedError),
        ([JobEvictedError, JobUserError], JobUserError),
        ([JobServiceError, JobQuotaError], JobQuotaError),
        ([JobFailedError, JobServiceError], JobServiceError),
        ([JobFailedError], JobFailedError),
    ],
)
def test_a_pipeline_is_what_no_retry_of_its_steps_mends(
    kinds: list[type[JobFailedError]], kind: type[JobFailedError]
) -> None:
    assert kind_of_all(kinds) is kind
