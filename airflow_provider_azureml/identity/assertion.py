# SPDX-License-Identifier: Apache-2.0
"""Somebody else's token that vouches for us: looked at before Entra sees it, and kept while it is good.

What Entra would certainly refuse is refused here, with issuer, subject and audience, which are no
secrets and are what a federated credential is compared with; the token itself is never shown.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_azureml.errors import DeniedError
from airflow_provider_azureml.identity.claims import read_claims, read_header
from airflow_provider_azureml.identity.shared import patiently

Fetch = Callable[[], str]
Mask = Callable[[str], None]
SKEW = 300.0
"""Seconds that Entra lets the clocks of others be ahead of its own."""
SOON = 10.0
"""Seconds that an assertion needs to reach Entra."""
KEPT_UNTIL = 60.0
"""Seconds before its end at which a kept assertion is fetched anew."""


@dataclass(frozen=True)
class Presented:
    """What an assertion says of itself. Times are seconds since the epoch; 0 when it does not say."""

    issuer: str
    subject: str
    audiences: tuple[str, ...]
    algorithm: str
    not_before: float
    expires_on: float

    @classmethod
    def of(cls, token: str) -> Presented | None:
        """Read a JSON web token; None when it is none."""
        claims = read_claims(token)
        if not claims:
            return None
        return cls(
            _text(claims, "iss"),
            _text(claims, "sub"),
            _audiences(claims.get("aud")),
            _text(read_header(token), "alg"),
            _moment(claims, "nbf"),
            _moment(claims, "exp"),
        )

    def __str__(self) -> str:
        audiences = "', '".join(self.audiences)
        return f"issuer '{self.issuer}', subject '{self.subject}', audience '{audiences}'"


def _text(claims: Mapping[str, Any], name: str) -> str:
    return str(claims.get(name) or "")


def _moment(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    return float(value) if isinstance(value, int | float) else 0.0


def _audiences(value: object) -> tuple[str, ...]:
    listed = value if isinstance(value, list) else [value]
    return tuple(item for item in listed if isinstance(item, str))


def usable(
    token: str, source: str, audience: str = "", clock: Callable[[], float] = time.time
) -> tuple[str, Presented]:
    """The token and what it says, when Entra may take it. Raises DeniedError, which never holds the token.

    :param source: where it is from, for the error.
    :param audience: what the federated credential expects; not compared when empty.
    """
    said = Presented.of(token)
    if said is None:
        raise _refused("NoAssertion", f"{source} gave no JSON web token.", "Check what answers there.")
    now = clock()
    if said.expires_on - now < SOON:
        problem = f"The assertion of {source} expired {now - said.expires_on:.0f} s ago ({said})."
        raise _refused("AssertionExpired", problem, "Check who renews it, and the clock.")
    if said.not_before - now > SKEW:
        problem = (
            f"The assertion of {source} is not valid for another {said.not_before - now:.0f} s ({said})."
        )
        raise _refused("AssertionTooEarly", problem, "Check the clock.")
    if audience and audience not in said.audiences:
        problem = f"The assertion of {source} is for another audience ({said})."
        raise _refused(
            "AssertionAudience", problem, f"Ask there for '{audience}', or set assertion_audience."
        )
    if not said.algorithm.startswith("RS"):
        problem = f"The assertion of {source} is signed with '{said.algorithm}' ({said})."
        raise _refused("AssertionAlgorithm", problem, "Entra takes RS256 only: change the issuer's key.")
    return token, said


def _refused(code: str, problem: str, mend: str) -> DeniedError:
    return DeniedError(401, code, f"{problem} {mend}")


class Kept:
    """An assertion that is fetched once and used until a minute before its end, by any thread.

    :param fetch: gives a new, usable one.
    """

    def __init__(self, fetch: Fetch, clock: Callable[[], float] = time.time) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._token = ""
        self._until = 0.0

    def __call__(self) -> str:
        """The assertion."""
        with patiently(self._lock) as is_mine:
            if not is_mine:
                return self._fetch()
            if self._clock() >= self._until:
                self._token = self._fetch()
                said = Presented.of(self._token)
                self._until = (said.expires_on if said else 0.0) - KEPT_UNTIL
            return self._token
