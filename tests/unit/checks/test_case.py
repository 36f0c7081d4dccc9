# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from airflow_provider_azureml.access.evaluate import EVERYONE, Need
from tests.unit.canned import DENIED
from tests.unit.checks.patients import CONTAINER, GUID, JOB, Patient, case, deny, holding, role_id, submitted

READ = Need("Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read", CONTAINER, data=True)


def test_a_role_that_is_held_decides_and_is_read_once() -> None:
    hook = holding(Patient(), ("Storage Blob Data Reader", CONTAINER))
    patient = case(hook)
    assert [patient.judge(READ, "o-run").verdict for _ in range(3)] == ["ALLOWED"] * 3
    assert len(hook.asked("GET", "/roleAssignments")) == 1
    assert [grant.role_name for grant in patient.grants_seen(CONTAINER, "o-run")] == [
        "Storage Blob Data Reader"
    ]


def test_assignments_that_cannot_be_read_make_unknown_never_denied() -> None:
    decision = case(Patient().on("GET", "/roleAssignments", DENIED)).judge(READ, "o-run")
    assert decision.verdict == "UNKNOWN"
    assert "403 AuthorizationFailed" in decision.reason


def test_denies_that_cannot_be_read_are_mentioned() -> None:
    hook = holding(Patient(), ("Storage Blob Data Reader", CONTAINER)).on("GET", "/denyAssignments", DENIED)
    decision = case(hook).judge(READ, "o-run")
    assert decision.verdict == "ALLOWED"
    assert "deny assignments cannot be read" in decision.reason


def test_the_error_of_a_job_is_that_of_its_failed_steps_too() -> None:
    hook = submitted(Patient(), error="outer")
    hook.on(
        "GET",
        "/runs/a/children",
        {"value": [{"runId": "b", "status": "Failed"}, {"runId": "c", "status": "Completed"}]},
    )
    hook.on("GET", "/runs/b/details", {"status": "Failed", "error": {"error": {"message": "AADSTS7000222"}}})
    patient = case(hook, job="a")
    assert patient.error == "outer\nAADSTS7000222"
    assert patient.refusal is not None
    assert patient.refusal.number == 1


def test_the_places_of_a_job_are_known_with_who_opens_them() -> None:
    patient = case(submitted(Patient()), job="a", uris=("azureml://datastores/raw/paths/y",))
    (first, second) = patient.accesses
    assert (first[0], first[1], first[2].scope) == ("input d", "read", CONTAINER)
    assert first[3] is not None
    assert first[3].principal is not None
    assert first[3].principal.object_id == "o-run"
    assert second[0] == "azureml://datastores/raw/paths/y"


def test_what_azure_ml_keeps_itself_is_no_place_of_the_job() -> None:
    own = {"uri": "azureml://datastores/workspaceartifactstore/ExperimentRun/dcid.a"}
    assert len(case(submitted(Patient(), {**JOB, "outputs": {"default": own}}), job="a").accesses) == 1


def test_a_workspace_that_cannot_be_read_leaves_reasons() -> None:
    hook = Patient()
    for path in ("/workspaces/ws", "/datastores", "/computes"):
        hook.on("GET", path, DENIED)
    assert set(case(hook).facts.unread) == {"workspace", "datastores", "computes"}


def test_a_mend_is_filled_with_the_connections_own_ids() -> None:
    patient = case(Patient(), error="AADSTS7000112: disabled")
    assert patient.refusal is not None
    assert patient.refusal.mend == f"az ad sp update --id {GUID} --set accountEnabled=true"


def test_a_role_that_cannot_be_read_makes_unknown_never_denied() -> None:
    reader = "Storage Blob Data Reader"
    hook = holding(Patient(), (reader, CONTAINER)).on("GET", role_id(reader), DENIED)
    decision = case(hook).judge(READ, "o-run")
    assert (decision.verdict, decision.reason) == ("UNKNOWN", "a role that it holds could not be read")
    hook.on("GET", "/denyAssignments", DENIED)
    assert case(hook).judge(READ, "o-run").verdict == "UNKNOWN"


def test_a_role_that_cannot_be_read_does_not_hide_a_deny() -> None:
    reader = "Storage Blob Data Reader"
    hook = holding(Patient(), (reader, CONTAINER)).on("GET", role_id(reader), DENIED)
    hook.on("GET", "/denyAssignments", {"value": [deny(EVERYONE)]})
    decision = case(hook).judge(READ, "o-run")
    assert decision.verdict == "DENIED"
    assert "deny assignment 'd'" in decision.reason


@pytest.mark.parametrize("named, excluded", [("g-run", ""), (EVERYONE, "g-run")])
def test_a_deny_about_a_group_is_unknown_where_groups_cannot_be_read(named: str, excluded: str) -> None:
    hook = holding(Patient(), ("Storage Blob Data Reader", CONTAINER))
    hook.on("GET", "/denyAssignments", {"value": [deny(named, excluded)]})
    assert case(hook).judge(READ, "o-run").verdict == ("ALLOWED" if not excluded else "DENIED")
    hook.on("POST", "/getMemberGroups", {"value": ["g-run"]})
    assert case(hook).judge(READ, "o-run").verdict == ("DENIED" if not excluded else "ALLOWED")
    hook.on("POST", "/getMemberGroups", DENIED)
    assert case(hook).judge(READ, "o-run").verdict == "UNKNOWN"
