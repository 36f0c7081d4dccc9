# SPDX-License-Identifier: Apache-2.0
"""Run history and tracking: why a job failed, where its log is, many states in one call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from airflow_provider_azureml.errors import ServiceError
from airflow_provider_azureml.rest.flow import Flow
from airflow_provider_azureml.rest.workspace import Workspace


@dataclass(frozen=True)
class Details:
    """One run. `error` is the text for a person, empty when there is none."""

    name: str
    status: str
    error: str = ""
    error_code: str = ""
    log_files: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Child:
    """A step of a pipeline, a trial of a sweep."""

    name: str
    status: str
    display_name: str = ""


@dataclass(frozen=True)
class LogChunk:
    """Bytes of a log from `offset` on; `next_offset` is where to go on reading."""

    content: bytes
    next_offset: int


def details(workspace: Workspace, name: str) -> Flow[Details]:
    """Error text with its innermost cause, and log files as SAS addresses (keep them out of logs)."""
    raise NotImplementedError
    yield


def status_batch(workspace: Workspace, names: Iterable[str]) -> Flow[dict[str, str | ServiceError]]:
    """State of many jobs by exact name, in chunks of 100: a status word, or why it is not known."""
    raise NotImplementedError
    yield


def children(workspace: Workspace, name: str) -> Flow[list[Child]]:
    """Steps of a pipeline job."""
    raise NotImplementedError
    yield


def metrics(workspace: Workspace, name: str) -> Flow[dict[str, float]]:
    """Last value of each MLflow metric, in one call; empty when the job logged none."""
    raise NotImplementedError
    yield


def read_log(url: str, offset: int = 0, limit: int = 1 << 20) -> Flow[LogChunk]:
    """At most `limit` bytes of a log from `offset` on. No token is sent: the address is signed."""
    raise NotImplementedError
    yield
