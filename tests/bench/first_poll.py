# SPDX-License-Identifier: Apache-2.0
"""Start the provider's triggers in a fresh event loop, and print when the connection was known.

A script of `triggerer.py`, which reads in the sandbox's request log when the first of them was asked
for. The connection stands in the environment; what is left is ours: imports, sign-in, discovery, poll.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

from airflow.sdk import BaseHook

from airflow_provider_azureml.triggers.job import AzureMLJobTrigger

TRIGGERS = 100
SECONDS = 8.0


async def main() -> None:
    """Entry; the moment is a Unix time on the last line of stdout."""
    known: list[float] = []
    lookup = BaseHook.aget_connection

    async def noted(conn_id: str) -> Any:
        found = await lookup(conn_id)
        known.append(time.time())
        return found

    BaseHook.aget_connection = noted
    triggers = [AzureMLJobTrigger("azureml_bench", f"job-{number}") for number in range(TRIGGERS)]
    tasks = [asyncio.create_task(anext(trigger.run())) for trigger in triggers]
    await asyncio.wait(tasks, timeout=SECONDS)
    for task in tasks:
        task.cancel()
    sys.stdout.write(f"\n{known[0]}\n")


if __name__ == "__main__":
    asyncio.run(main())
