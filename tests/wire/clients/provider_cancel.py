# SPDX-License-Identifier: Apache-2.0
"""End a job's trigger as Airflow 3.3 does: `on_kill`, a second cancel one second later, `cleanup`.

Arguments: job, owner. Says READY once it watches, and goes on when told so; then FOUND and JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from types import SimpleNamespace
from typing import Any

from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import TaskStatesResult

from airflow_provider_azureml.triggers.job import AzureMLJobTrigger


async def cancelled(task: asyncio.Task[Any]) -> bool:
    """Cancel a task; whether it ended so."""
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        return True
    return False


async def main(name: str, owner: str) -> dict[str, Any]:
    """The task was marked failed while it was deferred."""
    failed = TaskStatesResult(task_states={"r": {"slow": "failed"}})
    task_runner.SUPERVISOR_COMMS = SimpleNamespace(send=lambda message: failed)  # type: ignore[assignment]
    trigger = AzureMLJobTrigger("azureml_train", name, owner, poll_interval=0.3)
    place = {"dag_id": "wire", "task_id": "slow", "run_id": "r", "map_index": -1}
    trigger.task_instance = SimpleNamespace(**place, try_number=1)  # type: ignore[assignment]
    watching = asyncio.create_task(anext(trigger.run()))  # type: ignore[arg-type]
    await asyncio.sleep(1.5)
    sys.stdout.write("READY\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)
    found = {"watch ended": await cancelled(watching)}
    killing = asyncio.create_task(trigger.on_kill())
    await asyncio.sleep(1.0)
    found["kill was interrupted"] = await cancelled(killing)
    await trigger.cleanup()
    await asyncio.sleep(4.0)
    return found


if __name__ == "__main__":
    sys.stdout.write("FOUND " + json.dumps(asyncio.run(main(*sys.argv[1:]))) + "\n")
