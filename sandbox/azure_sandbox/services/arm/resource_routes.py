# SPDX-License-Identifier: Apache-2.0
"""``/resources``: what there is in a subscription or group, as the az command line looks names up."""

from __future__ import annotations

import re
from typing import Any

from starlette.responses import JSONResponse, Response

from azure_sandbox.kernel.errors import bad_request
from azure_sandbox.kernel.operation import ANY_CALLER, Call, Operation
from azure_sandbox.kernel.surfaces import MANAGEMENT

_SUBSCRIPTION = "/subscriptions/{subscription}/resources"
_GROUP = "/subscriptions/{subscription}/resourceGroups/{group}/resources"
_CLAUSE = re.compile(r"(resourceType|name|resourceGroup) eq '([^']*)'", re.IGNORECASE)


def operations() -> list[Operation]:
    # The list holds what the caller may read and nothing else.
    return [Operation(MANAGEMENT, "GET", path, _list, ANY_CALLER) for path in (_SUBSCRIPTION, _GROUP)]


async def _list(call: Call) -> Response:
    wanted = _filter(call.query.get("$filter", ""))
    if "group" in call.params:
        wanted["resourcegroup"] = call.params["group"].lower()
    found = [
        _resource(call, kind, scope)
        for kind, scope in call.cloud.resources.ids(wanted.get("resourcetype", ""))
        if _fits(scope, wanted) and call.cloud.rbac.allowed(call.caller.object_id, f"{kind}/read", scope)
    ]
    return JSONResponse({"value": found})


def _filter(text: str) -> dict[str, str]:
    """Clauses joined by ``and``.

    :raises AzureError: 400 for any other filter
    """
    found: dict[str, str] = {}
    for clause in filter(None, (part.strip() for part in re.split(r"\s+and\s+", text))):
        named = _CLAUSE.fullmatch(clause)
        if named is None:
            raise bad_request(
                "InvalidFilterInQueryString", f"Invalid $filter '{text}' specified in the query string."
            )
        found[named[1].lower()] = named[2].lower()
    return found


def _fits(scope: str, wanted: dict[str, str]) -> bool:
    parts = scope.lower().split("/")
    return wanted.get("name", parts[-1]) == parts[-1] and wanted.get("resourcegroup", parts[4]) == parts[4]


def _resource(call: Call, kind: str, scope: str) -> dict[str, Any]:
    name = scope.rpartition("/")[2]
    return {"id": scope, "name": name, "type": kind, "location": call.cloud.location, "tags": {}}
