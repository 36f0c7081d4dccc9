# SPDX-License-Identifier: Apache-2.0
"""Any kind of job as a REST body: passed through as it stands, but for what the operator must own."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from airflow_provider_azureml.spec.compiled import Compiled
from airflow_provider_azureml.spec.document import Document
from airflow_provider_azureml.spec.field import Fields

KINDS = ("Command", "Spark", "Pipeline", "Sweep", "AutoML", "FineTuning", "Labeling")


def is_rest_body(document: Document) -> bool:
    """Whether the document is a REST body (`{"properties": {"jobType": ...}}`) and no CLI v2 definition."""
    properties = document.content.get("properties")
    return isinstance(properties, Mapping) and "jobType" in properties


def compile_rest(document: Document, overrides: Mapping[str, Any]) -> Compiled:
    """The body as it stands.

    :param overrides: operator parameters; each is an error, since their CLI v2 form does not fit a REST body.
    :raises ConfigurationError: a field beside `properties`, an unknown `jobType`, or an override.
    """
    fields = Fields(document.name, document.content)
    properties = fields.raw("properties")
    fields.close()
    inner = Fields(f"{document.name}: properties", properties)
    kind = inner.required_text("jobType")
    if kind not in KINDS:
        raise inner.error("jobType", f"'{kind}' is unknown.", f"Choose one of: {', '.join(KINDS)}.")
    for name in overrides:
        raise inner.error(
            name, "is given to the operator, but the job is a REST body.", "Set it in the body itself."
        )
    return Compiled(copy.deepcopy(dict(properties)))
