# SPDX-License-Identifier: Apache-2.0
"""Spark jobs (`type: spark`; CLI v2 schema sparkJob), with checks that the service makes minutes later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_azureml.spec.base import code, shared_body
from airflow_provider_azureml.spec.binding import check_uses
from airflow_provider_azureml.spec.compiled import Compiled
from airflow_provider_azureml.spec.document import Document
from airflow_provider_azureml.spec.environment import environment
from airflow_provider_azureml.spec.field import Fields, compact, suggestion

INSTANCE_TYPES = {f"standard_e{size}s_v3": f"standard_e{size}s_v3" for size in (4, 8, 16, 32, 64)}
CONF_NAMES = {
    "driver_cores": "spark.driver.cores",
    "driver_memory": "spark.driver.memory",
    "executor_cores": "spark.executor.cores",
    "executor_memory": "spark.executor.memory",
    "executor_instances": "spark.executor.instances",
    "dynamic_allocation_enabled": "spark.dynamicAllocation.enabled",
    "dynamic_allocation_min_executors": "spark.dynamicAllocation.minExecutors",
    "dynamic_allocation_max_executors": "spark.dynamicAllocation.maxExecutors",
}
REQUIRED_CONF = tuple(list(CONF_NAMES.values())[:4])
LISTS = {"pyFiles": "py_files", "jars": "jars", "files": "files", "archives": "archives"}


def compile_spark(fields: Fields, document: Document, workspace_id: str) -> Compiled:
    """The body of a Spark job.

    :raises ConfigurationError: a field is unknown, missing or malformed.
    """
    body = shared_body(fields, document, workspace_id)
    _check_direct(fields, body)
    code_id, code_path = code(fields, document, workspace_id)
    if code_id is None and code_path is None:
        raise fields.error("code", "is missing.", "Name the folder that holds the entry file.")
    environment_id, definition = environment(fields, document, workspace_id)
    args = fields.text("args")
    check_uses(fields, "args", args or "", {"inputs": body["inputs"], "outputs": body["outputs"]})
    body |= {
        "jobType": "Spark",
        "codeId": code_id,
        "environmentId": environment_id,
        "entry": fields.nested("entry", lambda inner: _entry(inner, code_path)),
        "args": args,
        "conf": _conf(fields),
        "resources": fields.nested("resources", _resources),
        **{rest: fields.text_list(name) for rest, name in LISTS.items()},
    }
    if body["entry"] is None:
        raise fields.error("entry", "is missing.", "Write entry: {file: main.py}.")
    if body["identity"] is None and body["resources"] is not None:
        # What azure-ai-ml sends for serverless Spark: its default is the user, and it says so.
        body["identity"] = {"identityType": "UserIdentity"}
    if (body["computeId"] is None) == (body["resources"] is None):
        mend = "Give exactly one of 'resources' (serverless Spark) and 'compute' (attached Spark)."
        raise fields.error("resources", "and 'compute' are both given, or both missing.", mend)
    fields.close()
    return Compiled(compact(body), code_path, definition)


def _check_direct(fields: Fields, body: Mapping[str, Any]) -> None:
    for group in ("inputs", "outputs"):
        for key, value in body[group].items():
            if value.get("jobInputType") != "literal" and value.get("mode") != "Direct":
                mend = f"Write 'mode: direct' on '{key}': Spark reads and writes URIs, not mounts."
                raise fields.error(group, f"holds '{key}', which is not direct.", mend)


def _entry(fields: Fields, code_path: Any) -> dict[str, Any]:
    fields.refuse({"class_name": ("is refused by Azure ML for standalone jobs.", "Name a Python 'file'.")})
    file = fields.required_text("file")
    if code_path is not None and not (code_path / file).is_file():
        raise fields.error("file", f"'{file}' is not in the code folder '{code_path}'.", "Correct it.")
    return {"file": file, "sparkJobEntryType": "SparkJobPythonEntry"}


def _conf(fields: Fields) -> dict[str, str]:
    conf = {CONF_NAMES.get(name, name): value for name, value in fields.texts("conf").items()}
    inner = Fields(f"{fields.where}: conf", conf)
    for name in conf:
        if not name.startswith(("spark.", "hive.")):
            raise inner.error(
                name, "is no Spark setting.", suggestion(name, CONF_NAMES).strip() or "Remove it."
            )
    for name in REQUIRED_CONF:
        if name not in conf:
            raise inner.error(name, "is missing.", "Add it: '2' for cores, '2g' for memory.")
    return _checked_allocation(inner, conf)


def _checked_allocation(fields: Fields, conf: dict[str, str]) -> dict[str, str]:
    """Executors: a fixed number, or a range that dynamic allocation works in."""
    low, high = (f"spark.dynamicAllocation.{bound}Executors" for bound in ("min", "max"))
    enabled = conf.get("spark.dynamicAllocation.enabled", "false").lower() == "true"
    if not enabled:
        if "spark.executor.instances" not in conf:
            raise fields.error(
                "spark.executor.instances", "is missing.", "Add it, or enable dynamic allocation."
            )
        if low in conf or high in conf:
            raise fields.error(low, f"and {high} need dynamic allocation.", "Enable it, or remove them.")
        return {name: value for name, value in conf.items() if name != "spark.dynamicAllocation.enabled"}
    bounds = [_number(fields, conf, name) for name in (low, high)]
    if not 0 < bounds[0] <= bounds[1]:
        raise fields.error(low, f"is {bounds[0]}.", f"Write a number above 0 and not above {high}.")
    if "spark.executor.instances" in conf:
        instances = _number(fields, conf, "spark.executor.instances")
        if not bounds[0] <= instances <= bounds[1]:
            raise fields.error(
                "spark.executor.instances", f"is {instances}.", f"Keep it within {low} and {high}."
            )
    # azure-ai-ml starts with the smallest number, and says so in the body.
    return {"spark.executor.instances": conf[low], **conf, "spark.dynamicAllocation.enabled": "True"}


def _number(fields: Fields, conf: Mapping[str, str], name: str) -> int:
    value = conf.get(name, "")
    if not value.isdigit():
        raise fields.error(name, f"'{value}' is no whole number.", "Dynamic allocation needs one.")
    return int(value)


def _resources(fields: Fields) -> dict[str, Any]:
    instance_type = fields.required_text("instance_type")
    fields.choice("instance_type", INSTANCE_TYPES)
    return {"instanceType": instance_type, "runtimeVersion": _runtime_version(fields)}


def _runtime_version(fields: Fields) -> str:
    value = fields.raw("runtime_version")
    if isinstance(value, float):  # the documented examples write it without quotes
        return str(value)
    return fields.required_text("runtime_version")
