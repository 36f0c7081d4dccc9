# SPDX-License-Identifier: Apache-2.0
"""Everything this package raises.

AzureMLError
 |- ConfigurationError        a connection or an argument is wrong: names the field and the mend
 |- ServiceError              Azure answered, and the answer was no (status, code, message, request id)
 |   |- NotFoundError         404
 |   |- DeniedError           401, 403, and a sign-in that Entra refused (AADSTS...)
 |   `- UnreachableError      no answer, 408, 429 or 5xx after all retries: trying later may help
 `- JobFailedError            the job ended as Failed
     |- JobUserError          what the user gave is at fault: the script, its data, image or definition
     |- JobEvictedError       its machine was taken away: run it again at once
     |- JobQuotaError         there is no machine to be had: run it again later
     |- JobServiceError       the service is at fault: run it again
     `- JobCanceledError      the job ended as Canceled

`operators/job_error.py` tells the ends of a job apart; a retry policy may have one rule for each class.
"""

from __future__ import annotations


class AzureMLError(Exception):
    """Root of the tree."""


def said(error: BaseException) -> str:
    """An error's text for people; a foreign one's with its class, since many have no text."""
    return str(error) if isinstance(error, AzureMLError) else f"{type(error).__name__}: {error}"


class ConfigurationError(AzureMLError):
    """A field of a connection, or an argument, cannot be used as it is.

    :param field: the name of the field as the person typed it.
    :param problem: what is wrong, without the value when that may be a secret.
    :param mend: what to do about it.
    """

    def __init__(self, field: str, problem: str, mend: str) -> None:
        super().__init__(f"{field}: {problem} {mend}".strip())
        self.field = field
        self.problem = problem
        self.mend = mend


class ServiceError(AzureMLError):
    """An answer of Azure that is not the wished one.

    :param status: the HTTP status, 0 when there was no answer.
    :param code: Azure's own code, the innermost one when codes are nested.
    :param message: Azure's own text.
    :param request_id: what Microsoft's support asks for (`x-ms-request-id`).
    :param operation: method and address without query, since queries may hold signatures.
    :param retry_after: seconds, when the service named a time.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        request_id: str = "",
        operation: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(status, code, message, request_id, operation, retry_after)
        self.status = status
        self.code = code
        self.message = message
        self.request_id = request_id
        self.operation = operation
        self.retry_after = retry_after

    def __str__(self) -> str:
        where = f" [{self.operation}]" if self.operation else ""
        request = f" (request id {self.request_id})" if self.request_id else ""
        return f"{self.status} {self.code}: {self.message}{where}{request}"


class NotFoundError(ServiceError):
    """404: the resource, or something on the way to it, does not exist."""


class DeniedError(ServiceError):
    """The identity may not do this, or could not become what it wanted to be."""


class UnreachableError(ServiceError):
    """No usable answer after all retries. Says nothing about the state of a job."""


class JobFailedError(AzureMLError):
    """The job ended, and not as Completed.

    :param name: name of the job.
    :param status: its last status, spelled as Azure spells it; it has not ended when that is no end.
    :param error: Azure's reason, empty when it gave none.
    """

    def __init__(self, name: str, status: str, error: str = "") -> None:
        super().__init__(name, status, error)
        self.name = name
        self.status = status
        self.error = error

    def __str__(self) -> str:
        verb = "ended as" if self.status in ("Completed", "Failed", "Canceled") else "is"
        return f"Job {self.name} {verb} {self.status}" + (f": {self.error}" if self.error else "")


class JobUserError(JobFailedError):
    """Azure blames what the user gave: the script, its data, its image, its definition.

    A script that ends with any other exit code than 0 is this, whatever made it end.
    """


class JobEvictedError(JobFailedError):
    """The machine was taken away from under the job (low priority, spot)."""


class JobQuotaError(JobFailedError):
    """No machine could be had: a quota is used up, or the region is."""


class JobServiceError(JobFailedError):
    """Azure blames itself, or a machine of its own."""


class JobCanceledError(JobFailedError):
    """The job ended as Canceled: by a person, a deadline or this package.

    :param by_airflow: whether it was this package that asked for its end.
    """

    def __init__(self, name: str, status: str, error: str = "", by_airflow: bool = False) -> None:
        super().__init__(name, status, error)
        self.args = (name, status, error, by_airflow)
        self.by_airflow = by_airflow
