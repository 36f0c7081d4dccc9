# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from airflow_provider_azureml.access.table import TABLE
from airflow_provider_azureml.checks.finding import PLANES, missing, present
from airflow_provider_azureml.checks.nine_planes import EXPLAINED_BY, findings, verdict
from tests.unit.checks.patients import CONTAINER, WORKSPACE, Patient, case, holding, submitted

MOUNT = "This request is not authorized to perform this operation using this permission."
ROLE = missing("data", 7, "no role", "az role assignment create")
WALL = missing("account", 8, "a wall", "az storage account update")


def test_every_plane_has_a_row() -> None:
    hook = holding(
        submitted(Patient(), error=MOUNT),
        ("Storage Blob Data Reader", CONTAINER),
        ("AML Job Submitter", WORKSPACE),
    )
    hook.on("GET", r"/servicePrincipals.*", {"id": "o", "appId": "a", "accountEnabled": True})
    hook.on("GET", "/permissions", {"value": [{"actions": ["*"]}]})
    found = list(findings(case(hook, job="a")))
    assert [each.plane for each in found] == list(PLANES)
    assert not any(each.is_problem for each in found)


def test_the_cause_is_the_refusals_and_the_mend_is_of_the_plane_in_which_it_shows() -> None:
    found = verdict(case(Patient(), error=MOUNT), [WALL, ROLE])
    assert found is not None
    assert (found.number, found.mend) == (20, ROLE.hint)
    assert "no role" in found.cause


def test_where_no_plane_shows_it_the_tables_own_mend_stands() -> None:
    found = verdict(case(Patient(), error="AADSTS7000112"), [present("token", 4, "")])
    assert found is not None
    assert found.mend.startswith("az ad sp update")


def test_without_a_refusal_the_first_gap_is_the_cause() -> None:
    found = verdict(case(Patient()), [present("token", 4, ""), ROLE, WALL])
    assert found is not None
    assert (found.number, found.mend) == (0, ROLE.hint)
    assert verdict(case(Patient()), [present("token", 4, "")]) is None


@pytest.mark.parametrize("number", sorted(EXPLAINED_BY))
def test_every_cause_that_is_explained_is_in_the_table(number: int) -> None:
    assert number in {row.number for row in TABLE}
    assert set(EXPLAINED_BY[number]) <= set(PLANES)
