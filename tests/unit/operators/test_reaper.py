# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import inspect

from airflow_provider_azureml.operators.reaper import AzureMLReaperOperator


def test_nothing_is_cancelled_unless_it_is_said() -> None:
    task = AzureMLReaperOperator(task_id="reap")
    assert (task.is_dry_run, task.azureml_conn_id, task.grace) == (True, "azureml_default", 300.0)
    assert not AzureMLReaperOperator(task_id="reap2", dry_run=False).is_dry_run


def test_airflows_own_method_of_that_name_is_still_there() -> None:
    assert callable(AzureMLReaperOperator(task_id="reap").dry_run)


def test_every_template_field_is_an_attribute() -> None:
    task = AzureMLReaperOperator(task_id="reap", azureml_conn_id="{{ var.value.conn }}")
    assert {name: hasattr(task, name) for name in task.template_fields} == {"azureml_conn_id": True}


def test_every_documented_parameter_exists() -> None:
    own = set(inspect.signature(AzureMLReaperOperator.__init__).parameters)
    named = {
        line.split(":")[1][6:]
        for line in (AzureMLReaperOperator.__doc__ or "").splitlines()
        if ":param" in line
    }
    assert named <= own
