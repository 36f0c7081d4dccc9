# SPDX-License-Identifier: Apache-2.0
"""Rules that make the sandbox fail on purpose: which request, at which moment, how.

A rule strikes requests that were about to be served: who is refused by authentication or RBAC is refused
as ever, and is not counted. Delivery of the damage is ``gateway/damage.py``.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal, cast, get_args

from azure_sandbox.kernel.aadsts import CODES
from azure_sandbox.kernel.aadsts import refusal as aadsts_refusal
from azure_sandbox.kernel.checks import InvalidRule, child, number, only, pattern, text
from azure_sandbox.kernel.errors import AzureError

Phase = Literal["before", "after", "mid_body"]
ActionKind = Literal["status", "reset", "stall_seconds", "truncate", "aadsts"]

#: Seconds; a stall must end while somebody still remembers that it was asked for.
LONGEST_STALL = 600.0
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\x20-\x7e\t]*")


@dataclass(frozen=True)
class Match:
    """Which requests a rule counts, and which of them it strikes.

    :param host: ``*`` stands for any run of characters; in lower case
    :param path: searched in the decoded path, without the query
    :param object_id: the caller's; empty for every caller
    :param nth: the first request that is struck, counted from 1
    :param count: how many are struck from there on; None until the rules are deleted
    """

    method: str = ""
    host: str = "*"
    path: re.Pattern[str] = re.compile("")
    object_id: str = ""
    nth: int = 1
    count: int | None = 1

    def fits(self, method: str, host: str, path: str, object_id: str) -> bool:
        return (
            self.method in ("", method)
            and fnmatchcase(host.lower(), self.host)
            and self.path.search(path) is not None
            and self.object_id in ("", object_id)
        )

    def is_due(self, seen: int) -> bool:
        return seen >= self.nth and (self.count is None or seen < self.nth + self.count)


@dataclass(frozen=True)
class Action:
    """What becomes of a struck request's answer. ``kind`` says which members count.

    :param status, headers, body: the answer in place of Azure's own
    :param stall_seconds: how long nothing is sent
    :param truncate: bytes of the body that are still sent
    :param aadsts: numbers of Entra's errors, one for each request struck, the last one for all further
    """

    kind: ActionKind
    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    stall_seconds: float = 0.0
    truncate: int = 0
    aadsts: tuple[int, ...] = ()


@dataclass
class Rule:
    """A rule and its tally: requests that matched, and those that it struck."""

    id: str
    match: Match
    phase: Phase
    action: Action
    document: Mapping[str, Any]
    seen: int = 0
    struck: int = 0

    @property
    def refusal(self) -> AzureError | None:
        """The error that the struck surface is to word itself, where the rule asks for one."""
        numbers = self.action.aadsts
        return aadsts_refusal(numbers[min(self.struck, len(numbers)) - 1]) if numbers else None

    def rendered(self) -> dict[str, Any]:
        return {"id": self.id, **self.document, "seen": self.seen, "struck": self.struck}


class Faults:
    """The rules of one cloud, in memory: a restart forgets them."""

    def __init__(self) -> None:
        #: Empty in a healthy cloud; the request path looks no further then.
        self.rules: list[Rule] = []

    def add(self, document: Mapping[str, Any]) -> Rule:
        """:raises InvalidRule:"""
        rule = parse(document)
        self.rules.append(rule)
        return rule

    def clear(self) -> None:
        self.rules.clear()

    def strike(self, method: str, host: str, path: str, object_id: str) -> Rule | None:
        """Count a request; the oldest rule that is due for it, or None."""
        struck: Rule | None = None
        for rule in self.rules:
            if rule.match.fits(method, host, path, object_id):
                rule.seen += 1
                if struck is None and rule.match.is_due(rule.seen):
                    rule.struck += 1
                    struck = rule
        return struck


def parse(document: Mapping[str, Any]) -> Rule:
    """:raises InvalidRule: naming the member that is wrong"""
    only(document, "the rule", {"match", "phase", "action"})
    phase = document.get("phase")
    if phase not in get_args(Phase):
        raise InvalidRule(f"phase must be one of {', '.join(get_args(Phase))}, not {phase!r}")
    action = _action(child(document, "", "action"))
    if phase not in _PHASES[action.kind]:
        raise InvalidRule(f"action {action.kind} cannot be had in phase {phase}")
    match = _match(child(document, "", "match"))
    return Rule(str(uuid.uuid4()), match, cast("Phase", phase), action, dict(document))


def _match(given: Mapping[str, Any]) -> Match:
    only(given, "match", {"method", "host", "path", "object_id", "nth", "count"})
    return Match(
        text(given, "match", "method", "").upper(),
        text(given, "match", "host", "*").lower(),
        pattern(given, "match", "path"),
        text(given, "match", "object_id", "").lower(),
        number(given, "match", "nth", 1, whole=True, least=1),
        None if given.get("count", 1) is None else number(given, "match", "count", 1, whole=True, least=1),
    )


def _action(given: Mapping[str, Any]) -> Action:
    kinds = [kind for kind in get_args(ActionKind) if kind in given]
    if len(kinds) != 1:
        raise InvalidRule(f"action must have exactly one of {', '.join(get_args(ActionKind))}")
    return _ACTIONS[kinds[0]](given)


def _status(given: Mapping[str, Any]) -> Action:
    only(given, "action", {"status", "headers", "body"})
    status = number(given, "action", "status", 0, whole=True, least=200, most=599)
    headers, body = given.get("headers", {}), given.get("body")
    if not isinstance(headers, dict) or not all(_is_header(*pair) for pair in headers.items()):
        raise InvalidRule("action.headers must be an object of header names and texts")
    if body is not None and status in (204, 304):
        raise InvalidRule(f"action.body: an answer with status {status} has none")
    if isinstance(body, str):
        content, kind = body.encode("utf8", "replace"), "text/plain; charset=utf-8"
    else:
        content, kind = (b"" if body is None else json.dumps(body).encode()), "application/json"
    if body is not None and "content-type" not in map(str.lower, headers):
        headers = {"content-type": kind, **headers}
    return Action("status", status, tuple(headers.items()), content)


def _reset(given: Mapping[str, Any]) -> Action:
    only(given, "action", {"reset"})
    if given["reset"] is not True:
        raise InvalidRule("action.reset must be true")
    return Action("reset")


def _stall(given: Mapping[str, Any]) -> Action:
    only(given, "action", {"stall_seconds"})
    seconds = number(given, "action", "stall_seconds", most=LONGEST_STALL)
    return Action("stall_seconds", stall_seconds=seconds)


def _truncate(given: Mapping[str, Any]) -> Action:
    only(given, "action", {"truncate"})
    return Action("truncate", truncate=number(given, "action", "truncate", whole=True))


def _aadsts(given: Mapping[str, Any]) -> Action:
    only(given, "action", {"aadsts"})
    numbers = given["aadsts"]
    if not isinstance(numbers, list) or not numbers or not all(_is_known(number) for number in numbers):
        known = ", ".join(map(str, sorted(CODES)))
        raise InvalidRule(f"action.aadsts must be a list of numbers among {known}")
    return Action("aadsts", aadsts=tuple(numbers))


def _is_known(number: object) -> bool:
    return isinstance(number, int) and number in CODES


_ACTIONS: dict[str, Callable[[Mapping[str, Any]], Action]] = {
    "status": _status,
    "reset": _reset,
    "stall_seconds": _stall,
    "truncate": _truncate,
    "aadsts": _aadsts,
}
_PHASES: dict[str, tuple[str, ...]] = {
    "status": ("before", "after"),
    "reset": ("before", "after", "mid_body"),
    "stall_seconds": ("before", "after", "mid_body"),
    "truncate": ("after", "mid_body"),
    "aadsts": ("before",),
}


def _is_header(name: object, value: object) -> bool:
    # What frames the message is the delivery's to say: a wrong length would only break the sandbox.
    framing = ("content-length", "transfer-encoding")
    return (
        isinstance(name, str)
        and isinstance(value, str)
        and _HEADER_NAME.fullmatch(name) is not None
        and _HEADER_VALUE.fullmatch(value) is not None
        and name.lower() not in framing
    )
