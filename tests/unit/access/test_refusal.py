# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from airflow_provider_azureml.access.refusal import ROLE, Row


def test_a_grant_names_its_holder() -> None:
    assert ROLE.format(who="o-1") == "az role assignment create --assignee o-1"


def test_a_row_has_a_number() -> None:
    assert Row(1, "x", "ARM", "c.", "how", "mend").number == 1
