# SPDX-License-Identifier: Apache-2.0
"""A job as the steps that touch data: itself, or the steps of a pipeline with what is bound to them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_PARENT = re.compile(r"\$\{\{\s*parent\.(inputs|outputs)\.([\w-]+)\s*\}\}")
_STEP = re.compile(r"\$\{\{\s*parent\.jobs\.")
_LITERALS = frozenset({"literal", "string", "number", "integer", "boolean"})


@dataclass(frozen=True)
class Step:
    """What runs as one identity.

    :param name: empty for a job that is not a pipeline.
    :param inputs: data only, each with `uri` and `mode` as in a REST body.
    """

    name: str
    body: Mapping[str, Any]
    inputs: Mapping[str, Mapping[str, Any]]
    outputs: Mapping[str, Mapping[str, Any]]


def steps_of(properties: Mapping[str, Any]) -> list[Step]:
    """The steps of a job of any kind, by the `properties` of its REST body."""
    if properties.get("jobType") != "Pipeline":
        return [_single(properties)]
    return [
        Step(
            name,
            {"computeId": _default_compute(properties), **body},
            dict(_bound("inputs", body, properties)),
            dict(_bound("outputs", body, properties)),
        )
        for name, body in (properties.get("jobs") or {}).items()
        if isinstance(body, Mapping)
    ]


def _single(properties: Mapping[str, Any]) -> Step:
    trial = properties.get("trial") or {}
    inputs = {name: each for name, each in (properties.get("inputs") or {}).items() if _is_data(each)}
    outputs = {name: each or {} for name, each in (properties.get("outputs") or {}).items()}
    return Step("", {**trial, **properties}, inputs, outputs)


def _default_compute(properties: Mapping[str, Any]) -> str:
    """A pipeline's compute holds for its steps; its identity does not."""
    settings = properties.get("settings") or {}
    return str(properties.get("computeId") or settings.get("default_compute") or "")


def _bound(
    group: str, body: Mapping[str, Any], pipeline: Mapping[str, Any]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """A step's own data, and the pipeline's that is bound to it. What another step wrote is that step's output,
    which a step without a path of its own keeps in the default datastore."""
    for name, binding in (body.get(group) or {}).items():
        text = str((binding or {}).get("value") or (binding or {}).get("path") or "")
        parent = _PARENT.search(text)
        if parent:
            found = (pipeline.get(parent[1]) or {}).get(parent[2])
            if group == "outputs" or _is_data(found):
                yield name, found or {}
        elif _STEP.search(text):
            yield name, {"uri": _of_step(text, pipeline)}
        elif group == "outputs" or _is_data(binding):
            yield name, {"uri": text, **(binding or {})}


def _of_step(text: str, pipeline: Mapping[str, Any]) -> str:
    """Where the step before writes it, when that is the pipeline's own output; else what stands there."""
    found = re.search(r"parent\.jobs\.([\w-]+)\.outputs\.([\w-]+)", text)
    step = (pipeline.get("jobs") or {}).get(found[1], {}) if found else {}
    binding = (step.get("outputs") or {}).get(found[2]) if found else None
    parent = _PARENT.search(str((binding or {}).get("value") or ""))
    declared = (pipeline.get("outputs") or {}).get(parent[2]) if parent else binding
    return str((declared or {}).get("uri") or "")


def _is_data(binding: Any) -> bool:
    if not isinstance(binding, Mapping):
        return False
    kind = str(binding.get("jobInputType") or binding.get("job_input_type") or "uri_folder")
    return kind not in _LITERALS
