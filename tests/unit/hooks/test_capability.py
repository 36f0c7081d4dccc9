# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_azureml.errors import DeniedError
from airflow_provider_azureml.hooks.capability import Capability, capabilities, job_capability, refused
from airflow_provider_azureml.rest.authorization import Permission
from tests.unit.canned import BROKEN, DENIED, CannedHook
from tests.unit.identity.flows import GUID, settings

LAKE, VAULT = "https://a.dfs.core.windows.net", "https://v.vault.azure.net"
WORKSPACE = {"subscription_id": GUID, "resource_group": "rg", "workspace_name": "ws"}
FOUND = {"id": "/x", "location": "eastus", "properties": {"discoveryUrl": "https://x"}}
SUBMITTER = {"value": [{"actions": ["Microsoft.MachineLearningServices/workspaces/jobs/write"]}]}
READS, PERMISSIONS = "/workspaces/ws", "/Microsoft.Authorization/permissions"


def told(canned: CannedHook, **places: str) -> list[str]:
    hook: Any = SimpleNamespace(
        settings=settings(auth="managed_identity", client_id=GUID, **places),
        workspace=canned.workspace,
        correlation_id="",
        driver=SimpleNamespace(run=lambda flow, correlation_id, retry: canned.run(flow)),
    )
    return [str(line) for line in capabilities(hook)]


def test_a_connection_without_places_can_only_sign_in() -> None:
    assert told(CannedHook()) == []


def test_a_submitter_sees_what_it_can_do_and_what_it_cannot() -> None:
    canned = CannedHook().on("GET", READS, FOUND).on("GET", PERMISSIONS, SUBMITTER)
    canned.on("GET", "a.dfs.core.windows.net/", {}).on("GET", "/secrets", {})
    assert told(canned, **WORKSPACE, account_url=LAKE, vault_url=VAULT) == [
        "ALLOWED  read the workspace: ws is in eastus",
        "ALLOWED  submit jobs: a role allows Microsoft.MachineLearningServices/workspaces/jobs/write",
        "DENIED   cancel jobs: no role allows Microsoft.MachineLearningServices/workspaces/jobs/cancel/action",
        "ALLOWED  list the lake's containers: it answered",
        "ALLOWED  list the vault's secrets: it answered",
    ]


def test_a_refused_question_is_unknown_and_a_refused_read_is_denied() -> None:
    canned = CannedHook().on("GET", READS, DENIED).on("GET", PERMISSIONS, DENIED)
    canned.on("GET", "a.dfs.core.windows.net/", DENIED).on("GET", "/secrets", BROKEN)
    lines = told(canned, **WORKSPACE, account_url=LAKE, vault_url=VAULT)
    assert [line.split()[0] for line in lines] == ["DENIED", "UNKNOWN", "UNKNOWN", "UNKNOWN", "UNKNOWN"]
    assert "ARM did not tell our permissions: 403 AuthorizationFailed" in lines[1]
    assert lines[3].endswith("a role on a single one of them would not show here")


@pytest.mark.parametrize("place", ["account_url", "vault_url"])
def test_what_does_not_exist_is_denied(place: str) -> None:
    canned = CannedHook().on("GET", ".*", (404, {"error": {"code": "ResourceNotFound", "message": "no"}}))
    (line,) = told(canned, **{place: LAKE if place == "account_url" else VAULT})
    assert line.startswith("DENIED")
    assert "404 ResourceNotFound: no" in line


@pytest.mark.parametrize(
    ("status", "code", "message", "verdict"),
    [
        (403, "AuthorizationPermissionMismatch", "", "UNKNOWN"),
        (403, "AuthorizationFailure", "", "DENIED"),
        (403, "Forbidden", "x (ForbiddenByRbac)", "UNKNOWN"),
        (403, "Forbidden", "x (ForbiddenByFirewall)", "DENIED"),
        (401, "InvalidAuthenticationInfo", "", "DENIED"),
    ],
)
def test_a_firewall_refuses_everything_and_a_missing_role_only_the_list(
    status: int, code: str, message: str, verdict: str
) -> None:
    assert refused("n", DeniedError(status, code, message)).verdict == verdict


def test_a_wildcard_that_can_be_read_in_two_ways_is_unknown() -> None:
    held = (Permission(("Microsoft.MachineLearningServices/workspaces/*/write",)),)
    line = job_capability("submit", "Microsoft.MachineLearningServices/workspaces/write", "/s", held)
    assert line.verdict == "UNKNOWN"
    assert "two ways" in line.reason


def test_a_line_begins_with_its_verdict() -> None:
    assert str(Capability("n", "DENIED", "r")) == "DENIED   n: r"
