# SPDX-License-Identifier: Apache-2.0
"""Rules that make the sandbox fail on purpose: which request, at which moment, how."""

from __future__ import annotations

import json
import random
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
from azure_sandbox.kernel.ledger import KINDS

Phase = Literal["before", "after", "mid_body"]
ActionKind = Literal[
    "status", "reset", "stall_seconds", "truncate", "garble", "redirect", "dns_fail", "aadsts"
]

#: Seconds; a stall must end while somebody still remembers that it was asked for.
LONGEST_STALL = 600.0
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\x20-\x7e\t]*")


@dataclass(frozen=True)
class Event:
    """A row of the ledger: its kind, its effect, and a pattern of its subject."""

    kind: str
    effect: str
    subject: re.Pattern[str]


@dataclass(frozen=True)
class Asked:
    """What rules look at in a request; ``object_id`` is empty where there is no principal."""

    method: str
    host: str
    path: str
    object_id: str
    scenarios: frozenset[str] = frozenset()
    #: the sandbox asks itself: only rules that name a host look at it
    inward: bool = False


@dataclass(frozen=True)
class Match:
    """Which requests a rule counts, and which of them it strikes.

    :param host: ``*`` stands for any run of characters; in lower case
    :param path: searched in the decoded path, without the query
    :param object_id: the caller's; empty for every caller
    :param nth: the first request that is struck, counted from 1
    :param count: how many are struck from there on; None until the rules are deleted
    :param after_event: nothing matches before this effect stands in the ledger
    """

    method: str = ""
    host: str = "*"
    path: re.Pattern[str] = re.compile("")
    object_id: str = ""
    nth: int = 1
    count: int | None = 1
    after_event: Event | None = None

    def fits(self, asked: Asked) -> bool:
        return (
            self.method in ("", asked.method)
            and self.fits_host(asked.host)
            and self.path.search(asked.path) is not None
            and self.object_id in ("", asked.object_id)
            and not (asked.inward and self.host == "*")
        )

    def fits_host(self, host: str) -> bool:
        return fnmatchcase(host.lower(), self.host)

    def is_due(self, seen: int) -> bool:
        return seen >= self.nth and (self.count is None or seen < self.nth + self.count)


@dataclass(frozen=True)
class Action:
    """What becomes of a struck request's answer. ``kind`` says which members count.

    :param status, headers, body: the answer in place of Azure's own
    :param stall_seconds: how long nothing is sent
    :param truncate: bytes of the body that are still sent
    :param garble: bytes of the body that are flipped, its length kept
    :param aadsts: numbers of Entra's errors, one for each request struck, the last one for all further
    """

    kind: ActionKind
    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    stall_seconds: float = 0.0
    truncate: int = 0
    garble: int = 0
    aadsts: tuple[int, ...] = ()

    @property
    def ends_connection(self) -> bool:
        """Whether the client is left without a whole answer, or without patience for one."""
        return self.kind in ("reset", "stall_seconds", "truncate")


@dataclass
class Rule:
    """A rule and its tally: requests that matched, and those that it struck.

    :param prob: how likely each request that is due is struck, by a generator of the rule's own
    :param scenario: id of the scenario whose requests alone it looks at; empty: all requests
    :param since: the last row of the ledger when the rule was made
    """

    id: str
    match: Match
    phase: Phase
    action: Action
    document: Mapping[str, Any]
    prob: float = 1.0
    seed: int = 0
    scenario: str = ""
    since: int = 0
    seen: int = 0
    struck: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def count(self) -> bool:
        """Count a request that matches; whether it is one to strike."""
        self.seen += 1
        return self.match.is_due(self.seen) and (self.prob >= 1 or self._random.random() < self.prob)

    @property
    def refusal(self) -> AzureError | None:
        """The error that the struck surface is to word itself, where the rule asks for one."""
        numbers = self.action.aadsts
        return aadsts_refusal(numbers[min(self.struck, len(numbers)) - 1]) if numbers else None

    def rendered(self) -> dict[str, Any]:
        return {"id": self.id, **self.document, "seen": self.seen, "struck": self.struck}


def parse(document: Mapping[str, Any]) -> Rule:
    """:raises InvalidRule: naming the member that is wrong"""
    only(document, "the rule", {"match", "phase", "action", "prob", "seed", "scenario"})
    phase = document.get("phase")
    if phase not in get_args(Phase):
        raise InvalidRule(f"phase must be one of {', '.join(get_args(Phase))}, not {phase!r}")
    action = _action(child(document, "", "action"))
    if phase not in _PHASES[action.kind]:
        raise InvalidRule(f"action {action.kind} cannot be had in phase {phase}")
    match = _match(child(document, "", "match"), set(_CONNECTING) if action.kind == "dns_fail" else _MEMBERS)
    if action.kind == "dns_fail" and "scenario" in document:
        raise InvalidRule("scenario: who connects has not said yet to which scenario they belong")
    return Rule(
        str(uuid.uuid4()),
        match,
        cast("Phase", phase),
        action,
        dict(document),
        number(document, "", "prob", 1, least=0, most=1),
        number(document, "", "seed", 0, whole=True),
        text(document, "", "scenario", ""),
    )


def _match(given: Mapping[str, Any], known: set[str]) -> Match:
    only(given, "match", known)
    return Match(
        text(given, "match", "method", "").upper(),
        text(given, "match", "host", "*").lower(),
        pattern(given, "match", "path"),
        text(given, "match", "object_id", "").lower(),
        number(given, "match", "nth", 1, whole=True, least=1),
        None if given.get("count", 1) is None else number(given, "match", "count", 1, whole=True, least=1),
        _event(given) if "after_event" in given else None,
    )


def _event(given: Mapping[str, Any]) -> Event:
    where = "match.after_event"
    outer = child(given, "match", "after_event")
    only(outer, where, {"ledger"})
    row = child(outer, where, "ledger")
    only(row, f"{where}.ledger", {"kind", "effect", "subject"})
    kind = text(row, f"{where}.ledger", "kind")
    if kind not in KINDS:
        raise InvalidRule(f"{where}.ledger.kind must be one of {', '.join(KINDS)}, not {kind!r}")
    return Event(kind, text(row, f"{where}.ledger", "effect"), pattern(row, f"{where}.ledger", "subject"))


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


def _garble(given: Mapping[str, Any]) -> Action:
    only(given, "action", {"garble"})
    return Action("garble", garble=number(given, "action", "garble", whole=True, least=1))


def _redirect(given: Mapping[str, Any]) -> Action:
    only(given, "action", {"redirect"})
    location = text(given, "action", "redirect")
    if not _is_header("location", location):
        raise InvalidRule("action.redirect must be a text that a header can hold")
    return Action("status", 307, (("location", location),))


def _dns_fail(given: Mapping[str, Any]) -> Action:
    only(given, "action", {"dns_fail"})
    if given["dns_fail"] is not True:
        raise InvalidRule("action.dns_fail must be true")
    return Action("dns_fail")


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
    "garble": _garble,
    "redirect": _redirect,
    "dns_fail": _dns_fail,
    "aadsts": _aadsts,
}
_PHASES: dict[str, tuple[str, ...]] = {
    "status": ("before", "after"),
    "reset": ("before", "after", "mid_body"),
    "stall_seconds": ("before", "after", "mid_body"),
    "truncate": ("after", "mid_body"),
    "garble": ("after",),
    "dns_fail": ("before",),
    "aadsts": ("before",),
}
_MEMBERS = {"method", "host", "path", "object_id", "nth", "count", "after_event"}
#: What is known when a connection begins.
_CONNECTING = ("host", "nth", "count", "after_event")


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
