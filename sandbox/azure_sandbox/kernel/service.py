# SPDX-License-Identifier: Apache-2.0
"""What a service hands to the application: its operations, its share of the seed, its lifetime."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from azure_sandbox.kernel.operation import Operation

Seed = dict[str, Any]


async def _nothing() -> None:
    return None


def _no_seed(document: Seed) -> None:
    return None


@dataclass(frozen=True)
class Service:
    """One entry of the list in ``app.py``.

    :param seed: puts the service's part of the seed file into the store; run on every start, so it
        must leave alone what exists
    :param start: begins background work once the gateway listens
    :param stop: ends it; must return within seconds
    :param hosts: names outside of Azure that the gateway opens for it, ``*`` as in a certificate
    :param describe: what ``cloud.json`` says of it, for people and tests; asked once the gateway listens
    """

    name: str
    operations: list[Operation] = field(default_factory=list)
    seed: Callable[[Seed], None] = _no_seed
    start: Callable[[], Awaitable[None]] = _nothing
    stop: Callable[[], Awaitable[None]] = _nothing
    hosts: Callable[[], tuple[str, ...]] = tuple
    describe: Callable[[], dict[str, Any]] = dict
