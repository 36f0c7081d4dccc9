# SPDX-License-Identifier: Apache-2.0
"""The records of the audit log. One event is an intent and an outcome, which have one id.

No member is a secret: addresses have no query, bodies are copied by a list (`detail.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from airflow_provider_azureml.errors import DeniedError, ServiceError
from airflow_provider_azureml.rest.flow import Response, parse_error

INTENT, OUTCOME = "intent", "outcome"
DIAGNOSIS = "diagnosis"
"""The action of an event that nothing was sent for: a person was told what a refusal means."""
DONE, REFUSED, FAILED, NO_ANSWER = "done", "refused", "failed", "no answer"
UNKNOWN = "unknown (no outcome recorded)"


@dataclass(frozen=True)
class TaskKey:
    """The task try on whose behalf a request is made."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_number: int

    @classmethod
    def of(cls, ti: Any) -> TaskKey:
        """Read a task instance of any version of Airflow."""
        return cls(ti.dag_id, ti.run_id, ti.task_id, int(ti.map_index), int(getattr(ti, "try_number", 0)))


@dataclass(frozen=True)
class Who:
    """Whom the token makes us, by its own claims."""

    tenant_id: str
    app_id: str
    object_id: str


@dataclass(frozen=True)
class Intent:
    """A privileged request is about to go out.

    :param event: id of the event.
    :param who: None when nobody was signed in: an address with a signature of its own, a refused sign-in.
    :param correlation_id: Azure's activity log shows it.
    """

    event: str
    action: str
    resource: str
    deployment: str
    connection: str
    auth: str
    task: TaskKey | None = None
    who: Who | None = None
    correlation_id: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON values, with what is known only."""
        return {"kind": INTENT, **_known(asdict(self))}


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    :param result: `done`, `refused` (401, 403, sign-in), `failed` (any other error) or `no answer`.
    :param status: HTTP status of the last answer, 0 for none.
    :param request_id: `x-ms-request-id`: what Microsoft's support asks for.
    :param attempts: how often it went out; None when nobody counted.
    :param duration_ms: from just before the first attempt to the end of the last.
    """

    event: str
    result: str
    status: int
    code: str = ""
    request_id: str = ""
    attempts: int | None = None
    duration_ms: int = 0

    @classmethod
    def of(cls, event: str, answer: Response | ServiceError, attempts: int | None, seconds: float) -> Outcome:
        """Read an answer, or the error in its place."""
        if isinstance(answer, ServiceError):
            code = answer.code
        else:
            code = parse_error(answer)[0] if answer.status >= 400 else ""
        return cls(
            event=event,
            result=_result(answer),
            status=answer.status,
            code=printable(code, 200),
            request_id=answer.request_id,
            attempts=attempts,
            duration_ms=round(seconds * 1000),
        )

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON values, with what is known only."""
        return {"kind": OUTCOME, **_known(asdict(self))}


def diagnosis(plane: str, cause: str, mend: str) -> dict[str, str]:
    """The detail of such an event."""
    texts = {"plane": plane, "cause": cause, "mend": mend}
    return {name: printable(text, 2000) for name, text in texts.items()}


def printable(text: str, most: int) -> str:
    """Other people's text, on one line and not too long."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:most])


def _result(answer: Response | ServiceError) -> str:
    if isinstance(answer, DeniedError) or answer.status in (401, 403):
        return REFUSED
    if answer.status == 0:
        return NO_ANSWER
    return DONE if answer.status < 400 and isinstance(answer, Response) else FAILED


def _known(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value not in (None, "", {})}
