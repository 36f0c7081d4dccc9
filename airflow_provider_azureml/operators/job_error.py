# SPDX-License-Identifier: Apache-2.0
"""Which kind of failure a failed job is, so that a retry policy can tell them apart.

Azure's outer code alone does not say: it calls an eviction a `UserError`
(MachineLearningNotebooks#1242, MLOpsPython#346). So the codes inside and Azure's own sentences go first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from airflow_provider_azureml.errors import (
    JobEvictedError,
    JobFailedError,
    JobQuotaError,
    JobServiceError,
    JobUserError,
)
from airflow_provider_azureml.rest.run_history import Details

_SENTENCES: tuple[tuple[type[JobFailedError], re.Pattern[str]], ...] = (
    (
        JobEvictedError,
        re.compile(
            r"\bPreemptionError\b|\bgot pre-?empted\b|\bpre-emption warning signal\b|\bJobPreempted\b"
        ),
    ),
    (
        JobQuotaError,
        re.compile(
            r"\bQuotaExceeded\b|CoreQuota|\bvCPU quota of\b|\bOutOfCapacity\b|\bAllocationFailed\b"
            r"|\bZonalAllocationFailed\b|\bexceed\w* (?:the )?(?:approved )?(?:\w+ )?quota\b"
        ),
    ),
)
_OWN_SCRIPT = re.compile(r"User process '.*?' exited with status code|^Execution failed\.")
_CODES: dict[str, type[JobFailedError]] = {
    "UserError": JobUserError,
    "ServiceError": JobServiceError,
    "SystemError": JobServiceError,
}


def kind_of(details: Details) -> type[JobFailedError]:
    """The class for one run's error; JobFailedError where Azure says nothing that is known.

    What a script printed before it ended is quoted in Azure's text, and is no word of Azure's.
    """
    if not _OWN_SCRIPT.search(details.error):
        for kind, sentence in _SENTENCES:
            if sentence.search(details.error):
                return kind
    return _CODES.get(details.error_code, JobFailedError)


def kind_of_all(kinds: Iterable[type[JobFailedError]]) -> type[JobFailedError]:
    """The class for a job whose failed steps are of these: what no retry mends decides."""
    found = set(kinds)
    ranked = (JobUserError, JobQuotaError, JobEvictedError, JobServiceError)
    return next((kind for kind in ranked if kind in found), JobFailedError)
