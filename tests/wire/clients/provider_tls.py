# SPDX-License-Identifier: Apache-2.0
"""Everything of the provider that speaks HTTPS, once per case. Prints what became of it as JSON."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from typing import Any

from airflow_provider_azureml.hooks.azureml import AzureMLHook
from airflow_provider_azureml.hooks.keyvault import AzureKeyVaultHook
from airflow_provider_azureml.hooks.lake import AzureDataLakeHook
from airflow_provider_azureml.rest.driver import AsyncDriver, Driver
from airflow_provider_azureml.rest.flow import Flow, Request, expect
from airflow_provider_azureml.rest.retry import ONCE

SECRET = "airflow-registry"


class Nobody:
    """No token is asked for."""

    def get_token(self, *scopes: str) -> Any:
        raise AssertionError(scopes)


def status(url: str) -> Flow[int]:
    return expect((yield Request("GET", url)), 200, 401).status


async def asynchronous(url: str) -> Any:
    """The same connection for several requests, as long as the server keeps it."""
    async with AsyncDriver(Nobody(), AzureMLHook("azureml_prep").settings.cloud, retry=ONCE) as driver:
        found = [await driver.run(status(url)) for _ in range(3)]
        session = driver._client._pipeline._transport.session
        kept = [len(pooled) for pooled in session.connector._conns.values()]
        return [*found, kept]


def synchronous(url: str) -> Any:
    with Driver(Nobody(), AzureMLHook("azureml_prep").settings.cloud, retry=ONCE) as driver:
        return driver.run(status(url))


def outcome(action: Callable[[], Any]) -> Any:
    try:
        return action()
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:300]


def everything(url: str) -> dict[str, Any]:
    """Without trust the drivers alone: a hook would insist for minutes."""
    drivers = {
        "sync": outcome(lambda: synchronous(url)),
        "async": outcome(lambda: asyncio.run(asynchronous(url))),
    }
    if isinstance(drivers["sync"], str):
        return drivers
    return {
        **drivers,
        "sign-in": outcome(lambda: bool(AzureMLHook("azureml_prep").identity().object_id)),
        "lake": outcome(lambda: AzureDataLakeHook("azureml_land").exists("raw", "nothing-of-this-name")),
        "vault": outcome(lambda: bool(AzureKeyVaultHook("azureml_rotation").get_secret(SECRET))),
    }


def main(url: str) -> None:
    """Each case of stdin in a fork of this process, which has loaded Airflow and no HTTP package of the drivers."""
    assert "aiohttp" not in sys.modules
    for name, trust in json.load(sys.stdin).items():
        child = os.fork()
        if not child:
            os.environ.update(trust)
            sys.stdout.write(f"FOUND {json.dumps([name, everything(url)])}\n")
            return
        os.waitpid(child, 0)


if __name__ == "__main__":
    main(sys.argv[1])
