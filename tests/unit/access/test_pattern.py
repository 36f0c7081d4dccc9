# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from airflow_provider_azureml.access.pattern import covers, is_same, matches

ML = "Microsoft.MachineLearningServices/workspaces"
WORKSPACE = f"/subscriptions/s/resourceGroups/g/providers/{ML}/w"


@pytest.mark.parametrize(
    "pattern, action, strict, loose",
    [
        ("*", f"{ML}/read", True, True),
        ("*/read", f"{ML}/jobs/read", True, True),
        ("*/read", f"{ML}/jobs/write", False, False),
        (f"{ML}/JOBS/Read", f"{ML}/jobs/read", True, True),
        (f"{ML}/*/read", f"{ML}/jobs/read", True, True),
        (f"{ML}/*/read", f"{ML}/experiments/runs/read", True, True),
        (f"{ML}/*/read", f"{ML}/read", False, True),
        (f"{ML}/computes/*/write", f"{ML}/computes/write", False, True),
        (f"{ML}/jobs/*", f"{ML}/jobs", False, False),
        (f"{ML}/jobs/*", f"{ML}/jobs/cancel/action", True, True),
        ("Microsoft.Authorization/*/Write", "Microsoft.Authorization/roleAssignments/write", True, True),
        (f"{ML}/jobs.read", f"{ML}/jobs/read", False, False),
    ],
)
def test_a_pattern_is_read_in_two_ways(pattern: str, action: str, strict: bool, loose: bool) -> None:
    assert matches(pattern, action) is strict
    assert matches(pattern, action, loose=True) is loose


def test_what_a_built_in_role_is_documented_to_do_is_no_question_of_reading() -> None:
    identities = "Microsoft.ManagedIdentity/userAssignedIdentities"
    assert matches(f"{identities}/*/assign/action", f"{identities}/assign/action")


@pytest.mark.parametrize(
    "outer, inner, covered",
    [
        (WORKSPACE, WORKSPACE, True),
        (WORKSPACE.upper() + "/", WORKSPACE + "/jobs/a", True),
        ("/subscriptions/s", WORKSPACE, True),
        ("/subscriptions/s/resourceGroups/g", "/subscriptions/s/resourceGroups/g2/x", False),
        (WORKSPACE, "/subscriptions/s", False),
        ("/", WORKSPACE, True),
        ("/providers/Microsoft.Management/managementGroups/m", WORKSPACE, True),
    ],
)
def test_a_scope_covers_itself_and_what_is_below(outer: str, inner: str, covered: bool) -> None:
    assert covers(outer, inner) is covered


def test_two_spellings_of_a_scope_are_one() -> None:
    assert is_same("/subscriptions/S/", "/subscriptions/s")
    assert not is_same("/subscriptions/s", "/subscriptions/s/resourceGroups/g")
