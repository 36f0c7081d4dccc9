# SPDX-License-Identifier: Apache-2.0
"""What one look at a compute target sees (the wait itself: test_state.py)."""

from __future__ import annotations

from typing import Any

from airflow_provider_azureml.triggers.compute import seen
from airflow_provider_azureml.triggers.state import Seen
from tests.unit.canned import CannedHook


def look(state: str, **properties: Any) -> Seen:
    hook = CannedHook().on("GET", "/computes/box", {"name": "box", "properties": properties})
    found: Seen = hook.run(seen(hook.workspace, "box", state))
    return found


def test_any_of_azures_words_may_be_waited_for() -> None:
    steady = {"provisioningState": "Succeeded", "properties": {"allocationState": "Steady"}}
    assert look("Steady", **steady).has_ended
    assert look("Succeeded", **steady).has_ended
    assert not look("Resizing", **steady).has_ended


def test_a_broken_target_ends_the_wait_unless_that_was_waited_for() -> None:
    assert "Compute box is Failed" in look("Succeeded", provisioningState="Failed").problem
    assert look("Failed", provisioningState="Failed").problem == ""
