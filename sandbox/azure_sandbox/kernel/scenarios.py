# SPDX-License-Identifier: Apache-2.0
"""Scenarios: which requests belong to one test, so that tests break one sandbox side by side.

A request belongs to a scenario by the header ``x-ms-sandbox-scenario``, or because its principal or its
``x-ms-correlation-request-id`` was bound to it.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from azure_sandbox.kernel import checks
from azure_sandbox.kernel.checks import InvalidRule

HEADER = "x-ms-sandbox-scenario"
CORRELATION = "x-ms-correlation-request-id"
_NONE: frozenset[str] = frozenset()


@dataclass
class Scenario:
    """What is bound to it; ids are in lower case."""

    id: str
    object_ids: set[str] = field(default_factory=set)
    correlation_ids: set[str] = field(default_factory=set)

    def rendered(self) -> dict[str, Any]:
        members = {"object_ids": self.object_ids, "correlation_ids": self.correlation_ids}
        return {"id": self.id, **{name: sorted(bound) for name, bound in members.items()}}


class Scenarios:
    """The scenarios of one cloud, in memory."""

    def __init__(self) -> None:
        self._scenarios: dict[str, Scenario] = {}

    def add(self, document: Mapping[str, Any]) -> Scenario:
        """:raises InvalidRule: naming the member that is wrong"""
        scenario = Scenario(str(uuid.uuid4()))
        self._bind(scenario, document)
        self._scenarios[scenario.id] = scenario
        return scenario

    def bind(self, identifier: str, document: Mapping[str, Any]) -> Scenario | None:
        """Bind more principals and correlation ids; None where there is no such scenario.

        :raises InvalidRule: naming the member that is wrong
        """
        scenario = self._scenarios.get(identifier)
        if scenario is not None:
            self._bind(scenario, document)
        return scenario

    def remove(self, identifier: str) -> bool:
        return self._scenarios.pop(identifier, None) is not None

    def listed(self) -> list[Scenario]:
        return list(self._scenarios.values())

    def check(self, document: Mapping[str, Any]) -> None:
        """Whether the ``scenario`` that a rule names exists.

        :raises InvalidRule: where it does not
        """
        identifier = document.get("scenario")
        if "scenario" in document and identifier not in self._scenarios:
            raise InvalidRule(f"scenario must be the id of a scenario, not {identifier!r}")

    def of(self, headers: Mapping[str, str], object_id: str) -> frozenset[str]:
        """The scenarios that a request belongs to; next to nothing where there are none."""
        if not self._scenarios:
            return _NONE
        named, correlation = headers.get(HEADER, ""), headers.get(CORRELATION, "").lower()
        return frozenset(
            scenario.id
            for scenario in self._scenarios.values()
            if scenario.id == named
            or object_id.lower() in scenario.object_ids
            or correlation in scenario.correlation_ids
        )

    def _bind(self, scenario: Scenario, document: Mapping[str, Any]) -> None:
        checks.only(document, "the scenario", {"object_ids", "correlation_ids"})
        object_ids = checks.texts(document, "object_ids")
        correlation_ids = checks.texts(document, "correlation_ids")
        scenario.object_ids |= object_ids
        scenario.correlation_ids |= correlation_ids
