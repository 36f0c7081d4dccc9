# SPDX-License-Identifier: Apache-2.0
"""Registering a model only when it beats the one that is there (the work stands in `champion.py`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_azureml.operators.base import AzureMLBaseOperator


class AzureMLRegisterModelOperator(AzureMLBaseOperator):
    """Register the model output of a job, if it beats the champion; else keep the champion and say so.

    The champion is the newest version of the model that carries the metric as a tag (or property), as
    every version registered here does. A retry registers nothing twice. The result (XCom) is
    `{"name", "version", "registered", "metric", "value", "champion": {"version", "value", "job"} or None}`,
    where `version` is the champion's when nothing was registered.

    :param azureml_conn_id: the connection to register with.
    :param model: name of the registered model.
    :param job: the job whose output is registered: its name, or the result of an
        AzureMLRunJobOperator (`train.output`).
    :param job_output: name of that job's output.
    :param metric: the MLflow metric to compare.
    :param goal: `maximize`, or `minimize` for an error or a loss.
    :param model_type: `custom_model`, `mlflow_model` or `triton_model`.
    :param access: `explain` (default) appends cause and mend to errors about access; `off` does not.
    """

    template_fields: Sequence[str] = ("azureml_conn_id", "model", "job", "job_output", "metric")
    ui_color = "#e6f2fb"

    def __init__(
        self,
        *,
        azureml_conn_id: str = "azureml_default",
        model: str,
        job: str | Mapping[str, Any],
        job_output: str = "model",
        metric: str,
        goal: str = "maximize",
        model_type: str = "custom_model",
        access: str = "explain",
        **kwargs: Any,
    ) -> None:
        super().__init__(azureml_conn_id=azureml_conn_id, access=access, **kwargs)
        self.model = model
        self.job = job
        self.job_output = job_output
        self.metric = metric
        self.goal = goal
        self.model_type = model_type

    def perform(self, context: Any) -> dict[str, Any]:
        """Compare, and register what is better."""
        from airflow_provider_azureml.operators.champion import Contest

        return Contest(self).run()
