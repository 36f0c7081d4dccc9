# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from shlex import quote, split
from typing import Any

import pytest

from airflow_provider_azureml.access.check import Asked, Check
from airflow_provider_azureml.access.evaluate import Need
from airflow_provider_azureml.access.manifest import load
from airflow_provider_azureml.access.namespace import Namespace
from airflow_provider_azureml.access.needs import Wanted, needs_of_data
from airflow_provider_azureml.access.place import Place
from airflow_provider_azureml.access.report import Report
from airflow_provider_azureml.access.reported import Reporting, crossings
from airflow_provider_azureml.access.row import Row
from airflow_provider_azureml.access.survey import Read, Survey
from airflow_provider_azureml.rest.authorization import Assignment
from airflow_provider_azureml.rest.graph import FederatedCredential
from tests.unit.access.azure import LAKE, MANIFEST, assigned, given, guid, seen_otherwise, survey
from tests.unit.access.manifests import changed

RUN = MANIFEST.identities[0].principals["run"]
WORKSPACE = MANIFEST.places.arm_id("workspace:nightly")
JOBS = "Microsoft.MachineLearningServices/workspaces/jobs"
CONTAINERS = f"{LAKE}/blobServices/default/containers"


def wanted(action: str, **changes: Any) -> Wanted:
    values = {
        "who": "submitter",
        "need": Need(f"{JOBS}/{action}", WORKSPACE),
        "why": "submits",
        "role": "AML Job Submitter",
    }
    return Wanted(**{**values, **changes})


def reported(
    found: Survey | None = None, *asked: Asked, extra: tuple[Row, ...] = (), **content: Any
) -> Report:
    manifest = load(changed(*next(iter(content.items()))), "m") if content else MANIFEST
    check = Check(manifest, found or survey(manifest), asked={"train": asked})
    return Reporting(check, [*check.rows(), *extra], {"azureml_train": "federated"}).report(
        "now", "check", "prod"
    )


def test_a_task_has_its_two_principals_and_the_way_its_connection_signs_in() -> None:
    [task] = reported().tasks
    assert (task.dag_id, task.task_id, task.connection, task.auth) == (
        "nightly",
        "train",
        "azureml_train",
        "federated",
    )
    assert (task.submitter, task.run_identity, task.namespace, task.job) == (
        "airflow-train",
        "run-train",
        "ml",
        "train.yml",
    )
    assert task.verdict == "ALLOWED"
    assert {check.why for check in task.checks} == {"the manifest declares it"}
    assert len(task.checks) == sum(len(each.grants) for each in MANIFEST.principals())


def test_an_identity_has_its_ids_and_all_that_it_holds() -> None:
    group = Assignment("/ra/g", "oid-group", f"/x/{guid('Reader')}", WORKSPACE)
    found = seen_otherwise("run", held=Read([*assigned(RUN), group]))
    line = next(line for line in reported(found).identities if line.name == "run-train")
    assert (line.kind, line.client_id, line.object_id) == (
        "managed identity",
        "client-run-train",
        "run-train",
    )
    *own, last = line.grants
    assert {grant.state for grant in own} == {""}
    assert any(grant.condition for grant in own)
    assert (last.role, last.through, last.state) == ("Reader", "group oid-group", "EXTRA")


def test_a_need_that_is_met_says_by_which_role_and_how_many_actions_it_is() -> None:
    [task] = reported(None, Asked("train", [wanted("write"), wanted("read")])).tasks
    [check] = task.checks
    assert (check.who, check.action, check.scope) == ("submitter", f"{JOBS}/write and 1 more", WORKSPACE)
    assert (check.verdict, check.role, check.why, check.reason, check.mend) == (
        "ALLOWED",
        "AML Job Submitter",
        "submits",
        "",
        "",
    )


def test_a_need_that_is_denied_says_why_and_what_mends_it() -> None:
    [task] = reported(None, Asked("train", [wanted("delete")])).tasks
    [check] = task.checks
    assert (task.verdict, check.verdict) == ("DENIED", "DENIED")
    assert check.reason.startswith("the manifest does not grant it")
    assert check.mend == (
        "az role assignment create --assignee-object-id airflow-train --assignee-principal-type ServicePrincipal "
        f"--role 'AML Job Submitter' --scope {WORKSPACE}"
    )


def lacking(index: int) -> Survey:
    """Azure without one of the run identity's grants."""
    held = assigned(RUN)
    del held[index]
    return seen_otherwise("run", held=Read(held))


MODELS = next(grant for grant in RUN.grants if grant.condition)
GIVES_MODELS = (
    "az role assignment create --assignee-object-id run-train --assignee-principal-type ServicePrincipal "
    f"--role 'Storage Blob Data Contributor' --scope {CONTAINERS}/models --condition {quote(MODELS.condition)} "
    "--condition-version 2.0"
)


def data(access: str, path: str) -> list[Wanted]:
    place = Place("", "nightlylake", "models", path, MODELS.scope)
    return needs_of_data("run", access, place, "reads")


def test_a_grant_that_is_missing_is_mended_with_its_condition() -> None:
    [task] = reported(lacking(RUN.grants.index(MODELS))).tasks
    assert [check.mend for check in task.checks if check.mend] == [GIVES_MODELS]


@pytest.mark.parametrize("access", ["read", "write"])
def test_a_need_is_mended_by_what_the_manifest_declares_for_it_and_no_more(access: str) -> None:
    [task] = reported(lacking(RUN.grants.index(MODELS)), Asked("train", data(access, "m/x"))).tasks
    assert {(check.verdict, check.mend) for check in task.checks} == {("DENIED", GIVES_MODELS)}


def test_a_need_outside_a_declared_condition_is_mended_by_no_command() -> None:
    [task] = reported(None, Asked("train", data("write", "other/x"))).tasks
    assert {(check.verdict, check.mend) for check in task.checks} == {("DENIED", "")}


def test_a_command_is_one_of_the_shell_whatever_the_resource_group_is_called() -> None:
    scope = WORKSPACE.replace("nightly", "it's (prod)")
    need = Need(f"{JOBS}/write", scope)
    [task] = reported(None, Asked("train", [wanted("write", need=need)])).tasks
    assert split(task.checks[0].mend)[-2:] == ["--scope", scope]
    extra = Assignment("/ra/x", RUN.name, f"/x/{guid('Storage Blob Data Owner')}", scope)
    [difference] = reported(seen_otherwise("run", held=Read([*assigned(RUN), extra]))).differences
    assert split(difference.mend)[-4:] == ["--role", "Storage Blob Data Owner", "--scope", scope]


def test_what_could_not_be_understood_or_is_meant_to_be_refused_is_unknown() -> None:
    [task] = reported(None, Asked("train", problem="it does not compile")).tasks
    assert [(check.verdict, check.reason) for check in task.checks] == [("UNKNOWN", "it does not compile")]
    [_, task] = reported(None, **{"identities/train/ungranted": ["nightly.overreach"]}).tasks
    assert [(check.verdict, check.reason) for check in task.checks] == [
        ("UNKNOWN", "it is meant to be refused")
    ]


def test_what_another_task_of_the_identity_needs_is_not_its_need_but_what_its_jobs_need_is() -> None:
    [task] = reported(
        None, Asked("other", [wanted("write")]), Asked("jobs/train.yml", [wanted("read")])
    ).tasks
    assert [check.action for check in task.checks] == [f"{JOBS}/read"]


def test_a_finding_is_a_difference_of_its_principal_with_the_command_that_unmakes_it() -> None:
    owner = Assignment("/ra/x", RUN.name, f"/x/{guid('Storage Blob Data Owner')}", f"{CONTAINERS}/models")
    [difference] = reported(seen_otherwise("run", held=Read([*assigned(RUN), owner]))).differences
    assert (difference.kind, difference.subject) == ("EXTRA", "run-train")
    assert difference.text.startswith(f"Storage Blob Data Owner at {CONTAINERS}/models: role assignment")
    assert difference.mend == (
        f"az role assignment delete --assignee run-train --role 'Storage Blob Data Owner' --scope {CONTAINERS}/models"
    )


def test_what_is_extra_in_entra_is_unmade_by_its_own_command_and_a_trust_by_none() -> None:
    strange = FederatedCredential("wide", "https://stranger", "s", ("a",))
    found = seen_otherwise("run", roles=Read([given("Directory.ReadWrite.All")]), trusts=Read([strange]))
    trust, permission = reported(found).differences
    assert (trust.kind, trust.mend) == ("EXTRA", "")
    assert permission.text.startswith("Graph permission Directory.ReadWrite.All: app role assignment")
    assert (permission.subject, permission.mend.split()[:4]) == (
        "run-train",
        ["az", "rest", "--method", "DELETE"],
    )


def test_a_finding_about_a_task_or_about_nobody_says_so() -> None:
    stranger = Row("-", "-", "Airflow", "task d.t", "", "MISSING", "", "no identity has it")
    account = Row("-", "-", "data", "storage account", LAKE, "MISMATCH", "", "its keys are taken", "keys")
    found = reported(None, extra=(stranger, account)).differences
    assert [(item.kind, item.subject) for item in found] == [("MISSING", "d.t"), ("MISMATCH(keys)", "")]


def test_an_application_and_an_identity_of_one_name_are_told_apart() -> None:
    names = [
        line.name
        for line in reported(None, **{"identities/train/run/managed_identity": "airflow-train"}).identities
    ]
    assert names == ["airflow-train (application)", "airflow-train (managed identity)"]


def test_roles_in_two_of_airflows_namespaces_are_a_crossing() -> None:
    spaces = (
        Namespace("ml", {}, {"containers": ("nightlylake/models",)}),
        Namespace("batch", {}, {"containers": ("nightlylake/raw",)}),
    )
    [row] = crossings(Check(MANIFEST, survey()), spaces)
    assert (row.identity, row.part, row.state) == ("train", "run", "CROSSING")
    assert "has roles in 'batch' through" in row.reason
    assert list(crossings(Check(MANIFEST, survey()), ())) == []
