# SPDX-License-Identifier: Apache-2.0
"""The commands themselves; when they are offered is in test_running.py."""

from __future__ import annotations

import json
import shlex

from airflow_provider_azureml.checks import attach
from tests.unit.canned import DENIED
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
