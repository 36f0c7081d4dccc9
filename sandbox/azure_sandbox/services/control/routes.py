# SPDX-License-Identifier: Apache-2.0
"""``/_sandbox/faults`` and ``/_sandbox/ledger``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from starlette.responses import JSONResponse, Response

from azure_sandbox.kernel.errors import bad_request
from azure_sandbox.kernel.faults import InvalidRule, Rule
from azure_sandbox.kernel.ledger import KINDS
from azure_sandbox.kernel.operation import ANY_CALLER, Call, Operation
from azure_sandbox.services.control.admission import PREFIX, surface


def operations(token: str) -> list[Operation]:
    own = surface(token)
    routes = [
        ("GET", "faults", _list_faults),
        ("POST", "faults", _add_fault),
        ("DELETE", "faults", _clear_faults),
        ("GET", "ledger", _read_ledger),
    ]
    return [Operation(own, method, PREFIX + path, handler, ANY_CALLER) for method, path, handler in routes]


async def _list_faults(call: Call) -> Response:
    return JSONResponse({"value": [_rendered(rule) for rule in call.cloud.faults.rules]})


async def _add_fault(call: Call) -> Response:
    try:
        rule = call.cloud.faults.add(await call.json())
    except InvalidRule as error:
        raise bad_request("InvalidRule", str(error)) from None
    return JSONResponse(_rendered(rule), 201)


async def _clear_faults(call: Call) -> Response:
    call.cloud.faults.clear()
    return Response(status_code=204)


async def _read_ledger(call: Call) -> Response:
    since, kind = call.query.get("since") or "0", call.query.get("kind") or None
    if not (since.isascii() and since.isdigit() and len(since) <= 18):
        raise bad_request(
            "InvalidQuery", f"since must be the sequence of a row, a whole number, not {since!r}"
        )
    if kind is not None and kind not in KINDS:
        raise bad_request("InvalidQuery", f"kind must be one of {', '.join(KINDS)}, not {kind!r}")
    return JSONResponse({"value": [asdict(row) for row in call.cloud.ledger.effects(int(since), kind)]})


def _rendered(rule: Rule) -> dict[str, Any]:
    return {"id": rule.id, **rule.document, "seen": rule.seen, "struck": rule.struck}
