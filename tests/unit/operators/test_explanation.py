# SPDX-License-Identifier: Apache-2.0
"""What a person reads below the error of a refused job."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_azureml.operators.explanation import diagnosed
from airflow_provider_azureml.operators.job import AzureMLRunJobOperator
from tests.unit.canned import DENIED, CannedHook

GUID = "11111111-2222-3333-4444-555555555555"
OTHER = "99999999-2222-3333-4444-555555555555"
JOB = {"type": "command", "command": "true", "environment": "azureml:e:1"}
MOUNT = (
    "Job a-0 ended as Failed: Permission denied on storage mount. Failed to mount URI "
    "azureml://datastores/raw/paths/x at mount point /x\nStreamError(PermissionDenied(Some(This request is not "
    "authorized to perform this operation using this permission.)))"
)
STORE = {
    "properties": {"accountName": "lake", "filesystem": "raw", "resourceGroup": "g", "subscriptionId": "s"}
}
CLUSTER = {
    "name": "cpu",
    "identity": {
        "type": "UserAssigned",
        "userAssignedIdentities": {"/x/run-first": {"principalId": "o-1", "clientId": OTHER}},
    },
    "properties": {"computeType": "AmlCompute"},
}


def task(**job: Any) -> AzureMLRunJobOperator:
    made = AzureMLRunJobOperator(task_id="t", azureml_conn_id="azureml_train", job={**JOB, **job})
    made.hook = CannedHook().on("GET", "/datastores/raw", STORE)  # type: ignore[assignment]
    return made


def test_a_serverless_job_mounts_as_the_identity_that_it_names_and_nobody_has_to_be_asked() -> None:
    made = task(identity={"type": "managed", "client_id": GUID})
    found = diagnosed(made, MOUNT)
    assert found is not None
    assert f"mounts as client id {GUID}" in found.remark
    assert f"--assignee {GUID} --role 'Storage Blob Data Reader'" in found.mend
    assert found.mend.endswith("/containers/raw")
    assert len(made.hook.requests) == 1  # type: ignore[attr-defined]


def test_a_cluster_mounts_with_its_own_identity_and_the_mend_is_about_that_one() -> None:
    made = task(compute="azureml:cpu")
    made.hook.on("GET", "/computes/cpu", CLUSTER)  # type: ignore[attr-defined]
    found = diagnosed(made, MOUNT)
    assert found is not None
    assert "run-first, object id o-1" in found.remark
    assert f"--assignee {OTHER} " in found.mend
    assert len(made.hook.requests) == 2  # type: ignore[attr-defined]


def test_a_cluster_that_may_not_be_read_leaves_a_blank_and_says_why() -> None:
    made = task(compute="azureml:cpu")
    made.hook.on("GET", "/computes/cpu", DENIED)  # type: ignore[attr-defined]
    found = diagnosed(made, MOUNT)
    assert found is not None
    assert "compute cpu cannot be read (403)" in found.remark
    assert "--assignee <run identity> " in found.mend


def test_the_doctor_is_named_with_the_job() -> None:
    made = task(identity={"type": "managed", "client_id": GUID})
    made.owned_job = ("a-0", "owner")
    found = diagnosed(made, MOUNT)
    assert found is not None
    assert found.remark.endswith("More: airflow-azureml doctor azureml_train --job a-0")
    assert "\nWho: " in found.beside(MOUNT)
    assert found.beside(MOUNT).startswith(MOUNT)


def test_what_is_not_about_a_mount_asks_nobody() -> None:
    made = task(compute="azureml:cpu")
    found = diagnosed(made, "AADSTS7000222: expired")
    assert found is not None
    assert found.remark == ""
    assert made.hook.requests == []  # type: ignore[attr-defined]


@pytest.mark.parametrize("job", [{"comand": "x"}, {"identity": {"type": "aml_token"}}])
def test_a_definition_without_an_answer_hides_no_error(job: dict[str, Any]) -> None:
    found = diagnosed(task(**job), MOUNT)
    assert found is not None
    assert found.number == 28
