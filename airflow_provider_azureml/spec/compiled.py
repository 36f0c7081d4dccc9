# SPDX-License-Identifier: Apache-2.0
"""What compiling a definition yields: the REST body, and what must be in the workspace before it is sent."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airflow_provider_azureml.spec.document import Document


@dataclass(frozen=True)
class EnvironmentDefinition:
    """An environment written inside a job: an image, and the packages of a conda file (YAML text) on top."""

    image: str
    conda_file: str | None = None


@dataclass(frozen=True)
class Compiled:
    """One job, ready but for what must be uploaded first.

    :param properties: the `properties` of the REST body.
    :param code: the local folder (or file) to upload; its id goes to `codeId`.
    :param environment: the environment to create; its id goes to `environmentId`.
    :param document: the definition, where azure-ai-ml makes the body of it (`spec/sdk.py`).
    """

    properties: Mapping[str, Any]
    code: Path | None = None
    environment: EnvironmentDefinition | None = None
    document: Document | None = None
    kind: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", self.properties["jobType"])

    def body(self, code_id: str | None = None, environment_id: str | None = None) -> dict[str, Any]:
        """The REST body, with the ids of what was uploaded."""
        properties = copy.deepcopy(dict(self.properties))
        if code_id is not None:
            properties["codeId"] = code_id
        if environment_id is not None:
            properties["environmentId"] = environment_id
        return {"properties": properties}


def fingerprint(compiled: Compiled, code_sha256: str = "") -> str:
    """16 hex digits that differ when the definition differs, known before anything is uploaded."""
    environment = compiled.environment and [compiled.environment.image, compiled.environment.conda_file]
    content = [compiled.properties, code_sha256, environment]
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def stamp(body: Mapping[str, Any], owner: Mapping[str, str], fence: Mapping[str, str]) -> dict[str, Any]:
    """The body with its owner on it.

    `owner` becomes properties, which can be read in every list and could be changed. `fence` goes, as
    well, where nothing can change it after the first PUT: the environment variables of a command, the
    conf of a Spark job, an input of a pipeline. A late PUT with another fence is then refused by Azure
    ML ("A job with this name already exists"; azure-docs#122250) instead of rewriting the owner.
    """
    stamped = copy.deepcopy(dict(body))
    properties = stamped["properties"]
    properties["properties"] = {**(properties.get("properties") or {}), **owner, **fence}
    kind = properties["jobType"]
    if kind == "Command":
        _add(properties, "environmentVariables", {_variable(name): value for name, value in fence.items()})
    elif kind == "Spark":
        _add(properties, "conf", {f"spark.{name}": value for name, value in fence.items()})
    elif kind == "Pipeline":
        literal = {"jobInputType": "literal"}
        _add(properties, "inputs", {_variable(name): {"value": v, **literal} for name, v in fence.items()})
    return stamped


def _variable(name: str) -> str:
    return name.upper().replace(".", "_")


def _add(properties: dict[str, Any], field_name: str, values: Mapping[str, Any]) -> None:
    properties[field_name] = {**(properties.get(field_name) or {}), **values}
