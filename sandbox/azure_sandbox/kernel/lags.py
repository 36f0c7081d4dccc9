# SPDX-License-Identifier: Apache-2.0
"""How long Azure takes to notice what it was told: seconds between a change and its effect.

What is made while a lag is set takes effect that much later, at the latest: of several replicas each
has its own moment, and every request meets one of them at random, from a seed.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from azure_sandbox.kernel import checks
from azure_sandbox.kernel.clock import Clock

#: Seconds; a week.
_LONGEST = 604_800.0


@dataclass(frozen=True)
class LagSettings:
    """Seconds, unless said otherwise.

    :param role_assignment: before a new role assignment grants anything
    :param role_removal: before a role assignment that was removed, or has ended, grants nothing any more
    :param app_password: before a new client secret can log in. Entra promises nothing; 4-18 s were
        observed (microsoft-graph-docs-contrib#1921), shortened here so that a demo stays brisk
    :param federated_credential: before a new federated credential is known to the token endpoint
    :param list_by_property: before a new job stands in ARM's list
    :param replicas: how many there are of each
    :param seed: of what is random
    :param token_lifetime: of new access tokens; 0: as long as Entra's
    """

    role_assignment: float = 0.0
    role_removal: float = 0.0
    app_password: float = 3.0
    federated_credential: float = 0.0
    list_by_property: float = 0.0
    replicas: int = 1
    seed: int = 0
    token_lifetime: float = 0.0


class Lags:
    """The settings of one cloud, in memory, and the replicas."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.settings = LagSettings()
        self._random = random.Random(0)

    def set(self, document: Mapping[str, Any]) -> None:
        """Change some of the settings.

        :raises azure_sandbox.kernel.checks.InvalidRule: naming the member that is wrong
        """
        checks.only(document, "the lags", set(vars(self.settings)))
        given = {
            name: checks.number(
                document,
                "",
                name,
                whole=name in ("replicas", "seed"),
                least=1 if name == "replicas" else 0,
                most=100 if name == "replicas" else _LONGEST,
            )
            for name in document
        }
        self.settings = replace(self.settings, **given)
        self._random = random.Random(self.settings.seed)

    def clear(self) -> None:
        """Back to how a sandbox starts."""
        self.settings = LagSettings()

    def time(self) -> float:
        return self._clock.time()

    def replica(self) -> int:
        """The replica that somebody meets."""
        return self._random.randrange(self.settings.replicas) if self.settings.replicas > 1 else 0

    def knows(self, replica: int, thing: str, known_to_all: float, lag: float) -> bool:
        """Whether a replica has noticed a thing.

        :param known_to_all: when the last replica notices it, ``lag`` seconds after it was made
        """
        now = self._clock.time()
        return now >= known_to_all or now >= known_to_all - lag * (1 - self._share(replica, thing))

    def _share(self, replica: int, thing: str) -> float:
        """How much of the lag a replica takes: all take another share, one of them the whole."""

        def order(number: int) -> int:
            return zlib.crc32(f"{self.settings.seed}/{thing}/{number}".encode())

        replicas = sorted(range(self.settings.replicas), key=order)
        return (replicas.index(replica) + 1) / len(replicas)
