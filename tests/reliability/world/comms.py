# SPDX-License-Identifier: Apache-2.0
"""Airflow's own line from a process to its supervisor (`SUPERVISOR_COMMS`), answered by the model.

Connections come from the environment, as Airflow looks there first. Every message that changes
something is an effect, before and after which a process can die.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.sdk.execution_time import comms, task_runner

if TYPE_CHECKING:
    from tests.reliability.world.world import World


class Line:
    """Both directions of the line, for whichever process asks."""

    def __init__(self, world: World) -> None:
        self._world = world

    def send(self, msg: Any) -> Any:
        """Answer one message; raises LookupError for one that nobody foresaw."""
        if isinstance(msg, comms.MaskSecret):
            return None
        if isinstance(msg, comms.GetTaskStates):
            return self._states(msg)
        raise LookupError(f"nobody answers {type(msg).__name__}")

    async def asend(self, msg: Any) -> Any:
        """The same in an event loop."""
        return self.send(msg)

    def _states(self, msg: comms.GetTaskStates) -> comms.TaskStatesResult:
        map_index = -1 if msg.map_index is None else msg.map_index
        found: dict[str, dict[str, Any]] = {}
        for run_id in msg.run_ids or []:
            for task_id in msg.task_ids or []:
                state = self._world.airflow.state_of(msg.dag_id, run_id, task_id, map_index)
                if state is not None:
                    key = task_id if map_index < 0 else f"{task_id}_{map_index}"
                    found.setdefault(run_id, {})[key] = state
        return comms.TaskStatesResult(task_states=found)


@contextmanager
def connected(world: World) -> Iterator[None]:
    """The line is there for the time of the block."""
    absent = object()
    before = getattr(task_runner, "SUPERVISOR_COMMS", absent)
    task_runner.SUPERVISOR_COMMS = Line(world)  # type: ignore[assignment]
    try:
        yield
    finally:
        if before is absent:
            del task_runner.SUPERVISOR_COMMS
        else:
            task_runner.SUPERVISOR_COMMS = before  # type: ignore[assignment]
