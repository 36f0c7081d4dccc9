# SPDX-License-Identifier: Apache-2.0
"""What a DAG author sees of the operator; what it does is in test_rotating.py and tests/wire."""

from __future__ import annotations

import inspect

from airflow_provider_azureml.operators.rotation import AzureMLRotateSecretOperator

REQUIRED = {"task_id": "r", "azureml_conn_id": "aml", "application_id": "a", "secret_name": "s"}


def test_what_people_template_is_templated() -> None:
    fields = set(AzureMLRotateSecretOperator(**REQUIRED).template_fields)
    assert fields == {"azureml_conn_id", "application_id", "vault_url", "secret_name"}


def test_times_are_seconds_and_the_old_secret_lives_for_a_day() -> None:
    made = AzureMLRotateSecretOperator(**REQUIRED)
    assert (made.overlap, made.valid_for, made.poll_interval) == (86400, 90 * 86400, 10)


def test_it_has_few_parameters_of_its_own() -> None:
    assert len(inspect.signature(AzureMLRotateSecretOperator.__init__).parameters) <= 12
