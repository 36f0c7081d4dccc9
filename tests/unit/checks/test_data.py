# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import shlex
from typing import Any, ClassVar

from airflow_provider_azureml.access.condition import parse
from airflow_provider_azureml.access.evaluate import EVERYONE
from airflow_provider_azureml.checks.data import places
from airflow_provider_azureml.rest.flow import Response
from tests.unit.canned import DENIED, CannedHook
from tests.unit.checks.patients import CONTAINER, JOB, STORE, Patient, case, deny, holding, submitted

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
