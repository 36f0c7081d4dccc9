# SPDX-License-Identifier: Apache-2.0
"""The commands themselves; when they are offered is in test_running.py."""

from __future__ import annotations

import json
import shlex
from typing import Any

from airflow_provider_azureml.checks import attach
from tests.unit.canned import DENIED, CannedHook
from tests.unit.checks.patients import RUN, Patient, case, submitted


def test_a_workspace_that_cannot_be_read_leaves_a_step_and_no_command() -> None:
    found = attach.to_workspace(case(Patient().on("GET", "/workspaces/ws", DENIED)), "id-1", RUN)
    assert found.hint == "Attach it to the workspace, all others included."


def test_a_system_identity_is_kept() -> None:
    hook = submitted(Patient())
    own = {"type": "SystemAssigned,UserAssigned", "userAssignedIdentities": {RUN: {}}}
    hook.on("GET", "/workspaces/ws", {"identity": own})
    found = attach.to_workspace(case(hook), "id-1", RUN + "2")
    body = json.loads(shlex.split(found.hint)[-1])
    assert body["identity"] == {
        "type": "SystemAssigned,UserAssigned",
        "userAssignedIdentities": {RUN: {}, RUN + "2": {}},
    }


def compute(kind: str, *ids: str, **more: Any) -> CannedHook:
    identity = {"type": kind, "principalId": "o-own", "userAssignedIdentities": {each: {} for each in ids}}
    shown = {
        "name": "cpu",
        "location": "eastus",
        "identity": identity,
        "properties": {"computeType": "AmlCompute", "properties": {"vmSize": "x"}},
        **more,
    }
    hook = submitted(Patient())
    return hook.on("GET", "/computes", {"value": [shown]}).on("GET", "/computes/cpu", shown)


def put_of(hint: str) -> Any:
    return json.loads(shlex.split(hint)[-1])


def test_a_computes_tags_and_sku_are_kept() -> None:
    hook = compute("UserAssigned", RUN, tags={"cost": "1"}, sku={"name": "x"})
    body = put_of(attach.to_compute(case(hook), "cpu", RUN + "2").hint)
    assert (body["tags"], body["sku"], body["location"]) == ({"cost": "1"}, {"name": "x"}, "eastus")
    assert set(body["identity"]["userAssignedIdentities"]) == {RUN, RUN + "2"}


def test_a_compute_that_is_shown_with_both_kinds_keeps_both() -> None:
    body = put_of(attach.to_compute(case(compute("SystemAssigned,UserAssigned", RUN)), "cpu", RUN + "2").hint)
    assert body["identity"]["type"] == "SystemAssigned,UserAssigned"


def test_a_computes_own_identity_is_not_replaced_before_a_person_was_told() -> None:
    hint = attach.to_compute(case(compute("SystemAssigned", tags={"cost": "1"})), "cpu", RUN).hint
    assert hint.startswith(
        "Compute cpu has an identity of its own (object id o-own), which Azure ML replaces"
    )
    assert put_of(hint.partition(": az rest")[2])["identity"]["type"] == "UserAssigned"


def test_a_compute_that_cannot_be_read_leaves_a_step_and_no_command() -> None:
    hook = submitted(Patient()).on("GET", "/computes/cpu", DENIED)
    found = attach.to_compute(case(hook), "cpu", RUN)
    assert found.hint == "Attach it to compute cpu, all others included."
