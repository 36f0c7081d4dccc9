# SPDX-License-Identifier: Apache-2.0
"""The control API's paths: faults, the ledger, timelines of jobs, the clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any, TypeVar

from starlette.responses import JSONResponse, Response

from azure_sandbox.kernel import checks
from azure_sandbox.kernel.checks import InvalidRule
from azure_sandbox.kernel.errors import AzureError, bad_request, not_found
from azure_sandbox.kernel.leaks import find_leaks
from azure_sandbox.kernel.ledger import KINDS
from azure_sandbox.kernel.operation import ANY_CALLER, Call, Operation
from azure_sandbox.kernel.ports import AwsAccounts, Directory, Timelines
from azure_sandbox.kernel.timekeeping import clock_state, set_clock
from azure_sandbox.services.control import denies
from azure_sandbox.services.control.admission import PREFIX, surface

T = TypeVar("T")


def operations(token: str) -> list[Operation]:
    own = surface(token)
    routes = [
        ("GET", "faults", _list_faults),
        ("POST", "faults", _add_fault),
        ("DELETE", "faults", _clear_faults),
        ("GET", "ledger", _read_ledger),
        ("GET", "leaks", _read_leaks),
        ("GET", "scenarios", _list_scenarios),
        ("POST", "scenarios", _add_scenario),
        ("POST", "scenarios/{id}", _bind_scenario),
        ("DELETE", "scenarios/{id}", _remove_scenario),
        ("GET", "timelines", _list_timelines),
        ("POST", "timelines", _add_timeline),
        ("DELETE", "timelines", _clear_timelines),
        ("GET", "clock", _read_clock),
        ("POST", "clock", _set_clock),
        ("GET", "lags", _read_lags),
        ("POST", "lags", _set_lags),
        ("DELETE", "lags", _clear_lags),
        ("POST", "revoke", _revoke),
        ("POST", "aws/{account}", _set_account),
        ("GET", "denies", _list_denies),
        ("POST", "denies", _add_deny),
        ("DELETE", "denies", _clear_denies),
        ("GET", "throttle", _read_throttle),
        ("POST", "throttle", _set_throttle),
        ("DELETE", "throttle", _clear_throttle),
    ]
    return [Operation(own, method, PREFIX + path, handler, ANY_CALLER) for method, path, handler in routes]


async def _list_faults(call: Call) -> Response:
    return JSONResponse({"value": [rule.rendered() for rule in call.cloud.faults.rules]})


async def _add_fault(call: Call) -> Response:
    rule = _checked(call.cloud.faults.add, await call.json())
    return JSONResponse(rule.rendered(), 201)


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


async def _read_leaks(call: Call) -> Response:
    deployment = call.query.get("deployment")
    if not deployment:
        raise bad_request("InvalidQuery", "deployment must be given, and not be empty")
    return JSONResponse(find_leaks(call.cloud, deployment))


async def _list_scenarios(call: Call) -> Response:
    return JSONResponse({"value": [scenario.rendered() for scenario in call.cloud.scenarios.listed()]})


async def _add_scenario(call: Call) -> Response:
    scenario = _checked(call.cloud.scenarios.add, await call.json())
    return JSONResponse(scenario.rendered(), 201)


async def _bind_scenario(call: Call) -> Response:
    scenario = _checked(partial(call.cloud.scenarios.bind, call.params["id"]), await call.json())
    if scenario is None:
        raise _no_scenario(call)
    return JSONResponse(scenario.rendered())


async def _remove_scenario(call: Call) -> Response:
    """With it go its faults and timelines, and nobody else's."""
    identifier = call.params["id"]
    if not call.cloud.scenarios.remove(identifier):
        raise _no_scenario(call)
    call.cloud.faults.clear(identifier)
    call.cloud.port(Timelines).clear(identifier)
    return Response(status_code=204)


def _no_scenario(call: Call) -> AzureError:
    return not_found("ScenarioNotFound", f"There is no scenario {call.params['id']!r}.")


async def _list_timelines(call: Call) -> Response:
    return JSONResponse({"value": call.cloud.port(Timelines).listed()})


async def _add_timeline(call: Call) -> Response:
    return JSONResponse(_checked(call.cloud.port(Timelines).add, await call.json()), 201)


async def _clear_timelines(call: Call) -> Response:
    call.cloud.port(Timelines).clear()
    return Response(status_code=204)


async def _read_clock(call: Call) -> Response:
    return JSONResponse(clock_state(call.cloud.clock))


async def _set_clock(call: Call) -> Response:
    document = await call.json()
    _checked(partial(set_clock, call.cloud.clock), document)
    call.cloud.agenda.catch_up()
    return JSONResponse(clock_state(call.cloud.clock))


async def _set_account(call: Call) -> Response:
    """Switch an AWS account's outbound identity federation."""
    accounts, account = call.cloud.port(AwsAccounts), call.params["account"]
    enabled = (await call.json()).get("outbound_federation")
    if not isinstance(enabled, bool):
        raise bad_request("InvalidRule", "outbound_federation must be true or false")
    try:
        accounts.set_federation(account, enabled)
    except KeyError:
        raise not_found("AccountNotFound", f"The seed has no AWS account {account!r}.") from None
    return JSONResponse({"id": account, "outbound_federation": accounts.federates(account)})


async def _read_throttle(call: Call) -> Response:
    return JSONResponse(call.cloud.throttle.rendered())


async def _set_throttle(call: Call) -> Response:
    _checked(call.cloud.throttle.set, await call.json())
    return JSONResponse(call.cloud.throttle.rendered())


async def _clear_throttle(call: Call) -> Response:
    call.cloud.throttle.clear()
    return Response(status_code=204)


async def _read_lags(call: Call) -> Response:
    return JSONResponse(asdict(call.cloud.lags.settings))


async def _set_lags(call: Call) -> Response:
    _checked(call.cloud.lags.set, await call.json())
    return await _read_lags(call)


async def _clear_lags(call: Call) -> Response:
    call.cloud.lags.clear()
    return Response(status_code=204)


async def _revoke(call: Call) -> Response:
    object_id = _checked(_object_id, await call.json())
    if not call.cloud.port(Directory).principal_exists(object_id):
        raise bad_request("InvalidRule", f"object_id must be that of a principal, not {object_id!r}")
    call.cloud.entra.revoke(object_id, call.cloud.clock.time_of("entra"))
    return Response(status_code=204)


async def _list_denies(call: Call) -> Response:
    return JSONResponse({"value": [denies.rendered(deny) for deny in call.cloud.rbac.denies.all()]})


async def _add_deny(call: Call) -> Response:
    return JSONResponse(_checked(partial(denies.add, call.cloud), await call.json()), 201)


async def _clear_denies(call: Call) -> Response:
    """All of them, the seed's too."""
    for deny in call.cloud.rbac.denies.all():
        call.cloud.rbac.undeny(deny.guid)
    return Response(status_code=204)


def _object_id(document: Mapping[str, Any]) -> str:
    checks.only(document, "the revocation", {"object_id"})
    return checks.text(document, "", "object_id").lower()


def _checked(take: Callable[[Mapping[str, Any]], T], document: Mapping[str, Any]) -> T:
    try:
        return take(document)
    except InvalidRule as error:
        raise bad_request("InvalidRule", str(error)) from None
