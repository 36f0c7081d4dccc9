# SPDX-License-Identifier: Apache-2.0
"""A retry policy for Airflow 3.3 and later: what to do after which end of a job."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from airflow_provider_azureml.errors import JobEvictedError, JobQuotaError, JobServiceError, JobUserError

if TYPE_CHECKING:
    from airflow.sdk import ExceptionRetryPolicy

QUOTA_DELAY, SERVICE_DELAY = 900.0, 60.0


def job_retry_policy(
    quota_delay: float = QUOTA_DELAY, service_delay: float = SERVICE_DELAY
) -> ExceptionRetryPolicy:
    """No retry after an error of the user's, at once after an eviction, later for want of a machine.

    Airflow's `retries` still says how many there may be; all other ends are retried as the task says.

    :param quota_delay: seconds until the retry after a job for which there was no machine.
    :param service_delay: seconds until the retry after a fault of the service.
    :raises ImportError: Airflow is older than 3.3, which has no retry policies.
    """
    from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule

    def retry(kind: type[Exception], seconds: float, reason: str) -> RetryRule:
        return RetryRule(kind, RetryAction.RETRY, retry_delay=timedelta(seconds=seconds), reason=reason)

    return ExceptionRetryPolicy(
        rules=[
            RetryRule(JobUserError, RetryAction.FAIL, reason="the script, its data or its image is at fault"),
            retry(JobEvictedError, 0.0, "the job's machine was taken away"),
            retry(JobQuotaError, quota_delay, "there is no machine to be had"),
            retry(JobServiceError, service_delay, "the service is at fault"),
        ]
    )
