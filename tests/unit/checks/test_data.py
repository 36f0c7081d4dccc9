# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import shlex
from typing import Any, ClassVar

from airflow_provider_azureml.access.condition import parse
from airflow_provider_azureml.access.evaluate import EVERYONE, Grant, evaluate
from airflow_provider_azureml.access.needs import needs_of_data
from airflow_provider_azureml.access.place import Place
from airflow_provider_azureml.access.prefix import below
from airflow_provider_azureml.access.roles import ROLES
from airflow_provider_azureml.checks.data import places
from airflow_provider_azureml.rest.flow import Response
from tests.unit.canned import DENIED, CannedHook
from tests.unit.checks.patients import CONTAINER, JOB, STORE, Patient, case, deny, holding, role_id, submitted

BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
READER = "Storage Blob Data Reader"


def found(hook: CannedHook, **given: Any) -> Any:
    (one,) = places(case(hook, **{"job": "a", **given}))
    return one


def test_a_role_is_enough() -> None:
    told = found(holding(submitted(Patient()), (READER, CONTAINER)))
    assert told.level == "present"
    assert "run, object id o-run" in told.message


def test_without_a_role_the_mend_gives_the_least_one_to_who_mounts() -> None:
    told = found(holding(submitted(Patient())).on("HEAD", r"/raw/.*", DENIED))
    assert told.is_problem
    assert told.hint.startswith("az role assignment create --assignee-object-id o-run ")
    assert told.hint.endswith(f"--role '{READER}' --scope {CONTAINER}")


def test_an_output_wants_the_contributor() -> None:
    job = {**JOB, "inputs": {}, "outputs": {"o": {"uri": "azureml://datastores/raw/paths/y"}}}
    hook = holding(submitted(Patient(), job), (READER, CONTAINER)).on("HEAD", r"/raw/.*", DENIED)
    assert "'Storage Blob Data Contributor'" in found(hook).hint


def test_assignments_that_cannot_be_read_are_unknown() -> None:
    assert found(submitted(Patient()).on("GET", "/roleAssignments", DENIED)).level == "unknown"


def test_a_condition_that_does_not_hold_is_widened_and_can_be_read_again() -> None:
    condition = (
        f"((!(ActionMatches{{'{BLOBS}/read'}})) OR (@Resource[{BLOBS}:path] StringStartsWith 'other/'))"
    )
    hook = holding(submitted(Patient()), (READER, CONTAINER), condition=condition).on(
        "HEAD", r"/raw/.*", DENIED
    )
    told = found(hook)
    assert "the condition of role" in told.message
    first, second = told.hint.split(" && ")
    assert first == "az role assignment delete --ids /assignments/0"
    words = shlex.split(second)
    parse(words[words.index("--condition") + 1])
    assert "StringStartsWith 'x/'" in words[words.index("--condition") + 1]


def test_a_datastore_with_a_key_is_no_matter_of_roles() -> None:
    keyed = {**STORE, "properties": {**STORE["properties"], "credentials": {"credentialsType": "AccountKey"}}}  # type: ignore[dict-item]
    told = found(submitted(Patient()).on("GET", "/datastores", {"value": [keyed]}))
    assert told.level == "present"
    assert "AccountKey" in told.message


def test_a_name_that_nearly_is_a_datastore_is_suggested() -> None:
    error = (
        "inputs: d: its datastore was not found (The specified resource was not found: datastore 'rawx'.)."
    )
    told = found(submitted(Patient()), job="", error=error)
    assert told.hint == "Name datastore 'raw' in the job's definition."


def test_a_refused_upload_is_about_the_submitter() -> None:
    store = {**STORE, "properties": {**STORE["properties"], "isDefault": True}}  # type: ignore[dict-item]
    hook = (
        holding(submitted(Patient()))
        .on("GET", "/datastores", {"value": [store]})
        .on("HEAD", r"/raw/.*", DENIED)
    )
    told = found(hook, job="", error="You don't have permission to alter this storage account")
    assert "--assignee-object-id object-1 " in told.hint


class Lake(Patient):
    """ACLs, which are headers."""

    acls: ClassVar[dict[str, str]] = {}

    def _answer(self, request: Any) -> Response:
        if request.method == "HEAD":
            path = request.url.split("?")[0].partition("/raw/")[2]
            return Response(200, {"x-ms-acl": self.acls[path]})
        return super()._answer(request)


def test_the_folders_whose_acls_stop_the_identity_are_named_and_opened() -> None:
    hook = Lake()
    hook.acls = {"": "user::rwx,group::---,other::---", "x": "user::rwx,user:o-run:r-x,mask::r-x"}
    told = found(holding(submitted(hook)))
    assert "the ACL of '/' does not let it through" in told.message
    assert told.hint.startswith(
        "az storage fs access set --account-name lake --file-system raw --path / --acl "
    )
    assert "user:o-run:--x" in told.hint


def test_where_the_place_itself_is_closed_a_role_is_the_shorter_way() -> None:
    hook = Lake()
    hook.acls = {"": "user::rwx,user:o-run:--x,mask::--x", "x": "user::rwx,group::---,other::---"}
    assert "role assignment create" in found(holding(submitted(hook))).hint


def test_acls_that_let_the_identity_through_are_enough() -> None:
    hook = Lake()
    hook.acls = {"": "user::rwx,user:o-run:--x,mask::--x", "x": "user::rwx,user:o-run:r-x,mask::r-x"}
    assert found(holding(submitted(hook))).level == "present"


def test_acls_that_name_nobody_are_not_what_gives_access() -> None:
    hook = Lake()
    hook.acls = {"": "user::rwx,other::---", "x": "user::rwx,other::---"}
    assert "role assignment create" in found(holding(submitted(hook))).hint


def test_a_deny_is_lifted_by_its_owner_and_by_no_command() -> None:
    hook = holding(submitted(Patient()), (READER, CONTAINER)).on("HEAD", r"/raw/.*", DENIED)
    told = found(hook.on("GET", "/denyAssignments", {"value": [deny(EVERYONE)]}))
    assert told.is_problem
    assert told.hint.startswith("No role helps")
    assert "az rest" not in told.hint


def test_acls_of_groups_are_unknown_where_the_groups_of_the_identity_cannot_be_read() -> None:
    hook = Lake()
    opened = "user::rwx,group:g-run:r-x,mask::r-x,other::---"
    hook.acls = {"": opened, "x": opened}
    holding(submitted(hook)).on("POST", "/getMemberGroups", {"value": ["g-run"]})
    assert found(hook).level == "present"
    told = found(hook.on("POST", "/getMemberGroups", DENIED))
    assert told.level == "unknown"
    assert "which it is in cannot be read" in told.message


def of_group(hook: CannedHook, *own: str, path: str = "x") -> CannedHook:
    """The role is a group's, below another path; the identity has it itself under these conditions."""
    job = {**JOB, "inputs": {"d": {"uri": f"azureml://datastores/raw/paths/{path}"}}}
    holding(submitted(hook, job), (READER, CONTAINER)).on("HEAD", r"/raw/.*", DENIED)
    group = ("/assignments/group", "g-team", below("raw", "elsewhere/", "read"))
    listed = [group, *((f"/assignments/own-{n}", "O-RUN", each) for n, each in enumerate(own))]
    told = [
        {
            "id": number,
            "properties": {
                "principalId": who,
                "roleDefinitionId": role_id(READER),
                "scope": CONTAINER,
                "condition": condition,
            },
        }
        for number, who, condition in listed
    ]
    return hook.on("GET", "/roleAssignments", {"value": told})


def after(hint: str, path: str) -> set[str]:
    """What the mended assignment of the identity comes to, for all that reading below a path asks."""
    words = shlex.split(hint)
    role, scope, condition = (words[words.index(f"--{each}") + 1] for each in ("role", "scope", "condition"))
    grant = Grant("new", "o-run", "r", role, scope, ROLES[role].permissions, condition)
    needs = needs_of_data("run", "read", Place("", "lake", "raw", path, CONTAINER), "")
    return {evaluate(each.need, [grant]).verdict for each in needs}


def test_a_groups_conditional_assignment_stays_and_the_identity_gets_its_own_beside_it() -> None:
    told = found(of_group(Patient()))
    assert "/assignments/group" not in told.hint
    assert told.hint.startswith("az role assignment create --assignee-object-id o-run ")
    assert "assignment is that of group g-team" in told.message
    assert after(told.hint, "x") == {"ALLOWED"}
    assert after(told.hint, "y") == after(told.hint, "elsewhere") == {"DENIED"}


def test_the_identitys_own_assignment_is_widened_where_azure_takes_no_second_one() -> None:
    told = found(of_group(Patient(), below("raw", "other/", "read")))
    assert told.hint.startswith(
        "az role assignment delete --ids /assignments/own-0 && az role assignment create"
    )
    assert after(told.hint, "x") == after(told.hint, "other") == {"ALLOWED"}
    assert "ALLOWED" not in after(told.hint, "y")


def test_beside_a_group_the_whole_container_is_given_without_a_condition() -> None:
    assert "--condition" not in found(of_group(Patient(), path="")).hint


def test_a_quote_in_a_path_does_not_end_the_text_of_a_condition() -> None:
    words = shlex.split(found(of_group(Patient(), path="it's")).hint)
    condition = words[words.index("--condition") + 1]
    parse(condition)
    assert r"StringStartsWith 'it\'s/'" in condition
