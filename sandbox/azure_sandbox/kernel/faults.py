# SPDX-License-Identifier: Apache-2.0
"""The rules in force, and which of them strikes a request.

A rule strikes requests that were about to be served: who is refused by authentication or RBAC is refused
as ever, and is not counted. Delivery of the damage is ``gateway/damage.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from azure_sandbox.kernel.fault_rules import Asked, Rule, parse
from azure_sandbox.kernel.ledger import Ledger
from azure_sandbox.kernel.scenarios import Scenarios


class Faults:
    """The rules of one cloud, in memory: a restart forgets them."""

    def __init__(self, ledger: Ledger, scenarios: Scenarios) -> None:
        self._ledger = ledger
        self._scenarios = scenarios
        #: Empty in a healthy cloud; the request path looks no further then.
        self.rules: list[Rule] = []

    def add(self, document: Mapping[str, Any]) -> Rule:
        """:raises azure_sandbox.kernel.checks.InvalidRule:"""
        rule = parse(document)
        self._scenarios.check(document)
        rule.since = self._ledger.last() if rule.match.after_event else 0
        self.rules.append(rule)
        return rule

    def clear(self, scenario: str = "") -> None:
        """Delete the rules of a scenario, or all rules."""
        self.rules[:] = [rule for rule in self.rules if scenario and rule.scenario != scenario]

    def strike(self, asked: Asked) -> Rule | None:
        """Count a request; the oldest rule that is due for it, or None."""
        return self._oldest(
            lambda rule: (
                rule.action.kind != "dns_fail"
                and (not rule.scenario or rule.scenario in asked.scenarios)
                and rule.match.fits(asked)
            )
        )

    def strike_connection(self, host: str) -> Rule | None:
        """Count a connection; the oldest rule by which its host has no address, or None."""
        return self._oldest(lambda rule: rule.action.kind == "dns_fail" and rule.match.fits_host(host))

    def _oldest(self, concerns: Callable[[Rule], bool]) -> Rule | None:
        struck: Rule | None = None
        for rule in self.rules:
            if concerns(rule) and self._is_awake(rule) and rule.count() and struck is None:
                rule.struck += 1
                struck = rule
        return struck

    def _is_awake(self, rule: Rule) -> bool:
        event = rule.match.after_event
        if event is None or rule.since < 0:
            return True
        happened = any(
            row.effect == event.effect and event.subject.search(row.subject)
            for row in self._ledger.effects(rule.since, event.kind)
        )
        if happened:
            rule.since = -1
        return happened
