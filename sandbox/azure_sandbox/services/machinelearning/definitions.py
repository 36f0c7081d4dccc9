# SPDX-License-Identifier: Apache-2.0
"""The shape of a job's body, checked before anything is stored; and what may change later."""

from __future__ import annotations

import re
from typing import Any

from azure_sandbox.kernel.errors import AzureError
from azure_sandbox.services.machinelearning.records import Json, user_error

#: The path rule of the REST specification.
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9\-_]{0,254}")
_EXPERIMENT = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9\-_]{0,255}")
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")

OUTPUT_TYPES = frozenset(
    {"uri_file", "uri_folder", "mltable", "custom_model", "mlflow_model", "triton_model"}
)
INPUT_TYPES = OUTPUT_TYPES | {"literal"}
MUTABLE = frozenset({"description", "tags", "displayName", "properties", "isArchived"})
_READ_ONLY = frozenset({"status", "services", "parameters"})
_BINDINGS = {"inputs": "InputBindings", "outputs": "OutputBindings"}


def check_name(name: str) -> None:
    """:raises AzureError: 400 for a name that breaks Azure's rule"""
    if not _NAME.fullmatch(name):
        raise user_error(
            f"The job name '{name}' is not valid. Names start with a letter or digit and hold up to 255 "
            "letters, digits, '-' and '_'.",
            parameters={"name": name},
        )


def job_properties(document: Json) -> Json:
    """The ``properties`` of a PUT, of the right shape.

    :raises AzureError: 400 naming the field
    """
    body = document.get("properties")
    if not isinstance(body, dict):
        raise _invalid("properties", "is required and is an object")
    check = _CHECKS.get(str(body.get("jobType")))
    if check is None:
        known = ", ".join(_CHECKS)
        raise user_error(
            f"Job type '{body.get('jobType')}' is not supported by this sandbox; it runs {known}.",
            inner=("BadArgument", "UnsupportedJobType"),
        )
    _check_common(body)
    check(body)
    return body


def _check_common(body: Json) -> None:
    for field in ("inputs", "outputs", "environmentVariables", "properties", "tags", "identity", "limits"):
        if body.get(field) is not None and not isinstance(body[field], dict):
            raise _invalid(field, "is an object")
    for field in ("environmentVariables", "properties", "tags"):
        _check_text_values(field, body.get(field) or {})
    for field in ("experimentName", "displayName", "description", "computeId", "codeId", "environmentId"):
        if body.get(field) is not None and not isinstance(body[field], str):
            raise _invalid(field, "is text")
    _check_experiment(body.get("experimentName"))
    _check_bindings("inputs", body, "jobInputType", INPUT_TYPES)
    _check_bindings("outputs", body, "jobOutputType", OUTPUT_TYPES)
    timeout_seconds(body)


def _check_experiment(name: str | None) -> None:
    # Unset, the job is filed under "Default".
    if name and not _EXPERIMENT.fullmatch(name):
        raise user_error(
            "Experiment name must be 1-256 characters, start with a letter or a number, and can only contain "
            "letters, numbers, underscores, and dashes.",
            parameters={"experimentName": name},
        )


def _check_text_values(field: str, values: Json) -> None:
    for key, value in values.items():
        if value is not None and not isinstance(value, str):
            raise _invalid(f"{field}.{key}", "is text")


def _check_bindings(field: str, body: Json, type_key: str, known: frozenset[str]) -> None:
    for name, binding in (body.get(field) or {}).items():
        if binding is None:
            continue
        kind = binding.get(type_key) if isinstance(binding, dict) else None
        if kind not in known:
            raise _invalid(f"{field}.{name}.{type_key}", f"is one of {', '.join(sorted(known))}")
        if field == "inputs":
            _check_input(name, binding)
        elif binding.get("uri") is not None and not isinstance(binding["uri"], str):
            raise _invalid(f"outputs.{name}.uri", "is text")


def _check_input(name: str, binding: Json) -> None:
    key = "value" if binding["jobInputType"] == "literal" else "uri"
    if not isinstance(binding.get(key), str) or (key == "uri" and not binding[key]):
        raise _invalid(f"inputs.{name}.{key}", "is required and is text")


def _check_command(body: Json) -> None:
    _require_text(body, "command")
    _require_text(body, "environmentId")


def _check_spark(body: Json) -> None:
    _require_text(body, "codeId")
    entry = body.get("entry")
    if not isinstance(entry, dict) or not isinstance(entry.get("file"), str):
        raise _invalid("entry.file", "is required: this sandbox runs SparkJobPythonEntry")
    if body.get("computeId") and body.get("resources"):
        raise user_error("Only one of computeId and resources can be given for a Spark job.")
    conf = body.get("conf") or {}
    if not isinstance(conf, dict):
        raise _invalid("conf", "is an object")
    for field in ("pyFiles", "jars", "files", "archives"):
        listed = body.get(field) or []
        if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
            raise _invalid(field, "is a list of text")


def _check_pipeline(body: Json) -> None:
    steps = body.get("jobs")
    if not isinstance(steps, dict) or not steps:
        raise _invalid("jobs", "is required and holds at least one step")
    for name, step in steps.items():
        if not isinstance(step, dict) or step.get("type") != "command":
            raise user_error(
                f"Step '{name}' is not a command step; this sandbox runs pipelines of command steps.",
                inner=("BadArgument", "UnsupportedStepType"),
            )
        _require_text(step, "componentId", f"jobs.{name}.")
        _check_step(f"jobs.{name}.", step)


def _check_step(where: str, step: Json) -> None:
    for field in ("inputs", "outputs", "identity", "limits", "environment_variables", "environmentVariables"):
        if step.get(field) is not None and not isinstance(step[field], dict):
            raise _invalid(where + field, "is an object")
    for field in ("inputs", "outputs"):
        if not all(isinstance(item, dict) for item in (step.get(field) or {}).values()):
            raise _invalid(where + field, "is an object of objects")
    for field in ("environment", "computeId"):
        if step.get(field) is not None and not isinstance(step[field], str):
            raise _invalid(where + field, "is text")
    timeout_seconds(step)


_CHECKS = {"Command": _check_command, "Spark": _check_spark, "Pipeline": _check_pipeline}


def _require_text(body: Json, field: str, where: str = "") -> None:
    if not isinstance(body.get(field), str) or not body[field].strip():
        raise _invalid(where + field, "is required and is text")


def _invalid(field: str, rule: str) -> AzureError:
    return user_error(
        f"The request is invalid. The field '{field}' {rule}.",
        inner=("BadArgument", "ArgumentInvalid"),
        parameters={"argumentName": field},
    )


def timeout_seconds(body: Json) -> float | None:
    """``limits.timeout`` (ISO 8601 duration) in seconds; None where there is no limit.

    :raises AzureError: 400 where it is not a duration
    """
    text = (body.get("limits") or {}).get("timeout")
    if text is None:
        return None
    found = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if found is None or not any(found.groups()):
        raise _invalid("limits.timeout", "is an ISO 8601 duration such as PT30M")
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return days * 86_400 + hours * 3_600 + minutes * 60 + seconds


def check_immutable(stored: Json, sent: Json) -> None:
    """Only description, tags, displayName, properties and isArchived may differ from the stored body.

    :raises AzureError: 400 in Azure's words, JobPropertyImmutable
    """
    before, after = _settled(stored), _settled(sent)
    changed = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
    if not changed:
        return
    names = [_BINDINGS.get(key) or key[:1].upper() + key[1:] for key in changed]
    raise user_error(
        "A job with this name already exists. If you are trying to create a new job, use a different name. "
        f"If you are trying to update an existing job, the existing job's {',  '.join(names)} cannot be "
        "changed. Only description, tags, displayName, properties, and isArchived can be updated.",
        inner=("Immutable", "JobPropertyImmutable"),
        parameters={"property": ",".join(f" {name}" for name in names)},
    )


def _settled(body: Json) -> Json:
    kept = {key: value for key, value in body.items() if key not in MUTABLE | _READ_ONLY}
    outputs = {key: value for key, value in (kept.get("outputs") or {}).items() if key != "default"}
    bare: Json = _without_nothing({**kept, "outputs": outputs})
    return bare


def _without_nothing(value: Any) -> Any:
    """Null, empty text and empty containers count as absent: clients differ in what they send."""
    if isinstance(value, dict):
        return {
            k: v
            for k, v in ((k, _without_nothing(v)) for k, v in value.items())
            if v not in (None, "", {}, [])
        }
    if isinstance(value, list):
        return [_without_nothing(item) for item in value]
    return value
