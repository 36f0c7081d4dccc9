# SPDX-License-Identifier: Apache-2.0
"""The comparison of a job's model with the champion, and its registration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_azureml.errors import AzureMLError, ConfigurationError, ServiceError
from airflow_provider_azureml.rest import asset, run_history
from airflow_provider_azureml.rest import job as job_flows
from airflow_provider_azureml.rest.asset import Model
from airflow_provider_azureml.rest.job import COMPLETED

if TYPE_CHECKING:
    from airflow_provider_azureml.operators.model import AzureMLRegisterModelOperator

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


class Contest:
    """One model against the champion.

    :param task: the operator, for its arguments.
    """

    def __init__(self, task: AzureMLRegisterModelOperator) -> None:
        self.task = task
        self.hook = task.hook
        self.log = task.log

    def run(self) -> dict[str, Any]:
        """Compare, and register what is better."""
        self._check_choices()
        job_name = self._job_name()
        value = self._value(job_name)
        models = self.hook.run(asset.list_models(self.hook.workspace, self.task.model))
        rivals = [model for model in models if model.properties.get(SOURCE_JOB) != job_name]
        own = next((model for model in models if model.properties.get(SOURCE_JOB) == job_name), None)
        champion = champion_of(rivals, self.task.metric)
        if own is None and self._beats(value, champion):
            own = self._register(job_name, value, asset.next_version(models))
        verdict = Verdict(
            name=self.task.model,
            version=own.version if own else champion.version if champion else "",
            registered=own is not None,
            metric=self.task.metric,
            value=value,
            champion=champion,
        )
        self.log.info("%s", verdict.sentence())
        return asdict(verdict)

    def _job_name(self) -> str:
        name = self.task.job.get("name") if isinstance(self.task.job, Mapping) else self.task.job
        if not isinstance(name, str) or not name.strip() or name == "None":
            mend = "Pass the output of the task that ran the job: job=train.output."
            raise ConfigurationError("job", f"is {name!r}, which names no job.", mend)
        return name

    def _check_choices(self) -> None:
        for name, choices in (("goal", GOALS), ("model_type", MODEL_TYPES)):
            value = getattr(self.task, name)
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
        if self.task.metric not in metrics:
            logged = ", ".join(sorted(metrics)) or "none"
            problem = f"'{self.task.metric}' is not among the metrics of {job_name}."
            raise ConfigurationError("metric", problem, f"It logged: {logged}.")
        return metrics[self.task.metric]

    def _beats(self, value: float, champion: Champion | None) -> bool:
        if champion is None:
            return True
        return value > champion.value if self.task.goal == "maximize" else value < champion.value

    def _register(self, job_name: str, value: float, version: str) -> Model:
        """A new version. When another task takes the number first, this task is retried by Airflow."""
        flow = asset.put_model(
            self.hook.workspace,
            self.task.model,
            version,
            f"azureml://jobs/{job_name}/outputs/{self.task.job_output}",
            self.task.model_type,
            description=f"From job {job_name}, output {self.task.job_output}",
            tags={self.task.metric: repr(value)},
            properties={SOURCE_JOB: job_name},
        )
        try:
            return self.hook.run(flow)
        except ServiceError as error:
            if error.status != 409:
                raise
            raise AzureMLError(
                f"Version {version} of {self.task.model} appeared meanwhile: {error}"
            ) from error
