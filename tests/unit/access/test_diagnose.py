# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import shlex

import pytest

from airflow_provider_azureml.access.diagnose import Finding, diagnose
from tests.unit.access.refusals import ARM, LINKED, MOUNT, NO_WORKSPACE_ROLE, SAMPLES, VAULT


@pytest.mark.parametrize("text, plane, cause", SAMPLES, ids=[sample[0][:40] for sample in SAMPLES])
def test_a_refusal_is_taken_for_what_it_is(text: str, plane: str, cause: str) -> None:
    finding = diagnose(text)
    assert finding is not None
    assert finding.plane == plane
    assert cause in finding.cause
    assert finding.mend


def test_a_text_that_is_not_known_is_left_alone() -> None:
    text = "Execution failed. User process 'python' exited with status code 2."
    assert diagnose(text) is None


def test_a_finding_stands_below_the_text_that_it_explains() -> None:
    shown = Finding("nobody let it in", "data", "open the door").beside("403")
    assert shown == "403\n\nWhy (data plane): nobody let it in\nMend: open the door"


def test_the_mend_names_who_what_and_where_when_the_text_does() -> None:
    finding = diagnose(ARM)
    assert finding is not None
    assert "--assignee o-1" in finding.mend
    assert "--scope /subscriptions/s/x" in finding.mend


@pytest.mark.parametrize(
    "text, end",
    [
        (
            NO_WORKSPACE_ROLE,
            "--scope /subscriptions/s/resourceGroups/g/providers/"
            "Microsoft.MachineLearningServices/workspaces/w",
        ),
        (LINKED, "--assignee o-1 --role 'Managed Identity Operator' --scope /subscriptions/s/run-prep"),
        (VAULT, "--scope /subscriptions/s/resourcegroups/g/providers/microsoft.keyvault/vaults/v/secrets/n"),
    ],
)
def test_the_mend_grants_where_a_grant_belongs(text: str, end: str) -> None:
    finding = diagnose(text)
    assert finding is not None
    assert finding.mend.endswith(end)


def test_the_mend_names_the_run_identity_and_the_datastore() -> None:
    finding = diagnose(MOUNT, run_identity="id-1")
    assert finding is not None
    assert "--assignee id-1" in finding.mend
    assert "datastore raw" in finding.mend


def test_the_mend_is_a_whole_command_when_the_workspace_knows_the_container() -> None:
    finding = diagnose(MOUNT, run_identity="id-1", scope_of=lambda datastore: f"/scope/of/{datastore}")
    assert finding is not None
    assert "--scope /scope/of/raw" in finding.mend
    assert "<" not in finding.mend


def test_nobody_is_asked_for_a_container_that_the_mend_does_not_want() -> None:
    asked: list[str] = []
    diagnose("AADSTS7000222 azureml://datastores/raw/paths/x", scope_of=lambda name: asked.append(name) or "")  # type: ignore[func-returns-value]
    assert asked == []


def test_no_braces_are_left_in_any_finding() -> None:
    for text, _, _ in SAMPLES:
        finding = diagnose(text)
        assert finding is not None
        assert "{" not in finding.cause + finding.mend


def test_a_shell_reads_the_mend_whatever_the_names_hold() -> None:
    group = "/subscriptions/s/resourceGroups/team (dev)"
    finding = diagnose(f"AuthorizationFailed: object id 'o-1', action 'a/b/write' over scope '{group}'")
    assert finding is not None
    assert shlex.split(finding.mend)[-1] == group
    finding = diagnose(MOUNT, run_identity="id-1", scope_of=lambda datastore: f"{group}/{datastore}")
    assert finding is not None
    assert shlex.split(finding.mend)[-1] == f"{group}/raw"
    text = "Could not find datastore 'x' in workspace ws"
    finding = diagnose(text, facts={"group": "team (dev)"})
    assert finding is not None
    assert "--resource-group 'team (dev)' " in finding.mend
