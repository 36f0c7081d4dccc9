# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from airflow_provider_azureml.access.evaluate import (
    EVERYONE,
    Deny,
    Grant,
    Need,
    Permission,
    evaluate,
    grants_of,
)
from airflow_provider_azureml.access.roles import ML, ROLES
from airflow_provider_azureml.rest.authorization import Assignment, RoleDefinition

GROUP = "/subscriptions/s/resourceGroups/g"
WORKSPACE = f"{GROUP}/providers/{ML}/w"
CONTAINER = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/lake/blobServices/default/containers/raw"
BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
READ = f"{BLOBS}/read"
ME, TEAM = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"
ON_PATH = (
    f"((!(ActionMatches{{'{READ}'}} AND NOT SubOperationMatches{{'Blob.List'}})) OR "
    f"(@Resource[{BLOBS}:path] StringStartsWith 'p/'))"
)


def grant(role: str, scope: str, condition: str = "", who: str = ME) -> Grant:
    return Grant(f"id of {role}", who, ROLES[role].guid, role, scope, ROLES[role].permissions, condition)


def custom(*entries: Permission, scope: str = WORKSPACE) -> Grant:
    return Grant("id", ME, "r", "Custom", scope, entries)


def deny(*actions: str, scope: str = GROUP, data: Sequence[str] = (), **changed: Any) -> Deny:
    told = {"principals": frozenset({ME}), **changed}
    return Deny("deny-id", "no entry", scope, (Permission(actions, (), tuple(data)),), **told)


JOBS = Need(f"{ML}/jobs/write", WORKSPACE)
BLOB = Need(READ, CONTAINER, data=True)


@pytest.mark.parametrize(
    "need, grants, verdict",
    [
        (JOBS, [], "DENIED"),
        (JOBS, [grant("AML Job Submitter", WORKSPACE)], "ALLOWED"),
        (JOBS, [grant("AML Job Submitter", GROUP)], "ALLOWED"),
        (JOBS, [grant("AML Job Submitter", WORKSPACE.upper())], "ALLOWED"),
        (JOBS, [grant("AML Job Submitter", WORKSPACE + "2")], "DENIED"),
        (JOBS, [grant("AML Job Submitter", f"{WORKSPACE}/jobs/a")], "DENIED"),
        (JOBS, [grant("Reader", GROUP)], "DENIED"),
        (JOBS, [grant("Reader", GROUP), grant("AzureML Data Scientist", GROUP)], "ALLOWED"),
        (Need(f"{ML}/computes/write", WORKSPACE), [grant("AzureML Data Scientist", GROUP)], "UNKNOWN"),
        (Need(f"{ML}/listKeys/action", WORKSPACE), [grant("AzureML Data Scientist", GROUP)], "DENIED"),
        (
            Need(f"{ML}/listStorageAccountKeys/action", WORKSPACE),
            [grant("AzureML Data Scientist", GROUP)],
            "ALLOWED",
        ),
        (BLOB, [grant("Storage Blob Data Reader", CONTAINER)], "ALLOWED"),
        (BLOB, [grant("Owner", GROUP)], "DENIED"),
        (Need(READ, CONTAINER), [grant("Storage Blob Data Reader", CONTAINER)], "DENIED"),
        (Need(f"{BLOBS}/*", CONTAINER, data=True), [grant("Storage Blob Data Owner", CONTAINER)], "UNKNOWN"),
    ],
)
def test_roles_at_scopes_are_judged(need: Need, grants: list[Grant], verdict: str) -> None:
    assert evaluate(need, grants).verdict == verdict


def test_an_entry_takes_away_from_itself_only() -> None:
    less = Permission(("*",), (f"{ML}/jobs/write",))
    assert evaluate(JOBS, [custom(less)]).verdict == "DENIED"
    assert evaluate(JOBS, [custom(less, Permission((f"{ML}/jobs/*",)))]).verdict == "ALLOWED"
    assert evaluate(JOBS, [custom(less), grant("AML Job Submitter", GROUP)]).verdict == "ALLOWED"


def test_the_decision_names_the_assignment_and_what_is_missing() -> None:
    allowed = evaluate(JOBS, [grant("Reader", GROUP), grant("AML Job Submitter", WORKSPACE)])
    assert allowed.by == "id of AML Job Submitter"
    denied = evaluate(JOBS, [grant("Reader", GROUP)])
    assert "'Reader' does not allow action" in denied.reason
    assert denied.by == ""
    assert "no role assignment" in evaluate(JOBS, []).reason


@pytest.mark.parametrize(
    "attributes, verdict",
    [
        ({}, "CONDITIONAL"),
        ({"suboperation": "", "path": "p/x"}, "ALLOWED"),
        ({"suboperation": "", "path": "q/x"}, "DENIED"),
        ({"suboperation": "Blob.List"}, "ALLOWED"),
    ],
)
def test_a_condition_decides_when_its_attributes_are_known(attributes: dict[str, str], verdict: str) -> None:
    need = Need(READ, CONTAINER, True, attributes)
    decision = evaluate(need, [grant("Storage Blob Data Reader", CONTAINER, ON_PATH)])
    assert decision.verdict == verdict
    assert (ON_PATH in decision.reason) is (verdict in ("CONDITIONAL", "DENIED"))


def test_a_condition_does_not_guard_what_it_does_not_name() -> None:
    need = Need(f"{BLOBS}/write", CONTAINER, data=True)
    conditional = grant("Storage Blob Data Contributor", CONTAINER, ON_PATH)
    assert evaluate(need, [conditional]).verdict == "ALLOWED"


def test_the_container_of_the_scope_is_known_to_conditions() -> None:
    text = "@Resource[Microsoft.Storage/storageAccounts/blobServices/containers:name] StringEquals '{}'"
    for name, verdict in (("raw", "ALLOWED"), ("other", "DENIED")):
        assert evaluate(BLOB, [grant("Owner", GROUP), _data_owner(text.format(name))]).verdict == verdict


def _data_owner(condition: str) -> Grant:
    return grant("Storage Blob Data Owner", GROUP, condition)


def test_a_condition_that_is_not_understood_makes_unknown() -> None:
    decision = evaluate(
        BLOB, [grant("Storage Blob Data Reader", CONTAINER, "@Resource[x] StringMatches 'y'")]
    )
    assert decision.verdict == "UNKNOWN"
    assert "StringMatches" in decision.reason


def test_a_grant_without_condition_makes_one_with_a_condition_idle() -> None:
    both = [
        grant("Storage Blob Data Reader", CONTAINER, ON_PATH),
        grant("Storage Blob Data Reader", CONTAINER),
    ]
    assert evaluate(BLOB, both).verdict == "ALLOWED"


SUBMITTER = [grant("AML Job Submitter", WORKSPACE)]


@pytest.mark.parametrize(
    "denied, principals, verdict",
    [
        (deny("*"), (ME,), "DENIED"),
        (deny(f"{ML}/jobs/write"), (ME,), "DENIED"),
        (deny(f"{ML}/jobs/read"), (ME,), "ALLOWED"),
        (deny(data=["*"]), (ME,), "ALLOWED"),
        (deny("*", scope=f"{GROUP}2"), (ME,), "ALLOWED"),
        (deny("*", is_for_children=False), (ME,), "ALLOWED"),
        (deny("*", scope=WORKSPACE, is_for_children=False), (ME,), "DENIED"),
        (deny("*", principals=frozenset({TEAM})), (ME,), "ALLOWED"),
        (deny("*", principals=frozenset({TEAM})), (ME, TEAM), "DENIED"),
        (deny("*", principals=frozenset({TEAM})), (), "UNKNOWN"),
        (deny("*", principals=frozenset({EVERYONE})), (ME,), "DENIED"),
        (deny("*", principals=frozenset({EVERYONE})), (), "DENIED"),
        (deny("*", principals=frozenset({EVERYONE}), excluded=frozenset({ME})), (ME,), "ALLOWED"),
        (deny("*", principals=frozenset({EVERYONE}), excluded=frozenset({TEAM})), (ME, TEAM), "ALLOWED"),
        (deny("*", principals=frozenset({EVERYONE}), excluded=frozenset({TEAM})), (ME,), "DENIED"),
        (deny("*", principals=frozenset({EVERYONE}), excluded=frozenset({TEAM})), (), "UNKNOWN"),
        (deny("*", condition="ActionMatches{'*/jobs/write'}"), (ME,), "DENIED"),
        (deny("*", condition="ActionMatches{'*/jobs/read'}"), (ME,), "ALLOWED"),
        (deny("*", condition="@Resource[a:b] StringEquals 'c'"), (ME,), "CONDITIONAL"),
        (deny("*", condition="what"), (ME,), "UNKNOWN"),
        (deny(f"{ML}/*/jobs/write"), (ME,), "UNKNOWN"),
    ],
)
def test_a_deny_wins_over_every_grant_where_it_reaches(
    denied: Deny, principals: tuple[str, ...], verdict: str
) -> None:
    assert evaluate(JOBS, SUBMITTER, [denied], principals).verdict == verdict


def test_a_deny_is_named_even_where_nothing_is_granted() -> None:
    decision = evaluate(JOBS, [], [deny("*")], [ME])
    assert (decision.verdict, decision.by) == ("DENIED", "deny-id")
    assert evaluate(JOBS, [], [deny("*", condition="what")], [ME]).by == ""


def test_two_conditions_are_both_shown() -> None:
    need = Need(READ, CONTAINER, data=True)
    refusal = deny(data=["*"], condition=f"@Resource[{BLOBS}:path] StringEquals 'x'")
    decision = evaluate(need, [grant("Storage Blob Data Reader", CONTAINER, ON_PATH)], [refusal], [ME])
    assert decision.verdict == "CONDITIONAL"
    assert ON_PATH in decision.reason
    assert "StringEquals 'x'" in decision.reason


def test_assignments_become_grants_where_their_role_is_known() -> None:
    permission = Permission(("*/read",))
    role = RoleDefinition("/x/acdd", "acdd", "Reader", (permission,))
    held = [Assignment("/a/1", ME, "/x/ACDD", GROUP, "cond"), Assignment("/a/2", ME, "/x/other", GROUP)]
    assert grants_of(held, {"acdd": role}) == [
        Grant("/a/1", ME, "/x/ACDD", "Reader", GROUP, (permission,), "cond")
    ]
