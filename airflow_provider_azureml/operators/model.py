# SPDX-License-Identifier: Apache-2.0
"""Registering a model only when it beats the one that is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from airflow_provider_azureml.errors import AzureMLError, ConfigurationError, ServiceError
from airflow_provider_azureml.operators.base import AzureMLBaseOperator
from airflow_provider_azureml.rest import asset, run_history
from airflow_provider_azureml.rest import job as job_flows
from airflow_provider_azureml.rest.asset import Model
from airflow_provider_azureml.rest.job import COMPLETED

SOURCE_JOB = "airflow.job"
"""Property of a model version: the job that made it. A retry finds its own version by it."""
GOALS = ("maximize", "minimize")
MODEL_TYPES = ("custom_model", "mlflow_model", "triton_model")


@dataclass(frozen=True)
class Champion:
    """The version to beat."""

    version: str
    value: float
    job: str = ""


@dataclass(frozen=True)
class Verdict:
    """What the comparison came to; the task's result."""

    name: str
    version: str
    registered: bool
    metric: str
    value: float
    champion: Champion | None

    def sentence(self) -> str:
        """The verdict for a person."""
        value = f"{self.metric} = {self.value:g}"
        if self.champion is None:
            return f"Registered {self.name} version {self.version}: {value}, and there was no champion."
        rival = f"version {self.champion.version} with {self.champion.value:g}"
        if self.registered:
            return f"Registered {self.name} version {self.version}: {value} beats {rival}."
        return f"Kept the champion of {self.name}, {rival}: {value} does not beat it."


def champion_of(models: Sequence[Model], metric: str) -> Champion | None:
    """The newest version that carries the metric, as a tag or as a property.

    :param models: newest first.
    """
    for model in models:
        value = _number(model.tags.get(metric) or model.properties.get(metric))
        if value is not None:
            return Champion(model.version, value, model.properties.get(SOURCE_JOB, ""))
    return None


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None


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
        self._check_choices()
        job_name = self._job_name()
        value = self._value(job_name)
        models = self.hook.run(asset.list_models(self.hook.workspace, self.model))
        rivals = [model for model in models if model.properties.get(SOURCE_JOB) != job_name]
        own = next((model for model in models if model.properties.get(SOURCE_JOB) == job_name), None)
        champion = champion_of(rivals, self.metric)
        if own is None and self._beats(value, champion):
            own = self._register(job_name, value, asset.next_version(models))
        verdict = Verdict(
            name=self.model,
            version=own.version if own else champion.version if champion else "",
            registered=own is not None,
            metric=self.metric,
            value=value,
            champion=champion,
        )
        self.log.info("%s", verdict.sentence())
        return asdict(verdict)

    def _job_name(self) -> str:
        name = self.job.get("name") if isinstance(self.job, Mapping) else self.job
        if not isinstance(name, str) or not name.strip() or name == "None":
            mend = "Pass the output of the task that ran the job: job=train.output."
            raise ConfigurationError("job", f"is {name!r}, which names no job.", mend)
        return name

    def _check_choices(self) -> None:
        for name, choices in (("goal", GOALS), ("model_type", MODEL_TYPES)):
            value = getattr(self, name)
            if value not in choices:
                mend = f"Choose one of: {', '.join(choices)}."
                raise ConfigurationError(name, f"'{value}' is unknown.", mend)

    def _value(self, job_name: str) -> float:
        """The metric of the job; raises when the job did not complete, or logged no such metric."""
        job = self.hook.run(job_flows.get(self.hook.workspace, job_name))
        if job.status != COMPLETED:
            problem = f"'{job_name}' is {job.status}."
            raise ConfigurationError("job", problem, "Register only what a completed job made.")
        metrics = self.hook.run(run_history.metrics(self.hook.workspace, job_name))
        if self.metric not in metrics:
            logged = ", ".join(sorted(metrics)) or "none"
            problem = f"'{self.metric}' is not among the metrics of {job_name}."
            raise ConfigurationError("metric", problem, f"It logged: {logged}.")
        return metrics[self.metric]

    def _beats(self, value: float, champion: Champion | None) -> bool:
        if champion is None:
            return True
        return value > champion.value if self.goal == "maximize" else value < champion.value

    def _register(self, job_name: str, value: float, version: str) -> Model:
        """A new version. When another task takes the number first, this task is retried by Airflow."""
        flow = asset.put_model(
            self.hook.workspace,
            self.model,
            version,
            f"azureml://jobs/{job_name}/outputs/{self.job_output}",
            self.model_type,
            description=f"From job {job_name}, output {self.job_output}",
            tags={self.metric: repr(value)},
            properties={SOURCE_JOB: job_name},
        )
        try:
            return self.hook.run(flow)
        except ServiceError as error:
            if error.status != 409:
                raise
            raise AzureMLError(f"Version {version} of {self.model} appeared meanwhile: {error}") from error
