# SPDX-License-Identifier: Apache-2.0
"""Answers of Graph: one resource, or a page of many."""

from __future__ import annotations

import re
from typing import Any

from starlette.responses import JSONResponse, Response

from azure_sandbox.kernel.operation import Call
from azure_sandbox.services.graph import query


def single(call: Call, collection: str, resource: dict[str, Any]) -> Response:
    """One resource, with the properties that are asked for."""
    content = {
        "@odata.context": f"{context(call, collection)}/$entity",
        **query.select(resource, call.query),
    }
    return JSONResponse(content)


def listed(call: Call, collection: str, resources: list[dict[str, Any]]) -> Response:
    """A page of a collection, filtered."""
    found = resources
    for part in _joined(call.query.get("$filter", "")):
        found = query.matching(found, {"$filter": part})
    chosen = [query.select(resource, call.query) for resource in found]
    paged = query.page(chosen, call.query, f"{call.cloud.azure.graph_audience}{call.path}")
    return JSONResponse({"@odata.context": context(call, collection), **paged})


def context(call: Call, collection: str) -> str:
    """``@odata.context`` of a collection."""
    return f"{call.cloud.azure.graph_audience}/v1.0/$metadata#{collection}"


def _joined(expression: str) -> list[str]:
    """The parts of a filter that ``and`` joins; none of an empty one. What stands in quotes is left alone."""
    parts = re.split(r"\s+and\s+(?=(?:[^']*'[^']*')*[^']*$)", expression.strip(), flags=re.IGNORECASE)
    return [part for part in parts if part]
