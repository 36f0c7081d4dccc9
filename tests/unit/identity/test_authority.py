# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from airflow_provider_azureml.connection import CLOUDS
from airflow_provider_azureml.identity.authority import authority_options


def test_the_authority_is_always_explicit_and_an_unlisted_one_is_not_looked_up() -> None:
    assert authority_options(CLOUDS["usgovernment"])["authority"] == "https://login.microsoftonline.us"
    assert "disable_instance_discovery" not in authority_options(CLOUDS["china"])
    own = type(CLOUDS["china"])(*["https://own.example"] * 9)
    assert authority_options(own)["disable_instance_discovery"] is True
