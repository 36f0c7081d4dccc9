# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from airflow_provider_azureml.access.roles import ROLES
from airflow_provider_azureml.checks.workspace import permission
from airflow_provider_azureml.connection import parse
from tests.unit.canned import DENIED, CannedHook
from tests.unit.checks.patients import EXTRA, WORKSPACE, Patient, case, holding

OURS = {"value": [{"actions": ROLES["AML Job Submitter"].permissions[0].actions}]}
GONE = (404, {"error": {"code": "ResourceNotFound", "message": ""}})


def own(answer: Any) -> Any:
    return permission(case(Patient().on("GET", "/permissions", answer)))


def test_the_identity_asks_arm_about_itself_where_nobody_else_reads() -> None:
    assert own(OURS).level == "present"
    assert own(DENIED).level == "unknown"


def test_what_is_missing_is_named_and_the_mend_is_the_submitters_role() -> None:
    found = own({"value": [{"actions": ["*/read"]}]})
    assert found.is_problem
    assert "jobs/write" in found.message
    assert found.hint == (
        "az role assignment create --assignee-object-id object-1 --assignee-principal-type ServicePrincipal "
        f"--role 'AML Job Submitter' --scope {WORKSPACE}"
    )


def test_a_reader_looks_at_the_assignments() -> None:
    reader = holding(CannedHook(), ("AML Job Submitter", WORKSPACE))
    assert permission(case(Patient(), reader=reader)).level == "present"


def test_a_workspace_that_does_not_exist_is_told_from_one_that_is_closed() -> None:
    reader = holding(CannedHook()).on("GET", "/workspaces/ws", GONE)
    found = permission(case(Patient(), reader=reader))
    assert found.is_problem
    assert found.message.startswith("there is no workspace")


def test_a_deny_is_named_and_no_role_is_offered() -> None:
    deny = {
        "id": f"{WORKSPACE}/providers/Microsoft.Authorization/denyAssignments/d",
        "properties": {
            "denyAssignmentName": "locked",
            "scope": WORKSPACE,
            "permissions": [{"actions": ["*/write"]}],
            "principals": [{"id": "00000000-0000-0000-0000-000000000000"}],
        },
    }
    reader = holding(CannedHook(), ("AML Job Submitter", WORKSPACE)).on(
        "GET", "/denyAssignments", {"value": [deny]}
    )
    reader.on("GET", "/workspaces/ws", {"id": WORKSPACE})
    found = permission(case(Patient(), reader=reader))
    assert "deny assignment 'locked'" in found.message
    assert found.hint.startswith("No role helps")
    assert "az rest" not in found.hint


def test_a_connection_without_workspace_does_not_use_the_plane() -> None:
    hook = Patient()
    few = {name: value for name, value in EXTRA.items() if name != "workspace_name"}
    hook.settings = parse("azureml_train", "azureml", None, "s3cret", None, few)
    assert permission(case(hook)).level == "not used"


def test_a_deny_that_may_be_about_a_group_stays_unknown_though_arm_lists_the_actions() -> None:
    deny = {
        "id": f"{WORKSPACE}/providers/Microsoft.Authorization/denyAssignments/d",
        "properties": {
            "scope": WORKSPACE,
            "permissions": [{"actions": ["*/write"]}],
            "principals": [{"id": "g-some"}],
        },
    }
    reader = holding(CannedHook(), ("AML Job Submitter", WORKSPACE))
    reader.on("GET", "/denyAssignments", {"value": [deny]}).on("POST", "/getMemberGroups", DENIED)
    assert permission(case(Patient().on("GET", "/permissions", OURS), reader=reader)).level == "unknown"
