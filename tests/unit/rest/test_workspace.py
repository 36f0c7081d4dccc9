# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from airflow_provider_azureml.connection import CLOUDS
from airflow_provider_azureml.rest import workspace as flows
from airflow_provider_azureml.rest.workspace import Workspace

WORKSPACE = {
    "id": "/x/ws",
    "location": "eastus",
    "properties": {"workspaceId": "w", "discoveryUrl": "https://eastus.api.azureml.ms/discovery"},
}


def test_the_region_is_discovered_without_a_token_and_only_once(play) -> None:
    made = Workspace(CLOUDS["public"], "s", "r", "w")
    played = play(flows.discover(made), WORKSPACE, {"api": "https://w.workspace.eastus.api.azureml.ms/"})
    assert played.result == "https://w.workspace.eastus.api.azureml.ms"
    assert [request.scope for request in played.requests] == ["https://management.azure.com/.default", None]
    assert play(flows.discover(made)).requests == []


def test_addresses_follow_the_cloud_and_quote_what_people_type() -> None:
    made = Workspace(CLOUDS["china"], "s", "my rg", "w/../x")
    assert made.url("/jobs", tag="a&b").startswith("https://management.chinacloudapi.cn/subscriptions/s/")
    assert "/resourceGroups/my%20rg/" in made.url()
    assert made.url("/jobs", tag="a&b").endswith("/jobs?api-version=2024-10-01&tag=a%26b")


def test_what_was_discovered_makes_no_difference_between_equal_workspaces(workspace) -> None:
    assert workspace == Workspace(CLOUDS["public"], "sub", "rg", "ws")
    assert hash(workspace) == hash(Workspace(CLOUDS["public"], "sub", "rg", "ws"))
