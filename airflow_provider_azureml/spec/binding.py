# SPDX-License-Identifier: Apache-2.0
"""The `inputs` and `outputs` of a job, and the places in commands that refer to them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from airflow_provider_azureml.spec.document import Document
from airflow_provider_azureml.spec.field import Fields, compact, kind_of, suggestion
from airflow_provider_azureml.spec.reference import versioned

ASSETS = {
    name: name
    for name in ("uri_file", "uri_folder", "mltable", "custom_model", "mlflow_model", "triton_model")
}
INPUT_MODES = {
    "ro_mount": "ReadOnlyMount",
    "mount": "ReadOnlyMount",
    "rw_mount": "ReadWriteMount",
    "download": "Download",
    "direct": "Direct",
    "eval_mount": "EvalMount",
    "eval_download": "EvalDownload",
}
OUTPUT_MODES = {
    "rw_mount": "ReadWriteMount",
    "mount": "ReadWriteMount",
    "upload": "Upload",
    "direct": "Direct",
}

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*$")
_USE = re.compile(r"\$\{\{\s*(inputs|outputs)\.([\w.-]+)\s*\}\}")
_OPTIONAL = re.compile(r"\$\[\[.*?\]\]", re.DOTALL)
_REMOTE = re.compile(r"(azureml://|https?://|wasbs?://|abfss?://|adl://|/subscriptions/)", re.IGNORECASE)


def _entries(fields: Fields, name: str) -> Mapping[str, Any]:
    content = fields.raw(name)
    if content is None:
        return {}
    entries = Fields(f"{fields.where}: {name}", content)
    for key in entries.names():
        if not _KEY.match(key):
            raise entries.error(
                key, "is no name for it.", "Use letters, digits and underscores, no digit first."
            )
    return {key: entries.raw(key) for key in entries.names()}


def inputs(fields: Fields, document: Document, workspace_id: str) -> dict[str, Any]:
    """The REST inputs: data by URI or asset, everything else as a literal (which is always text)."""
    where = f"{fields.where}: inputs"
    entries = _entries(fields, "inputs")
    return {key: _input(where, key, value, document, workspace_id) for key, value in entries.items()}


def _input(where: str, key: str, value: Any, document: Document, workspace_id: str) -> dict[str, Any]:
    if isinstance(value, (str, int, float)):  # bool is an int
        return {"value": str(value), "jobInputType": "literal"}
    if not isinstance(value, Mapping):
        mend = "Write a text, a number, true/false, or a mapping with a path."
        raise Fields(where, {key: value}).error(key, f"is {kind_of(value)}.", mend)
    entry = Fields(f"{where}: {key}", value)
    if entry.raw("value") is not None:
        literal = {"value": entry.scalar("value"), "jobInputType": "literal"}
        entry.close()
        return literal
    kind = entry.choice("type", ASSETS) or "uri_folder"
    body = {
        "uri": _uri(entry, kind, document, workspace_id),
        "mode": entry.choice("mode", INPUT_MODES),
        "jobInputType": kind,
    }
    entry.close()
    return compact(body)


def _uri(entry: Fields, kind: str, document: Document, workspace_id: str) -> str:
    path = entry.required_text("path")
    if _REMOTE.match(path):
        return path
    if path.startswith("azureml:"):
        collection = "models" if kind.endswith("_model") else "data"
        return versioned(entry, "path", path, collection, workspace_id)
    document.path(f"inputs: {entry.where.rsplit(': ', 1)[1]}: path", path)
    raise entry.error(
        "path",
        f"'{path}' is local, and data is not uploaded with a job.",
        "Land it in the lake first (AzureDataLakeHook) and write 'azureml://datastores/DATASTORE/paths/PATH'.",
    )


def outputs(fields: Fields) -> dict[str, Any]:
    """The REST outputs; a null output is a folder in the default datastore."""
    where = f"{fields.where}: outputs"
    return {key: _output(where, key, value) for key, value in _entries(fields, "outputs").items()}


def _output(where: str, key: str, value: Any) -> dict[str, Any]:
    entry = Fields(f"{where}: {key}", {} if value is None else value)
    body = {
        "assetName": entry.text("name"),
        "assetVersion": entry.text("version"),
        "description": entry.text("description"),
        "uri": entry.text("path"),
        "mode": entry.choice("mode", OUTPUT_MODES),
        "jobOutputType": entry.choice("type", ASSETS) or "uri_folder",
    }
    if body["uri"] is not None and not _REMOTE.match(body["uri"]):
        mend = "Write a URI, as in 'azureml://datastores/DATASTORE/paths/PATH'."
        raise entry.error("path", f"'{body['uri']}' is no URI.", mend)
    entry.close()
    return compact(body)


def check_uses(fields: Fields, name: str, text: str, bound: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise when a command refers to an input or output that the job does not have."""
    required = _OPTIONAL.sub("", text)
    for group, key in _USE.findall(required):
        if key not in bound[group]:
            problem = f"refers to ${{{{{group}.{key}}}}}, which '{group}' does not hold."
            raise fields.error(name, problem, f"Add it there.{suggestion(key, bound[group])}")
