# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from airflow_provider_azureml.access.diagnose import diagnose
from airflow_provider_azureml.access.refusal_data import ROWS


def test_these_are_of_the_lake_and_the_vault() -> None:
    assert {row.plane for row in ROWS} == {"data", "vault"}


@pytest.mark.parametrize(
    "text, number",
    [
        ("This request is not authorized to perform this operation using this permission.", 20),
        ("This request is not authorized to perform this operation.", 21),
        ("ScriptExecution.StreamAccess.NotFound", 27),
        ("ScriptExecution.StreamAccess.Authentication", 28),
        ("Permission denied on storage mount", 28),
        ("The user 'oid=o-1' does not have secrets get permission on key vault 'v;location=x'", 32),
    ],
)
def test_one_word_decides_between_two_causes(text: str, number: int) -> None:
    finding = diagnose(text)
    assert finding is not None
    assert finding.number == number


def test_a_policy_is_set_for_the_caller_that_the_text_names() -> None:
    finding = diagnose(
        "The user 'oid=o-1;x' does not have secrets get permission on key vault 'v;location=x'"
    )
    assert finding is not None
    assert finding.mend == "az keyvault set-policy --name v --object-id o-1 --secret-permissions get"
