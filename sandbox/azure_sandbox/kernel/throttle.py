# SPDX-License-Identifier: Apache-2.0
"""Azure's token buckets: per principal and kind of operation, and one per subscription and kind.

Sizes, scopes and headers: https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling
Off until somebody asks for it; then the request path pays for two buckets per request.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from azure_sandbox.kernel import checks
from azure_sandbox.kernel.checks import InvalidRule
from azure_sandbox.kernel.clock import Clock
from azure_sandbox.kernel.errors import AzureError

#: The service principals of a subscription together may do so many times what one may.
GLOBAL_FACTOR = 15
_KINDS = {"GET": "reads", "HEAD": "reads", "DELETE": "deletes"}
_WORDS = {"reads": "read", "writes": "write", "deletes": "delete"}
_MEMBERS = ("reads", "writes", "deletes", "run_history")


@dataclass(frozen=True)
class Limit:
    """How many requests at once, how many more each second, and how long a refused caller must wait."""

    size: float
    per_second: float
    retry_after: float

    @classmethod
    def of(cls, size: float, per_second: float) -> Limit:
        """A refused caller waits until the bucket would be full, which is what public reports show."""
        return cls(size, per_second, math.ceil(size / per_second))

    def times(self, factor: float) -> Limit:
        return Limit(self.size * factor, self.per_second * factor, self.retry_after)


#: What Azure Resource Manager grants since 2024; run history's figures are not published.
AZURE = {"reads": Limit.of(250, 25), "writes": Limit.of(200, 10), "deletes": Limit.of(200, 10)}


class Bucket:
    """Tokens that come back with time, and the moment until which whoever emptied it is refused."""

    def __init__(self, limit: Limit, now: float) -> None:
        self._limit = limit
        self._tokens = limit.size
        self._at = now
        self._closed_until = -math.inf

    def wait(self, now: float) -> float:
        """Seconds that a request must wait; 0 where it may be served."""
        refilled = self._tokens + max(0.0, now - self._at) * self._limit.per_second
        self._tokens, self._at = min(self._limit.size, refilled), now
        if now < self._closed_until:
            return self._closed_until - now
        if self._tokens < 1:
            self._closed_until = now + self._limit.retry_after
            return self._limit.retry_after
        return 0.0

    def take(self) -> int:
        """Take a token; how many are left."""
        self._tokens -= 1
        return int(self._tokens)

    def is_closed(self, now: float) -> bool:
        """Whether somebody was told to wait, and the time has not come."""
        return now < self._closed_until


@dataclass
class Tally:
    """Requests of one kind: served, refused, and of those how many came before they were told to."""

    served: int = 0
    refused: int = 0
    too_early: int = 0


class Throttle:
    """The buckets of one cloud; all are full when limits are set."""

    def __init__(self, clock: Clock, subscription: str) -> None:
        self._clock = clock
        self._subscription = subscription
        self.limits: dict[str, Limit] = {}
        self.tallies: dict[str, Tally] = {}
        self._buckets: dict[tuple[str, str], Bucket] = {}

    def set(self, document: Mapping[str, Any]) -> None:
        """Take ``reads``, ``writes``, ``deletes``, ``run_history``, or ``preset: azure``.

        :raises InvalidRule: naming the member that is wrong; nothing is changed then
        """
        checks.only(document, "the throttle", {"preset", *_MEMBERS})
        if document.get("preset", "azure") != "azure":
            raise InvalidRule(f"preset must be 'azure', not {document['preset']!r}")
        given = {name: _limit(document, name) for name in _MEMBERS if name in document}
        merged = {**self.limits, **(AZURE if "preset" in document else {}), **given}
        self.limits = {name: limit for name, limit in merged.items() if limit is not None}
        self.tallies = {name: Tally() for name in self.limits}
        self._buckets.clear()

    def clear(self) -> None:
        """No limits."""
        self.limits, self.tallies = {}, {}
        self._buckets.clear()

    def rendered(self) -> dict[str, Any]:
        """The limits, and what became of requests since they were set; null where there is no limit."""
        return {name: self._described(name) if name in self.limits else None for name in _MEMBERS}

    def _described(self, name: str) -> dict[str, Any]:
        return {**vars(self.limits[name]), **vars(self.tallies[name])}

    def admit(self, component: str, method: str, object_id: str) -> dict[str, str]:
        """Count a request of an authenticated caller; the headers that its answer carries.

        :raises AzureError: 429 with Retry-After
        """
        manages = component == "management"
        kind = _KINDS.get(method, "writes") if manages else "run_history"
        limit = self.limits.get(kind)
        if limit is None or not (manages or component == "azureml-region"):
            return {}
        own = self._bucket(kind, object_id, limit)
        if not manages:
            self._take(kind, object_id, own)
            return {}
        together = self._bucket(kind, "*", limit.times(GLOBAL_FACTOR))
        left, left_together = self._take(kind, object_id, own, together)
        prefix = "x-ms-ratelimit-remaining-subscription"
        return {f"{prefix}-{kind}": str(left), f"{prefix}-global-{kind}": str(left_together)}

    def _take(self, kind: str, object_id: str, *buckets: Bucket) -> list[int]:
        self._refuse_early(kind, object_id, *buckets)
        self.tallies[kind].served += 1
        return [bucket.take() for bucket in buckets]

    def _refuse_early(self, kind: str, object_id: str, *buckets: Bucket) -> None:
        now = self._clock.time()
        was_told = any(bucket.is_closed(now) for bucket in buckets)
        wait = max(bucket.wait(now) for bucket in buckets)
        if not wait:
            return
        self.tallies[kind].refused += 1
        self.tallies[kind].too_early += was_told
        raise self._refusal(kind, object_id, max(1, math.ceil(wait)))

    def _bucket(self, kind: str, owner: str, limit: Limit) -> Bucket:
        key = (kind, owner)
        if key not in self._buckets:
            self._buckets[key] = Bucket(limit, self._clock.time())
        return self._buckets[key]

    def _refusal(self, kind: str, object_id: str, seconds: int) -> AzureError:
        if kind == "run_history":
            code, message = "TooManyRequests", f"Too many requests. Try again after {seconds} seconds."
        else:
            code = "SubscriptionRequestsThrottled"
            message = (
                f"Number of '{_WORDS[kind]}' requests for subscription '{self._subscription}' actor "
                f"'{object_id}' exceeded. Please try again after '{seconds}' seconds after additional tokens "
                "are available. Refer to https://aka.ms/arm-throttling for additional information."
            )
        return AzureError(429, code, message, headers={"Retry-After": str(seconds)})


def _limit(document: Mapping[str, Any], name: str) -> Limit | None:
    if document[name] is None:
        return None
    given = checks.child(document, "", name)
    checks.only(given, name, {"size", "per_second", "retry_after"})
    limit = Limit.of(
        checks.number(given, name, "size", least=1),
        checks.number(given, name, "per_second", least=0.001),
    )
    return Limit(
        limit.size, limit.per_second, checks.number(given, name, "retry_after", limit.retry_after, least=1)
    )
