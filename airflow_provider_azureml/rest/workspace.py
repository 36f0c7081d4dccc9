# SPDX-License-Identifier: Apache-2.0
"""The workspace: where every address of Azure ML begins, and its region's own host."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import quote

from airflow_provider_azureml.connection import Cloud
from airflow_provider_azureml.rest.flow import Flow, Request, expect

API_VERSION = "2024-10-01"


@dataclass(frozen=True)
class Workspace:
    """A workspace in ARM. One instance remembers its region's host once it was asked for."""

    cloud: Cloud
    subscription_id: str
    resource_group: str
    name: str
    _region: list[str] = field(default_factory=list, init=False, compare=False, repr=False)

    @property
    def path(self) -> str:
        """The ARM id, e.g. `/subscriptions/.../workspaces/ws`."""
        return (
            f"/subscriptions/{quote(self.subscription_id)}/resourceGroups/{quote(self.resource_group)}"
            f"/providers/Microsoft.MachineLearningServices/workspaces/{quote(self.name)}"
        )

    @property
    def is_discovered(self) -> bool:
        """Whether the region's host is known already."""
        return bool(self._region)

    def url(self, path: str = "", api_version: str = API_VERSION, **query: str) -> str:
        """Address of something below the workspace in ARM, e.g. `url("/jobs/a")`."""
        pairs = {"api-version": api_version, **query}
        text = "&".join(f"{quote(key)}={quote(value, safe='')}" for key, value in pairs.items())
        return f"{self.cloud.resource_manager}{self.path}{path}?{text}"

    def request(self, method: str, path: str = "", json: object = None, **query: str) -> Request:
        """A request to ARM about something below the workspace."""
        return Request(method, self.url(path, **query), scope=self.cloud.arm_scope, json=json)


@dataclass(frozen=True)
class WorkspaceInfo:
    """What `get` tells about a workspace."""

    id: str
    location: str
    workspace_id: str
    discovery_url: str


def get(workspace: Workspace) -> Flow[WorkspaceInfo]:
    """Read the workspace; raises NotFoundError or DeniedError."""
    body = expect((yield workspace.request("GET")), 200).json()
    properties = body["properties"]
    return WorkspaceInfo(
        id=str(body["id"]),
        location=str(body.get("location", "")),
        workspace_id=str(properties.get("workspaceId", "")),
        discovery_url=str(properties["discoveryUrl"]),
    )


def discover(workspace: Workspace) -> Flow[str]:
    """Return the region's API host, e.g. `https://eastus.api.azureml.ms`.

    The discovery document is read without a token, as the SDK does: it is public, and a private
    link may answer with a host of its own, so the host is never built from the region's name.
    """
    if not workspace._region:
        info = yield from get(workspace)
        document = expect((yield Request("GET", info.discovery_url)), 200).json()
        workspace._region.append(str(document["api"]).rstrip("/"))
    return workspace._region[0]
