# SPDX-License-Identifier: Apache-2.0
"""`access="verify"`: before a job is submitted, whether it would be refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azureml.access.verify import Judged, doubts, refusal, refused
from airflow_provider_azureml.compat import configured
from airflow_provider_azureml.errors import ServiceError
from airflow_provider_azureml.hooks.azureml import AzureMLHook
from airflow_provider_azureml.hooks.verifying import Verifier
from airflow_provider_azureml.spec.compiled import Compiled

if TYPE_CHECKING:
    from airflow_provider_azureml.operators.job import AzureMLRunJobOperator


def verifier(task: AzureMLRunJobOperator) -> Verifier:
    """As the submitter; role assignments are read by the broker, where there is one."""
    broker = configured("azureml", "broker_conn_id")
    return Verifier(task.hook, AzureMLHook(broker) if broker else task.hook)


def verify(task: AzureMLRunJobOperator, compiled: Compiled) -> list[Judged]:
    """Raise ConfigurationError for what certainly would be refused; say in one line what is not certain."""
    own = verifier(task)
    try:
        judged = own.judge(compiled)
    except ServiceError as error:
        task.log.warning("Access could not be verified, so that the job itself will find out: %s", error)
        return []
    denied = refused(judged)
    if denied:
        raise refusal(denied, own.submitter.object_id)
    line = doubts(judged)
    if line:
        task.log.warning("Access is not certain: %s", line)
    else:
        task.log.info("Access is verified: %d needs are met", len(judged))
    return judged
