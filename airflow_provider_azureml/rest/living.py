# SPDX-License-Identifier: Apache-2.0
"""The jobs of one deployment that have not ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_azureml.naming import DEPLOYMENT, OWNER
from airflow_provider_azureml.rest.flow import Flow, Request, expect
from airflow_provider_azureml.rest.job import Job
from airflow_provider_azureml.rest.workspace import Workspace


@dataclass
class Living:
    """What the list of a workspace's jobs tells about one deployment.

    :param jobs: those that have not ended.
    :param highest: owner -> number of its latest attempt, ended or not.
    """

    jobs: list[Job] = field(default_factory=list)
    highest: dict[str, int] = field(default_factory=dict)

    def note(self, job: Job) -> None:
        """Take in one job of the deployment."""
        owner = job.properties.get(OWNER, "")
        self.highest[owner] = max(self.highest.get(owner, -1), attempt_number(job))
        if not job.is_terminal:
            self.jobs.append(job)


def attempt_number(job: Job) -> int:
    """Which attempt of its owner a job is; -1 when its name is not made of the owner's."""
    owner = job.properties.get(OWNER, "")
    number = job.name[len(owner) + 1 :]
    is_ours = bool(owner) and job.name.startswith(f"{owner}-") and number.isascii() and number.isdigit()
    return int(number) if is_ours else -1


def living(workspace: Workspace, deployment: str) -> Flow[Living]:
    """Read the whole list, page by page, and keep what has not ended.

    ARM's list knows no filter by state (wire.md 4): ended jobs are read and forgotten. Raises ServiceError.
    """
    found = Living()
    request: Request | None = workspace.request(
        "GET", "/jobs", listViewType="All", properties=_filter(deployment)
    )
    while request:
        body = expect((yield request), 200).json()
        for item in body.get("value") or []:
            if _is_of(item, deployment):
                found.note(Job.from_arm(item))
        link = body.get("nextLink")
        request = Request("GET", str(link), scope=request.scope) if link else None
    return found


def _filter(deployment: str) -> str:
    """What to ask for. A comma would begin another filter."""
    return DEPLOYMENT if "," in deployment else f"{DEPLOYMENT}={deployment}"


def _is_of(item: Any, deployment: str) -> bool:
    """Whether an entry can be read and is the deployment's: the filter of a list is not relied upon."""
    outer = item.get("properties") if isinstance(item, Mapping) and item.get("name") else None
    inner = outer.get("properties") if isinstance(outer, Mapping) else None
    return isinstance(inner, Mapping) and inner.get(DEPLOYMENT) == deployment
