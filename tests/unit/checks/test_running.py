# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import shlex
from typing import Any

import pytest

from airflow_provider_azureml.checks.running import run_identity
from tests.unit.canned import DENIED, CannedHook
from tests.unit.checks.patients import CONTAINER, GUID, JOB, RUN, WORKSPACE, Patient, case, holding, submitted

LINKED = (
    "403 LinkedAuthorizationFailed: The client 'c' with object id 'o-1' has permission to perform action 'x' on scope "
    f"'y'; however, it does not have permission to perform action(s) 'z' on the linked scope(s) '{RUN}' (respectively)"
)
DETACHED = f"The managed identity '{GUID}' is not assigned to {{}}. Assign it, then submit the job again."
PRINCIPAL = {
    "id": "o-run",
    "appId": GUID,
    "displayName": "run",
    "accountEnabled": True,
    "alternativeNames": [RUN],
}


def found(hook: CannedHook, **given: Any) -> Any:
    (one,) = run_identity(case(hook, **given))
    return one


def body_of(hint: str) -> Any:
    return json.loads(shlex.split(hint)[-1])


def test_the_identity_that_mounts_is_named() -> None:
    told = found(submitted(Patient()), job="a")
    assert told.level == "present"
    assert f"runs and mounts as run, object id o-run, client id {GUID}" in told.message


@pytest.mark.parametrize(
    "answer, message",
    [
        ((404, {"error": {"code": "Request_ResourceNotFound", "message": ""}}), "does not exist any more"),
        ({**PRINCIPAL, "accountEnabled": False}, "is disabled"),
    ],
)
def test_an_identity_that_is_gone_or_disabled_is_missing(answer: Any, message: str) -> None:
    hook = submitted(Patient())
    told = found(hook, job="a", reader=submitted(CannedHook().on("GET", r"/servicePrincipals.*", answer)))
    assert told.is_problem
    assert message in told.message


def test_a_job_that_cannot_be_read_is_unknown() -> None:
    told = list(run_identity(case(submitted(Patient()).on("GET", "/jobs/a", DENIED), job="a")))
    assert told[0].level == "unknown"


def test_without_a_job_the_plane_is_not_used() -> None:
    assert found(Patient()).level == "not used"


def test_a_submitter_that_may_not_assign_gets_the_role_for_it() -> None:
    told = found(holding(Patient()), error=LINKED)
    assert told.is_problem
    assert told.hint.endswith(f"--role 'Managed Identity Operator' --scope {RUN}")
    allowed = holding(Patient(), ("Managed Identity Operator", RUN))
    assert found(allowed, error=LINKED).level == "present"


def test_a_lost_identity_is_attached_beside_all_others() -> None:
    hook = submitted(Patient()).on(
        "GET", r"/servicePrincipals.*", {**PRINCIPAL, "alternativeNames": [RUN + "2"]}
    )
    told = found(hook, error=DETACHED.format("workspace ws"))
    assert told.hint.startswith(f"az rest --method patch --url 'https://management.azure.com{WORKSPACE}")
    assert set(body_of(told.hint)["identity"]["userAssignedIdentities"]) == {RUN, RUN + "2"}


def cluster(*identities: str) -> dict[str, Any]:
    made: dict[str, Any] = {"name": "cpu", "location": "eastus", "properties": {"computeType": "AmlCompute"}}
    if identities:
        ids = {each: {"principalId": each[-1], "clientId": each[-1]} for each in identities}
        made["identity"] = {"type": "UserAssigned", "userAssignedIdentities": ids}
    return made


def on_cluster(*identities: str) -> CannedHook:
    hook = submitted(Patient(), {**JOB, "identity": None, "computeId": f"{WORKSPACE}/computes/cpu"})
    return hook.on("GET", "/computes", {"value": [cluster(*identities)]}).on(
        "GET", "/computes/cpu", cluster(*identities)
    )


def test_a_bare_cluster_gets_the_identity_that_can_read_what_the_job_reads() -> None:
    hook = holding(on_cluster(), ("Storage Blob Data Reader", CONTAINER))
    told = found(hook, job="a")
    assert told.is_problem
    assert body_of(told.hint)["identity"]["userAssignedIdentities"] == {RUN: {}}
    assert "/computes/cpu?" in told.hint


def test_a_bare_cluster_leaves_a_blank_where_no_identity_suggests_itself() -> None:
    assert "<id>" in found(holding(on_cluster()), job="a").hint


def test_code_that_names_none_of_several_identities_is_told_to() -> None:
    hook = on_cluster("/x/a", "/x/b")
    told = found(hook, job="a", error="Multiple user assigned identities exist, please specify")
    assert "AZURE_CLIENT_ID" in told.message
    assert body_of(told.hint)["identity"]["userAssignedIdentities"] == {"/x/a": {}}


def test_a_cluster_of_several_is_present_with_a_remark() -> None:
    told = found(on_cluster("/x/a", "/x/b"), job="a")
    assert told.level == "present"
    assert "the first one mounts" in told.message
