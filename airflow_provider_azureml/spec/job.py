# SPDX-License-Identifier: Apache-2.0
"""The one entry: a definition of any kind, with the operator's overrides, becomes a `Compiled` job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from airflow_provider_azureml.spec import sdk
from airflow_provider_azureml.spec.command import compile_command
from airflow_provider_azureml.spec.compiled import Compiled
from airflow_provider_azureml.spec.document import Document, load
from airflow_provider_azureml.spec.field import Fields
from airflow_provider_azureml.spec.rest import compile_rest, is_rest_body
from airflow_provider_azureml.spec.spark import compile_spark

COMPILERS: dict[str, Callable[[Fields, Document, str], Compiled]] = {
    "command": compile_command,
    "spark": compile_spark,
}
ELSEWHERE = ("parallel", "import", "finetuning", "data_transfer")
KINDS = (*COMPILERS, *sdk.KINDS)
MERGED = ("inputs", "outputs")


def compile_job(
    job: str | Path | Mapping[str, Any], workspace_id: str, overrides: Mapping[str, Any] | None = None
) -> Compiled:
    """Compile a definition.

    :param job: a dict, or the path of a CLI v2 YAML file.
    :param workspace_id: the ARM id of the workspace, which short names are completed with.
    :param overrides: fields of the definition that the operator sets; None values do not count. `inputs` and
        `outputs` are merged entry by entry (within an entry, field by field), all others replace.
    :raises ConfigurationError: names the field and the mend; nothing was sent anywhere.
    """
    document = load(job)
    given = {name: value for name, value in (overrides or {}).items() if value is not None}
    if is_rest_body(document):
        return compile_rest(document, given)
    document = replace(document, content=_merged(document, given))
    fields = Fields(document.name, document.content)
    if fields.raw("type") is None and _schema_kind(document) is None:
        raise fields.error("type", "is missing.", f"Choose one of: {', '.join(KINDS)}.")
    kind = fields.text("type") or _schema_kind(document)
    if kind is not None and kind in sdk.KINDS:
        return sdk.announce(fields, document, kind)
    if kind in ELSEWHERE:
        mend = "Give it as a REST body: {'properties': {'jobType': ...}}."
        raise fields.error("type", f"'{kind}' is not compiled here.", mend)
    if kind not in COMPILERS:
        fields.choice("type", {name: name for name in KINDS})
    return COMPILERS[str(kind).lower()](fields, document, workspace_id)


def _schema_kind(document: Document) -> str | None:
    """The kind that `$schema` implies; the CLI lets a definition leave `type` out then."""
    schema = str(document.content.get("$schema", ""))
    return next((kind for kind in KINDS if f"/{kind}Job." in schema), None)


def _merged(document: Document, given: Mapping[str, Any]) -> dict[str, Any]:
    content = dict(document.content)
    for name, value in given.items():
        content[name] = _merged_entries(content.get(name), value) if name in MERGED else value
    return content


def _merged_entries(base: Any, given: Any) -> Any:
    if not isinstance(base, Mapping) or not isinstance(given, Mapping):
        return given
    merged = dict(base)
    for key, value in given.items():
        merged[key] = _rebound(merged.get(key), value)
    return merged


def _rebound(old: Any, value: Any) -> Any:
    """A mapping changes fields; a text for declared data is its new path (type and mode stay)."""
    if isinstance(old, Mapping) and isinstance(value, Mapping):
        return {**old, **value}
    if isinstance(old, Mapping) and "path" in old and isinstance(value, str):
        return {**old, "path": value}
    return value
