# SPDX-License-Identifier: Apache-2.0
"""Every way to be somebody, by the provider's own resolver: in a worker and in an event loop.

Standard input: the ways as JSON (``tests/wire/ways.py``). Prints, per way and flavour, the claims of the token
or the error; and figures: how long a credential takes to make, and what many askers cost.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from airflow_provider_azureml.connection import Settings, parse
from airflow_provider_azureml.identity import resolver
from airflow_provider_azureml.identity.claims import read_claims

THREADS, TRIGGERS = 20, 500


def settings(name: str, way: dict[str, Any]) -> Settings:
    return parse(name, "azureml", None, way["password"] or None, None, way["extra"])


@contextmanager
def surrounded(way: dict[str, Any]) -> Iterator[None]:
    """By the environment that a way needs, and for no longer."""
    before = dict(os.environ)
    os.environ.update(way["environment"])
    yield
    os.environ.clear()
    os.environ.update(before)


def claims(token: str) -> dict[str, Any]:
    read = read_claims(token)
    return {name: read.get(name) for name in ("oid", "appid", "tid", "aud", "iss")}


def in_worker(own: Settings) -> dict[str, Any]:
    resolver.forget(own)
    return claims(resolver.credential(own).get_token(own.cloud.arm_scope).token)


def in_triggerer(own: Settings) -> dict[str, Any]:
    resolver.forget(own)

    async def ask() -> str:
        return (await resolver.async_credential(own).get_token(own.cloud.arm_scope)).token

    return claims(asyncio.run(ask()))


def tried(action: Any, own: Settings) -> dict[str, Any]:
    try:
        return dict(action(own))
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


def made_in(own: Settings) -> float:
    """Milliseconds that a credential takes to make, when azure-identity is imported: the median of nine."""
    times = []
    for _ in range(9):
        resolver.forget(own)
        began = time.perf_counter()
        resolver.credential(own)
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def many(own: Settings) -> list[str]:
    """Threads, then triggers of an event loop, ask for one scope together; the ends they met."""
    resolver.forget(own)
    barrier, scope = threading.Barrier(THREADS), own.cloud.arm_scope

    def thread(number: int) -> str:
        barrier.wait()
        return end(lambda: resolver.credential(own).get_token(scope).token)

    async def triggers() -> list[Any]:
        shared = resolver.async_credential(own)
        asked = (shared.get_token(scope) for _ in range(TRIGGERS))
        return await asyncio.gather(*asked, return_exceptions=True)

    with ThreadPoolExecutor(THREADS) as pool:
        ends = set(pool.map(thread, range(THREADS)))
    return sorted(ends | {type(item).__name__ for item in asyncio.run(triggers())})


def end(action: Any) -> str:
    try:
        action()
    except Exception as error:
        return type(error).__name__
    return "token"


def main() -> None:
    given = json.load(sys.stdin)
    found: dict[str, Any] = {"ways": {}, "made_in": {}, "many": {}}
    for name, way in given["ways"].items():
        own = settings(name, way)
        with surrounded(way):
            found["ways"][name] = {"sync": tried(in_worker, own), "async": tried(in_triggerer, own)}
            found["made_in"][name] = made_in(own)
    for name, way in given["many"].items():
        with surrounded(way):
            found["many"][name] = many(settings(name, way))
    sys.stdout.write("\nFOUND " + json.dumps(found))


if __name__ == "__main__":
    main()
