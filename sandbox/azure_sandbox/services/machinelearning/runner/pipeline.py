# SPDX-License-Identifier: Apache-2.0
"""Pipelines of command steps: each step a run of its own, started when its inputs are there."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Awaitable, Callable

from azure_sandbox.kernel.clock import iso
from azure_sandbox.services.machinelearning.assets import Assets, default_output_uri
from azure_sandbox.services.machinelearning.records import JobFailure, Json, Run
from azure_sandbox.services.machinelearning.runner.workplace import Workplace

LOG = "logs/azureml/executionlogs.txt"
_BINDING = re.compile(r"\$\{\{\s*parent\.(?:jobs\.([\w-]+)\.)?(inputs|outputs)\.([\w-]+)\s*\}\}")
_LITERALS = frozenset({"string", "number", "integer", "boolean", "literal", "Enum"})


class Pipeline:
    """One pipeline job.

    :param perform: stores a new child, runs it to its end and returns its record
    """

    def __init__(self, place: Workplace, assets: Assets, perform: Callable[[Run], Awaitable[Run]]) -> None:
        self._place = place
        self._run = place.run
        self._assets = assets
        self._perform = perform
        self._steps: dict[str, Json] = self._run.body["jobs"]
        self._needs = {name: _needs(step) for name, step in self._steps.items()}
        self._children: dict[str, Run] = {}

    async def perform(self) -> None:
        """:raises JobFailure: where a step fails, or the steps cannot be ordered"""
        log = self._place.log(LOG)
        self._check_order()
        self._place.advance("Running")
        self._place.started(0)
        waiting = set(self._steps)
        running: dict[asyncio.Future[Run], str] = {}
        failed: list[str] = []
        try:
            while waiting or running:
                for name in sorted(self._startable(waiting)) if not failed else ():
                    waiting.discard(name)
                    child = self._child(name)
                    running[asyncio.ensure_future(self._perform(child))] = name
                    log.write(f"[{iso(self._now())}] Submitting 1 runs, first run: {name} ({child.name}).")
                if not running:
                    break
                done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    name, child = running.pop(task), task.result()
                    self._children[name] = child
                    log.write(f"[{iso(self._now())}] Run {name} ({child.name}) ended {child.status}.")
                    failed += [name] if child.status != "Completed" else []
        finally:
            # A cancelled pipeline has ended when its steps have; the supervisor ends those.
            if running:
                await asyncio.wait(running)
        if failed:
            raise self._failure(failed[0])

    def _now(self) -> float:
        return self._place.cloud.clock.time()

    def _check_order(self) -> None:
        settled: set[str] = set()
        while len(settled) < len(self._steps):
            fresh = {name for name, needs in self._needs.items() if name not in settled and needs <= settled}
            if not fresh:
                stuck = ", ".join(sorted(set(self._steps) - settled))
                raise JobFailure(f"The steps {stuck} wait for each other or for a step that does not exist.")
            settled |= fresh

    def _startable(self, waiting: set[str]) -> list[str]:
        return [name for name in waiting if self._needs[name] <= self._children.keys()]

    def _failure(self, name: str) -> JobFailure:
        child = self._children[name]
        error = (child.error or {}).get("error") or {}
        reason = error.get("message") or f"it ended {child.status}"
        return JobFailure(
            f"Pipeline has failed child jobs. Failed nodes: /{name}. {reason}", inner="ChildRunFailed"
        )

    def _child(self, name: str) -> Run:
        step, guid = self._steps[name], str(uuid.uuid4())
        spec = self._specification(step)
        outputs = self._outputs(guid, step, spec)
        body: Json = {
            "jobType": "Command",
            "command": spec["command"],
            "codeId": spec.get("code"),
            "environmentId": step.get("environment") or spec.get("environment"),
            "computeId": step.get("computeId"),
            "inputs": self._inputs(step, spec),
            "outputs": {key: {"jobOutputType": kind, "uri": uri} for key, (kind, uri) in outputs.items()},
            "environmentVariables": _variables(step, spec),
            "limits": step.get("limits"),
            "identity": step.get("identity"),
        }
        child = Run(
            name=guid,
            workspace=self._run.workspace,
            kind="child",
            experiment=self._run.experiment,
            body={key: value for key, value in body.items() if value is not None},
            created=self._now(),
            created_by=self._run.created_by,
            display_name=str(step.get("display_name") or name),
            parent=self._run.name,
            root=self._run.root or self._run.name,
        )
        child.run_identity = self._run.step_identities[name]
        child.outputs = {key: uri for key, (_, uri) in outputs.items()}
        child.properties = {"azureml.pipelinerunid": self._run.name, "azureml.moduleName": name}
        return child

    def _specification(self, step: Json) -> Json:
        entry = self._assets.reference(self._place.workspace, "components", step["componentId"])
        spec = entry["properties"]["componentSpec"] if entry else {}
        if spec.get("type", "command") != "command" or not spec.get("command"):
            raise JobFailure(f"Component {step['componentId']} is not a command component.")
        return dict(spec)

    def _inputs(self, step: Json, spec: Json) -> Json:
        found: Json = {}
        given = step.get("inputs") or {}
        for name, declared in (spec.get("inputs") or {}).items():
            binding = given.get(name)
            if binding is None and declared.get("default") is not None:
                binding = {"job_input_type": "literal", "value": str(declared["default"])}
            if binding is not None:
                found[name] = self._input(binding, str(declared.get("type") or "string"))
            elif not declared.get("optional"):
                raise JobFailure(f"The required input {name} of a step has no value.")
        return found

    def _input(self, binding: Json, declared: str) -> Json:
        """A binding of a step as a command job's input; its type is the component's word."""
        value = binding.get("value") if binding.get("value") is not None else binding.get("uri")
        reference = _BINDING.fullmatch(str(value))
        if reference:
            value = self._referenced(*reference.groups())
        if declared in _LITERALS:
            return {"jobInputType": "literal", "value": str(value)}
        return {"jobInputType": declared, "uri": str(value), "mode": binding.get("mode")}

    def _referenced(self, step: str | None, group: str, name: str) -> str:
        if step and group == "outputs":
            return self._children[step].outputs[name]
        binding = (self._run.body.get("inputs") or {}).get(name)
        if binding is None:
            raise JobFailure(f"The pipeline has no input {name}, which a step refers to.")
        return str(binding.get("value") if binding.get("value") is not None else binding.get("uri"))

    def _outputs(self, guid: str, step: Json, spec: Json) -> dict[str, tuple[str, str]]:
        given = step.get("outputs") or {}
        found = {}
        for name, declared in (spec.get("outputs") or {}).items():
            binding = given.get(name) or {}
            reference = _BINDING.fullmatch(str(binding.get("value") or ""))
            uri = str(binding.get("uri") or default_output_uri(guid, name))
            if reference:
                uri = self._run.outputs.get(reference[3], uri)
            kind = str(binding.get("job_output_type") or declared.get("type") or "uri_folder")
            found[name] = (kind if kind != "literal" else "uri_folder", uri)
        return found


def _needs(step: Json) -> set[str]:
    values = [str((binding or {}).get("value") or "") for binding in (step.get("inputs") or {}).values()]
    found = (_BINDING.fullmatch(value) for value in values)
    return {reference[1] for reference in found if reference and reference[1]}


def _variables(step: Json, spec: Json) -> Json:
    given = step.get("environment_variables") or step.get("environmentVariables") or {}
    return {**(spec.get("environment_variables") or {}), **given}
