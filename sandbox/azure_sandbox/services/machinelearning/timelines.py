# SPDX-License-Identifier: Apache-2.0
"""Scripted lives of jobs: which jobs get one, and what happens in it, as the control API words it."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from azure_sandbox.kernel import checks
from azure_sandbox.kernel.checks import InvalidRule
from azure_sandbox.services.machinelearning.records import TERMINAL, Json, Run

#: What a cancel does where the timeline does not say.
_CANCELED = ({"after": 0, "status": "CancelRequested"}, {"after": 1, "status": "Canceled"})
_SCRIPT = {"states", "on_cancel", "log", "error"}


@dataclass(frozen=True)
class State:
    """From ``after`` seconds on the job's status is this; None: there is no such job any more."""

    after: float
    status: str | None


@dataclass(frozen=True)
class Script:
    """One job's life.

    :param states: seconds count from the submission
    :param on_cancel: seconds count from the first cancel request; empty: it is accepted and ignored
    :param log: seconds from the submission, and a line of ``user_logs/std_log.txt``
    :param error: ``message``, and perhaps ``code`` and ``inner``, of a job that ends Failed
    """

    states: tuple[State, ...]
    on_cancel: tuple[State, ...]
    log: tuple[tuple[float, str], ...] = ()
    error: Json | None = None


@dataclass
class Timeline:
    """A script and the jobs that are to follow it; ``taken`` counts them, up to ``count``."""

    id: str
    script: Script
    name: re.Pattern[str]
    experiment: re.Pattern[str]
    job_type: str
    count: int | None
    document: Mapping[str, Any]
    children: dict[str, Script] = field(default_factory=dict)
    scenario: str = ""
    taken: int = 0

    def fits(self, run: Run, scenarios: frozenset[str]) -> bool:
        """:param scenarios: those that the submission belongs to"""
        return (
            (not self.scenario or self.scenario in scenarios)
            and (self.count is None or self.taken < self.count)
            and self.name.search(run.name) is not None
            and self.experiment.search(run.experiment) is not None
            and self.job_type in ("", run.job_type)
        )

    def rendered(self) -> Json:
        return {"id": self.id, **self.document, "taken": self.taken}


def parse(document: Mapping[str, Any]) -> Timeline:
    """:raises InvalidRule: naming the member that is wrong"""
    checks.only(document, "the timeline", {"match", "children", "scenario", *_SCRIPT})
    match = checks.child(document, "", "match")
    checks.only(match, "match", {"name", "experiment", "job_type", "count"})
    count = match.get("count")
    children = checks.child(document, "", "children") if "children" in document else {}
    return Timeline(
        str(uuid.uuid4()),
        _script(document, ""),
        checks.pattern(match, "match", "name"),
        checks.pattern(match, "match", "experiment"),
        checks.text(match, "match", "job_type", ""),
        None if count is None else checks.number(match, "match", "count", whole=True, least=1),
        dict(document),
        {name: _child(children, name) for name in children},
        checks.text(document, "", "scenario", ""),
    )


def _child(children: Mapping[str, Any], name: str) -> Script:
    given = checks.child(children, "children", name)
    checks.only(given, f"children.{name}", _SCRIPT)
    return _script(given, f"children.{name}.")


def _script(given: Mapping[str, Any], where: str) -> Script:
    states = _states(checks.listed(given, where.rstrip("."), "states"), f"{where}states")
    if not states:
        raise InvalidRule(f"{where}states must have at least one state")
    asked = checks.listed({"on_cancel": list(_CANCELED), **given}, where.rstrip("."), "on_cancel")
    lines = checks.listed(given, where.rstrip("."), "log")
    return Script(
        states,
        _states(asked, f"{where}on_cancel"),
        tuple(_line(line, f"{where}log[{index}]") for index, line in enumerate(lines)),
        _error(given, where) if "error" in given else None,
    )


def _states(given: list[Mapping[str, Any]], where: str) -> tuple[State, ...]:
    states = tuple(_state(entry, f"{where}[{index}]") for index, entry in enumerate(given))
    for index, (earlier, later) in enumerate(pairwise(states), start=1):
        if later.after < earlier.after:
            raise InvalidRule(f"{where}[{index}].after must not be less than the one before it")
        if earlier.status is None or (earlier.status in TERMINAL and later.status is not None):
            raise InvalidRule(f"{where}[{index}]: after {earlier.status or 'gone'} a job can only be gone")
    return states


def _state(entry: Mapping[str, Any], where: str) -> State:
    checks.only(entry, where, {"after", "status", "gone"})
    after = checks.number(entry, where, "after")
    if "gone" in entry:
        if entry["gone"] is not True or "status" in entry:
            raise InvalidRule(f"{where}.gone must be true, and stand without a status")
        return State(after, None)
    return State(after, checks.text(entry, where, "status"))


def _line(entry: Mapping[str, Any], where: str) -> tuple[float, str]:
    checks.only(entry, where, {"after", "text"})
    if not isinstance(entry.get("text"), str):
        raise InvalidRule(f"{where}.text must be a text")
    return checks.number(entry, where, "after", 0), entry["text"]


def _error(given: Mapping[str, Any], where: str) -> Json:
    error = checks.child(given, where.rstrip("."), "error")
    checks.only(error, f"{where}error", {"message", "code", "inner"})
    return {name: checks.text(error, f"{where}error", name) for name in error}
