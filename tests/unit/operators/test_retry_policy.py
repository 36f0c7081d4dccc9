# SPDX-License-Identifier: Apache-2.0
"""The ready retry policy, asked as Airflow asks it: with what an operator raises."""

from __future__ import annotations

from datetime import timedelta

import pytest
from airflow.sdk import ExceptionRetryPolicy, RetryAction

from airflow_provider_azureml.errors import (
    AzureMLError,
    JobEvictedError,
    JobFailedError,
    JobQuotaError,
    JobServiceError,
    JobUserError,
    UnreachableError,
)
from airflow_provider_azureml.operators.failure import as_airflows
from airflow_provider_azureml.operators.retry_policy import job_retry_policy

CASES = [
    (JobUserError("j", "Failed", "exit 1"), RetryAction.FAIL, None),
    (JobEvictedError("j", "Failed"), RetryAction.RETRY, timedelta(0)),
    (JobQuotaError("j", "Failed"), RetryAction.RETRY, timedelta(seconds=600)),
    (JobServiceError("j", "Failed"), RetryAction.RETRY, timedelta(seconds=5)),
    (JobFailedError("j", "Failed"), RetryAction.DEFAULT, None),
    (UnreachableError(503, "x", "later"), RetryAction.DEFAULT, None),
]


@pytest.mark.parametrize("error, action, delay", CASES, ids=lambda value: type(value).__name__)
def test_each_end_of_a_job_has_its_retry(
    error: AzureMLError, action: RetryAction, delay: timedelta | None
) -> None:
    policy = job_retry_policy(quota_delay=600, service_delay=5)
    as_the_scheduler_has_it = ExceptionRetryPolicy.deserialize(policy.serialize())
    for each in (policy, as_the_scheduler_has_it):
        decision = each.evaluate(as_airflows(error, str(error)), try_number=1, max_tries=3)
        assert (decision.action, decision.retry_delay) == (action, delay)
