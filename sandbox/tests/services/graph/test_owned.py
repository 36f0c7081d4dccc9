# SPDX-License-Identifier: Apache-2.0
"""What a service principal owns: applications, and groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from azure_sandbox.kernel.cloud import stable_guid
from azure_sandbox.testing import Sandbox

BASE = "https://graph.microsoft.com/v1.0"
ROTATOR = stable_guid("service-principal", "rotator")


@pytest.fixture
def sandbox(serve: Callable[..., Sandbox]) -> Sandbox:
    return serve(
        {
            "resource_groups": ["g"],
            "managed_identities": [{"name": "mi", "resource_group": "g"}],
            "applications": [
                {"name": "rotator", "app_roles": ["Application.ReadWrite.OwnedBy"]},
                {"name": "auditor", "app_roles": ["Application.Read.All"]},
                {"name": "clerk", "app_roles": ["Group.ReadWrite.All", "Application.Read.All"]},
                {"name": "nobody"},
                {"name": "legacy", "owners": ["rotator"]},
                {"name": "strange"},
            ],
        }
    )


def call(sandbox: Sandbox, method: str, path: str, who: str, **kwargs: Any) -> httpx.Response:
    headers = sandbox.bearer(who, "https://graph.microsoft.com")
    return sandbox.http.request(method, BASE + path, headers=headers, **kwargs)


def owned(sandbox: Sandbox, who: str, path: str = f"/servicePrincipals/{ROTATOR}") -> httpx.Response:
    return call(sandbox, "GET", f"{path}/ownedObjects", who)


def test_what_somebody_owns_is_told_with_its_type_and_ids(sandbox: Sandbox) -> None:
    answer = owned(sandbox, "auditor").json()
    assert answer["@odata.context"] == f"{BASE}/$metadata#directoryObjects"
    (one,) = answer["value"]
    assert one["@odata.type"] == "#microsoft.graph.application"
    assert (one["id"], one["appId"], one["displayName"]) == (
        stable_guid("application-object", "legacy"),
        stable_guid("application", "legacy"),
        "legacy",
    )
    by_key = f"/servicePrincipals(appId='{stable_guid('application', 'rotator')}')"
    assert owned(sandbox, "auditor", by_key).json() == answer
    identity = stable_guid("managed-identity", "mi", "principal")
    assert owned(sandbox, "auditor", f"/servicePrincipals/{identity}").json()["value"] == []


def test_who_manages_what_it_owns_may_ask_for_itself_alone(sandbox: Sandbox) -> None:
    assert owned(sandbox, "rotator").status_code == 200
    other = f"/servicePrincipals/{stable_guid('service-principal', 'auditor')}"
    refused = [owned(sandbox, "rotator", other), owned(sandbox, "nobody")]
    assert [answer.status_code for answer in refused] == [403, 403]
    missing = owned(sandbox, "auditor", f"/servicePrincipals/{stable_guid('application', 'rotator')}")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "Request_ResourceNotFound")


def test_of_a_group_only_the_id_is_told_to_who_may_not_read_groups(sandbox: Sandbox) -> None:
    body = {
        "displayName": "lake",
        "mailNickname": "lake",
        "mailEnabled": False,
        "securityEnabled": True,
        "owners@odata.bind": [f"{BASE}/servicePrincipals/{ROTATOR}"],
    }
    made = call(sandbox, "POST", "/groups", "clerk", json=body).json()
    hidden, shown = (owned(sandbox, who).json()["value"][-1] for who in ("auditor", "clerk"))
    assert hidden["@odata.type"] == shown["@odata.type"] == "#microsoft.graph.group"
    assert hidden["id"] == shown["id"] == made["id"]
    assert (hidden["displayName"], shown["displayName"]) == (None, "lake")
