# SPDX-License-Identifier: Apache-2.0
"""MLflow's records: runs, experiments, metrics, parameters, tags."""

from __future__ import annotations

import math
import re
import uuid
from typing import Any

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.errors import AzureError, bad_request, not_found
from azure_sandbox.services.machinelearning.effects import JobEffects, changeable
from azure_sandbox.services.machinelearning.records import Json, Run, Workspace
from azure_sandbox.services.machinelearning.runs import Metric, Runs, experiment_id

_STATES = {"RUNNING": "Running", "SCHEDULED": "NotStarted", "FINISHED": "Completed"} | {
    "FAILED": "Failed",
    "KILLED": "Canceled",
}
_CONDITION = re.compile(
    r"\s*(?:(attributes?|metrics?|params?|parameters?|tags?)\.)?"
    r"([\w.\-/]+|`[^`]+`|\"[^\"]+\")\s*(=|!=|>=|<=|>|<)\s*('[^']*'|\"[^\"]*\"|[-+.\w]+)\s*",
    re.IGNORECASE,
)
_NUMBERS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class Tracking:
    """Metrics and the runs of MLflow in all workspaces of one cloud."""

    def __init__(self, cloud: Cloud, runs: Runs, effects: JobEffects) -> None:
        self._cloud = cloud
        self._runs = runs
        self._effects = effects
        self._experiments = cloud.store.collection("machinelearning.experiment")

    def run(self, workspace: Workspace, name: object) -> Run:
        """:raises AzureError: 404, or 400 without a run id"""
        if not isinstance(name, str) or not name:
            raise bad_request("UserError", "Missing value for required parameter 'run_id'.")
        run = self._runs.get(workspace.guid, name)
        if run is None:
            raise not_found("UserError", f"Run {name} was not found")
        return run

    def create_run(self, workspace: Workspace, document: Json, author: str, within: str = "") -> Run:
        """A run beside the jobs, for example from a notebook.

        :param within: the job whose run token asks; what it makes is its child
        """
        tags = _pairs(document.get("tags"))
        parent = tags.pop("mlflow.parentRunId", "") or within
        name = str(uuid.uuid4())
        above = self._runs.get(workspace.guid, parent) if parent else None
        run = Run(
            name=name,
            workspace=workspace.guid,
            kind="run",
            experiment=self.experiment_name(workspace, str(document.get("experiment_id") or "")),
            body={},
            created=self._cloud.clock.time(),
            created_by=author,
            status="Running",
            display_name=str(document.get("run_name") or tags.get("mlflow.runName") or name),
            tags=tags,
            parent=parent,
            root=above.root if above else name,
        )
        run.started = run.created
        self._runs.insert(run)
        return run

    def update_run(self, run: Run, document: Json) -> Run:
        """Status, end time or name of a run that no job owns; a job's status is the platform's."""
        before = changeable(run)
        run.display_name = str(document.get("run_name") or run.display_name)
        status = _STATES.get(str(document.get("status")))
        if status and run.kind == "run":
            run.status = status
            end = document.get("end_time")
            ended = _whole("end_time", end) / 1000 if end else self._cloud.clock.time()
            run.ended = ended if run.over else None
        self._save(run, before)
        return run

    def log_batch(self, run: Run, document: Json) -> None:
        """Metrics, parameters and tags, all or nothing.

        :raises AzureError: 400 for an entry of the wrong shape or a parameter that has another value
        """
        metrics = [self._metric(entry) for entry in _entries(document, "metrics")]
        parameters = _pairs(document.get("params"))
        for key, value in parameters.items():
            if run.parameters.get(key, value) != value:
                raise bad_request(
                    "UserError",
                    f"Changing param values is not allowed. Param with key='{key}' was already logged with "
                    f"value='{run.parameters[key]}' for run ID='{run.name}'. Attempted logging new value '{value}'.",
                )
        for metric in metrics:
            self._runs.log_metric(run, metric)
        before = changeable(run)
        run.parameters |= parameters
        run.tags |= _pairs(document.get("tags"))
        self._save(run, before)

    def delete_tag(self, run: Run, key: str) -> None:
        before = changeable(run)
        run.tags.pop(key, None)
        self._save(run, before)

    def metrics(self, run: Run) -> list[Metric]:
        return self._runs.latest_metrics(run)

    def history(self, run: Run, key: str) -> list[Metric]:
        return self._runs.metric_history(run, key)

    def search(self, workspace: Workspace, document: Json) -> list[Run]:
        """Newest runs of some experiments that match MLflow's filter language (``and`` only).

        :raises AzureError: 400 for a filter that is not understood
        """
        listed = document.get("experiment_ids") or []
        wanted = {str(identifier) for identifier in listed} if isinstance(listed, list) else set()
        conditions = _conditions(str(document.get("filter") or ""))
        limit = _whole("max_results", document.get("max_results") or 1000)
        found: list[Run] = []
        for run in self._runs.newest(workspace.guid):
            if experiment_id(workspace.guid, run.experiment) not in wanted:
                continue
            if all(self._holds(run, *condition) for condition in conditions):
                found.append(run)
            if len(found) == limit:
                break
        return found

    def experiments(self, workspace: Workspace) -> list[str]:
        stored = [entry["name"] for entry in self._experiments.values(f"{workspace.guid}/")]
        return sorted({"Default", *stored, *self._runs.experiments(workspace.guid)})

    def create_experiment(self, workspace: Workspace, name: str) -> str:
        """The id of a new experiment.

        :raises AzureError: 409 where it exists, 400 without a name
        """
        if not name:
            raise bad_request("UserError", "Missing value for required parameter 'name'.")
        if name in self.experiments(workspace):
            raise AzureError(409, "UserError", f"Experiment '{name}' already exists.")
        identifier = experiment_id(workspace.guid, name)
        self._experiments.put(f"{workspace.guid}/{identifier}", {"name": name})
        return identifier

    def experiment_name(self, workspace: Workspace, identifier: str) -> str:
        """:raises AzureError: 404"""
        for name in self.experiments(workspace):
            if experiment_id(workspace.guid, name) == identifier:
                return name
        raise not_found("UserError", f"No Experiment with id={identifier} exists")

    def _save(self, run: Run, before: Json) -> None:
        with self._cloud.store.transaction():
            self._runs.save(run)
            self._effects.updated(run, before)

    def _metric(self, entry: Json) -> Metric:
        value = entry.get("value")
        try:
            number = _NUMBERS.get(value) if isinstance(value, str) else None
            number = number if number is not None else float(value or "nothing")
        except (TypeError, ValueError):
            raise bad_request(
                "UserError", f"Invalid metric {entry.get('key')!r}: value is a number."
            ) from None
        timestamp = _whole("timestamp", entry.get("timestamp") or self._cloud.clock.time() * 1000)
        step = _whole("step", entry.get("step") or 0)
        if not isinstance(entry.get("key"), str) or not entry["key"]:
            raise bad_request("UserError", "Missing value for required parameter 'key'.")
        # SQLite has no NaN: it is kept as NULL, and spelled out again on the wire.
        return {
            "key": entry["key"],
            "value": None if math.isnan(number) else number,
            "timestamp": timestamp,
            "step": step,
        }

    def _holds(self, run: Run, group: str, key: str, operator: str, wanted: str) -> bool:
        actual = self._attribute(run, group, key)
        if actual is None:
            return False
        if group.startswith("metric"):
            return _compare(float(actual), operator, _real(wanted))
        return _compare(str(actual), operator, wanted)

    def _attribute(self, run: Run, group: str, key: str) -> Any:
        if group.startswith("metric"):
            latest = {metric["key"]: metric["value"] for metric in self.metrics(run)}
            return latest.get(key)
        if group.startswith("param"):
            return run.parameters.get(key)
        if group.startswith("tag"):
            return {"mlflow.runName": run.display_name, **run.tags}.get(key)
        states = {ours: theirs for theirs, ours in _STATES.items()}
        attributes = {
            "run_id": run.name,
            "run_name": run.display_name,
            "status": states.get(run.status, "RUNNING"),
        }
        return attributes.get(key)


def _compare(actual: Any, operator: str, wanted: Any) -> bool:
    held: dict[str, bool] = {
        "=": actual == wanted,
        "!=": actual != wanted,
        ">": actual > wanted,
        "<": actual < wanted,
        ">=": actual >= wanted,
        "<=": actual <= wanted,
    }
    return held[operator]


def _conditions(text: str) -> list[tuple[str, str, str, str]]:
    conditions = []
    for part in re.split(r"\s+and\s+", text.strip(), flags=re.IGNORECASE) if text.strip() else []:
        found = _CONDITION.fullmatch(part)
        if found is None:
            raise bad_request("UserError", f"Invalid clause in filter string: {part!r}.")
        group, key, operator, value = found.groups()
        conditions.append(((group or "attribute").lower(), key.strip('`"'), operator, value.strip("'\"")))
    return conditions


def _whole(field: str, value: object) -> int:
    """A whole number that the database can hold.

    :raises AzureError: 400
    """
    try:
        number = int(float(value)) if isinstance(value, (str, int, float)) else 1 << 63
    except (ValueError, OverflowError):
        number = 1 << 63
    if not -(1 << 63) < number < 1 << 63:
        raise bad_request("UserError", f"Invalid value for parameter '{field}': a whole number is expected.")
    return number


def _real(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise bad_request("UserError", f"Expected a number to compare a metric with, not {text!r}.") from None


def _entries(document: Json, field: str) -> list[Json]:
    entries = document.get(field) or []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise bad_request(
            "UserError", f"Invalid value for parameter '{field}': a list of objects is expected."
        )
    return entries


def _pairs(entries: object) -> dict[str, str]:
    pairs = _entries({"pairs": entries}, "pairs")
    return {str(entry.get("key")): str(entry.get("value")) for entry in pairs if entry.get("key")}
