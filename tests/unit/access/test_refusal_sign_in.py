# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from airflow_provider_azureml.access.diagnose import diagnose
from airflow_provider_azureml.access.refusal_sign_in import ROWS


def test_who_cannot_sign_in_is_no_matter_of_data() -> None:
    assert {row.plane for row in ROWS} == {"Entra"}


@pytest.mark.parametrize("code", ["70021", "700211", "700212", "700213", "7002138"])
def test_every_mismatch_of_a_federated_credential_is_one_cause(code: str) -> None:
    finding = diagnose(f"AADSTS{code}: No matching federated identity record found")
    assert finding is not None
    assert finding.number == 4


def test_the_client_id_that_is_known_stands_in_the_command() -> None:
    finding = diagnose("AADSTS7000112: disabled", facts={"client id": "app-1"})
    assert finding is not None
    assert finding.mend == "az ad sp update --id app-1 --set accountEnabled=true"
