# SPDX-License-Identifier: Apache-2.0
"""From a request to two records: the observer that each hook gives to what sends its requests."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from airflow_provider_azureml.audit.action import Act, classify
from airflow_provider_azureml.audit.detail import detail_of
from airflow_provider_azureml.audit.event import DONE, Intent, Outcome, TaskKey, Who
from airflow_provider_azureml.audit.sink import Journal
from airflow_provider_azureml.connection import Cloud
from airflow_provider_azureml.errors import AzureMLError, ConfigurationError, ServiceError
from airflow_provider_azureml.rest.flow import Request, Response

Tell = Callable[[int, str], None]
"""Says a line at a level of `logging`."""
REQUIRED, BEST_EFFORT, OFF = MODES = ("required", "best_effort", "off")


def check_mode(mode: str) -> str:
    """`[azureml] audit` as one of MODES; empty means `required`. Raises ConfigurationError."""
    if mode and mode not in MODES:
        raise ConfigurationError(
            "[azureml] audit", f"'{mode}' is unknown.", f"Choose one of: {', '.join(MODES)}."
        )
    return mode or REQUIRED


@dataclass(frozen=True)
class Recorder:
    """Implements `rest.observer.Observer` for one connection.

    :param is_required: whether a request that cannot be recorded is refused. Cancels never are.
    :param task: of the task try that is running, None outside of one.
    :param who: reads the claims of a token.
    :param tell: gets one line per event.
    """

    journal: Journal
    cloud: Cloud
    deployment: str
    connection: str
    auth: str
    is_required: bool
    task: Callable[[], TaskKey | None]
    who: Callable[[str], Who | None]
    tell: Tell

    def watch(self, request: Request, correlation_id: str) -> Recording | None:
        """A new event; None for a request that changes nothing and reveals no secret."""
        act = classify(request, self.cloud)
        return Recording(self, act, request, correlation_id) if act else None

    def note(self, action: str, resource: str, detail: Mapping[str, str], correlation_id: str) -> None:
        """Write down what no request says: that something was seen. A log that fails is told, no more."""
        event = str(uuid.uuid4())
        intent = Intent(
            event=event,
            action=action,
            resource=resource,
            deployment=self.deployment,
            connection=self.connection,
            auth=self.auth,
            task=self.task(),
            correlation_id=correlation_id,
            detail=detail,
        )
        try:
            self.journal.append(intent.to_dict())
            self.journal.append(Outcome(event, DONE, 0).to_dict())
        except OSError as error:
            self.tell(logging.ERROR, f"audit: not recorded: {action} on {resource}. {_told(error)}")


@dataclass
class Recording:
    """One event. Implements `rest.observer.Watch`."""

    recorder: Recorder
    act: Act
    request: Request = field(repr=False)
    correlation_id: str
    _event: str = field(default_factory=lambda: str(uuid.uuid4()))
    _intent: Intent | None = None
    _outcome: Outcome | None = None
    _began: float = 0.0
    _problem: str = ""

    def intend(self, token: str) -> None:
        """Write the intent. Raises AzureMLError when it cannot be written and must be."""
        recorder = self.recorder
        self._intent = Intent(
            event=self._event,
            action=self.act.action,
            resource=self.act.resource,
            deployment=recorder.deployment,
            connection=recorder.connection,
            auth=recorder.auth,
            task=recorder.task(),
            who=recorder.who(token) if token else None,
            correlation_id=self.correlation_id,
            detail=detail_of(self.request),
        )
        self._began = time.monotonic()
        try:
            recorder.journal.append(self._intent.to_dict())
        except OSError as error:
            if recorder.is_required and self.act.may_be_refused:
                raise self._refusal(error) from error
            self._problem = _told(error)

    def conclude(self, answer: Response | ServiceError, attempts: int | None) -> None:
        """Write the outcome; one that cannot be written goes to the task's log."""
        if self._intent is None:  # nobody could be signed in: it never went out
            self._intend_late()
        seconds = time.monotonic() - self._began
        self._outcome = Outcome.of(self._event, answer, attempts, seconds)
        try:
            self.recorder.journal.append(self._outcome.to_dict())
        except OSError as error:
            self._problem = _told(error)

    def _intend_late(self) -> None:
        try:
            self.intend("")
        except AzureMLError as error:
            self._problem = str(error)

    def report(self) -> None:
        """One line for people, and one more when the log has a gap."""
        if self._outcome is None or self._intent is None:
            return
        self.recorder.tell(logging.INFO, f"audit: {sentence(self._intent, self._outcome)}")
        if self._problem:
            mend = "This line is its only record. " + _mend(self.recorder.journal)
            self.recorder.tell(logging.ERROR, f"audit: not recorded in full: {self._problem} {mend}")

    def _refusal(self, error: OSError) -> AzureMLError:
        what = f"{self.act.action} on {self.act.resource}"
        off = "[azureml] audit = best_effort sends requests without a record."
        return AzureMLError(
            f"Not sent to Azure, because it could not be recorded first: {what}. "
            f"The audit log failed: {_told(error)} {_mend(self.recorder.journal)} {off}"
        )


def sentence(intent: Intent, outcome: Outcome) -> str:
    """The event for a person, on one line."""
    who = f"application {intent.who.app_id}" if intent.who else "no token"
    status = " ".join(part for part in (str(outcome.status or ""), outcome.code) if part)
    answer = f"{outcome.result} ({status})" if status else outcome.result
    request = f", request id {outcome.request_id}" if outcome.request_id else ""
    return (
        f"{intent.action} on {intent.resource} by {who} (connection {intent.connection}, {intent.auth}): "
        f"{answer} in {outcome.duration_ms} ms{request}"
    )


def _told(error: OSError) -> str:
    where = f" ({error.filename})" if error.filename else ""
    return f"{error.strerror or error}{where}."


def _mend(journal: Journal) -> str:
    return f"Make room in {journal.folder} and let Airflow write there, or set [azureml] audit_path to another folder."
