# SPDX-License-Identifier: Apache-2.0
"""Jobs in ARM: submit, look, list, cancel. The one home of the status words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import quote

from airflow_provider_azureml.errors import NotFoundError, ServiceError
from airflow_provider_azureml.rest.flow import Flow, Pause, Request, Response, expect, pages
from airflow_provider_azureml.rest.workspace import Workspace

COMPLETED = "Completed"
FAILED = "Failed"
CANCELED = "Canceled"
CANCEL_REQUESTED = "CancelRequested"
TERMINAL = frozenset({COMPLETED, FAILED, CANCELED})


def is_terminal(status: str) -> bool:
    """Whether nothing will happen to the job any more.

    Every word that is not one of the three, known or not, means "still going": `NotResponding`
    and `Paused` may return to any earlier state, and a new word must not end a live job.
    """
    return status in TERMINAL


@dataclass(frozen=True)
class Job:
    """A job as ARM shows it. Times are ISO 8601 text as Azure wrote them."""

    name: str
    status: str
    job_type: str
    studio_url: str = ""
    experiment_name: str = ""
    display_name: str = ""
    outputs: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    environment_variables: Mapping[str, str] = field(default_factory=dict)
    conf: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    created_at: str = ""
    created_by: str = ""

    @property
    def is_terminal(self) -> bool:
        """Whether the job has ended, in whatever way."""
        return is_terminal(self.status)

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON values, for an event or XCom."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Job:
        """The inverse of `to_dict`."""
        return cls(**values)

    @classmethod
    def from_arm(cls, body: Mapping[str, Any]) -> Job:
        """Read the answer of GET or PUT of a job."""
        properties = body.get("properties") or {}
        made = body.get("systemData") or {}
        services = properties.get("services") or {}
        return cls(
            name=str(body["name"]),
            status=str(properties.get("status") or ""),
            job_type=str(properties.get("jobType") or ""),
            studio_url=str((services.get("Studio") or {}).get("endpoint") or ""),
            experiment_name=str(properties.get("experimentName") or ""),
            display_name=str(properties.get("displayName") or ""),
            outputs=_field_of(properties.get("outputs"), "uri"),
            properties=_texts(properties.get("properties")),
            tags=_texts(properties.get("tags")),
            environment_variables=_texts(properties.get("environmentVariables")),
            conf=_texts(properties.get("conf")),
            inputs=_inputs(properties.get("inputs")),
            created_at=str(made.get("createdAt") or ""),
            created_by=str(made.get("createdBy") or ""),
        )


@dataclass(frozen=True)
class Result:
    """What a task returns: small, JSON, the same in both modes."""

    name: str
    status: str
    studio_url: str = ""
    outputs: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, job: Job, metrics: Mapping[str, float] | None = None) -> Result:
        """The result of a job that has ended, or that nobody waits for."""
        return cls(job.name, job.status, job.studio_url, dict(job.outputs), dict(metrics or {}))

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON values."""
        return asdict(self)


def submit(workspace: Workspace, name: str, body: Mapping[str, Any]) -> Flow[Job]:
    """PUT a job under a name of our own.

    A PUT of an existing name updates that job and never runs it again, so repeating is safe.
    Raises ServiceError 400 when a job of this name exists with other immutable fields.

    :param body: the REST body, `{"properties": {"jobType": ..., ...}}`.
    """
    response = yield workspace.request("PUT", _path(name), json=dict(body))
    return _job(expect(response, 200, 201), name)


def get(workspace: Workspace, name: str) -> Flow[Job]:
    """Read a job; raises NotFoundError."""
    response = yield workspace.request("GET", _path(name))
    return _job(expect(response, 200), name)


def find(workspace: Workspace, name: str) -> Flow[Job | None]:
    """Read a job, None when there is none of that name (or its workspace is gone)."""
    try:
        return (yield from get(workspace, name))
    except NotFoundError:
        return None


def cancel(workspace: Workspace, name: str, wait: bool = False) -> Flow[None]:
    """Ask Azure to cancel a job. Azure answers 202: asked for is not done, the status tells.

    :param wait: follow the operation to its end; the caller owns the deadline.
    """
    response = expect((yield workspace.request("POST", _path(name) + "/cancel")), 200, 202, 204)
    if wait:
        yield from _follow(workspace, response)


def list_by_property(workspace: Workspace, name: str, value: str | None = None) -> Flow[list[Job]]:
    """List the jobs of the workspace that carry a user property, newest and oldest alike."""
    items = yield from pages(_by_property(workspace, name, value))
    return [Job.from_arm(item) for item in items]


def status_page(
    workspace: Workspace, name: str, value: str | None = None, link: str = ""
) -> Flow[tuple[dict[str, str], str]]:
    """States of one page of that list, and the address of the next page, empty after the last.

    ARM's list has no filter by state, and no page size of our choice (wire.md 4).
    """
    arm = workspace.cloud.arm_scope
    request = Request("GET", link, scope=arm) if link else _by_property(workspace, name, value)
    body = expect((yield request), 200).json()
    states = {str(item["name"]): (item.get("properties") or {}).get("status") for item in body["value"] or []}
    known = {job: str(status) for job, status in states.items() if status}
    return known, str(body.get("nextLink") or "")


def _by_property(workspace: Workspace, name: str, value: str | None) -> Request:
    wanted = name if value is None else f"{name}={value}"
    return workspace.request("GET", "/jobs", listViewType="All", properties=wanted)


def _follow(workspace: Workspace, response: Response) -> Flow[None]:
    while response.status == 202:
        location = response.headers.get("location")
        if not location:
            raise ServiceError(202, "NoLocation", "Azure accepted but named no operation to follow")
        yield Pause(response.retry_after or 2.0)
        request = Request("GET", location, scope=workspace.cloud.arm_scope)
        response = expect((yield request), 200, 202, 204)


def _job(response: Response, name: str) -> Job:
    """The job that was asked for: a proxy's or a cache's other document must not become ours."""
    job = Job.from_arm(response.json())
    if job.name.lower() != name.lower():
        raise ServiceError(response.status, "Unreadable", f"The answer is about '{job.name}', not '{name}'")
    return job


def _path(name: str) -> str:
    return "/jobs/" + quote(name, safe="")


def _texts(values: Mapping[str, Any] | None) -> dict[str, str]:
    return {key: str(value) for key, value in (values or {}).items() if value is not None}


def _field_of(values: Mapping[str, Any] | None, key: str) -> dict[str, str]:
    return {name: str(item[key]) for name, item in (values or {}).items() if item and item.get(key)}


def _inputs(values: Mapping[str, Any] | None) -> dict[str, str]:
    return {**_field_of(values, "value"), **_field_of(values, "uri")}
