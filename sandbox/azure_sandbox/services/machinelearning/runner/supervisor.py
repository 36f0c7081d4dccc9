# SPDX-License-Identifier: Apache-2.0
"""Every job's life from NotStarted to its end, and what becomes of it when the sandbox dies.

After a restart, jobs that had not begun to run are started anew; those that ran end Failed, with a
text that says so, since their process is gone and running it twice is not ours to decide.
"""

from __future__ import annotations

import asyncio
import logging
import os
import uuid
from collections.abc import Callable
from typing import Any

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.errors import AzureError
from azure_sandbox.kernel.ledger import PLATFORM, acting
from azure_sandbox.services.machinelearning.assets import Assets
from azure_sandbox.services.machinelearning.effects import JobEffects
from azure_sandbox.services.machinelearning.records import JobFailure, Run
from azure_sandbox.services.machinelearning.runner.pipeline import Pipeline
from azure_sandbox.services.machinelearning.runner.process import end_orphan
from azure_sandbox.services.machinelearning.runner.readers import reader_of
from azure_sandbox.services.machinelearning.runner.secrets import JobSecrets
from azure_sandbox.services.machinelearning.runner.work import TimedOut, Work
from azure_sandbox.services.machinelearning.runner.workplace import Workplace
from azure_sandbox.services.machinelearning.runs import Runs
from azure_sandbox.services.machinelearning.workspaces import Workspaces

log = logging.getLogger(__name__)

#: A job in one of these has no process yet.
_NOT_BEGUN = frozenset({"NotStarted", "Starting", "Preparing", "Queued"})

_Key = tuple[str, str]


class Supervisor:
    """Runs jobs, two at a time unless AZURE_SANDBOX_JOBS says otherwise.

    :param is_scripted: whether a job follows a timeline, and so is nothing to run
    """

    def __init__(
        self,
        cloud: Cloud,
        workspaces: Workspaces,
        assets: Assets,
        runs: Runs,
        effects: JobEffects,
        is_scripted: Callable[[Run], bool],
    ) -> None:
        self.secrets = JobSecrets()
        self._cloud = cloud
        self._workspaces = workspaces
        self._assets = assets
        self._runs = runs
        self._effects = effects
        self._is_scripted = is_scripted
        self._slots = asyncio.Semaphore(int(os.environ.get("AZURE_SANDBOX_JOBS") or 2))
        self._tasks: dict[_Key, asyncio.Task[None]] = {}

    async def start(self) -> None:
        """Settle what an earlier sandbox left behind."""
        for run in self._runs.unfinished():
            if self._is_scripted(run):
                continue
            if run.process_id:
                end_orphan(run.process_id, f"AZUREML_RUN_ID={run.name}")
            if run.status == "CancelRequested":
                self._end(run, "Canceled")
            elif run.kind == "job" and run.job_type != "Pipeline" and run.status in _NOT_BEGUN:
                self.enqueue(run)
            else:
                failure = JobFailure(
                    f"The sandbox was stopped while the job was {run.status}. Submit it again under a new name.",
                    code="ServiceError",
                    inner="NodeLost",
                )
                self._end(run, "Failed", failure)

    async def stop(self) -> None:
        """End all processes; their records stay as they are, for :meth:`start`."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def enqueue(self, run: Run) -> None:
        self._begin(run)

    def stop_run(self, run: Run) -> None:
        """End a run whose status is CancelRequested, and with a pipeline its steps."""
        for child in self._runs.children(run.workspace, run.name):
            if not child.over:
                with self._cloud.store.transaction():
                    asked = self._update(child, status="CancelRequested")
                    self._effects.cancel_requested(asked, child.status)
                self.stop_run(child)
        task = self._tasks.get((run.workspace, run.name))
        if task is not None:
            task.cancel()
        elif run.kind != "run":
            self._end(run, "Canceled")

    async def perform_child(self, child: Run) -> Run:
        """Run a new step to its end; its record then."""
        with self._cloud.store.transaction():
            self._runs.insert(child)
            self._effects.created(child)
        task = self._begin(child)
        await asyncio.wait([task])
        return self._current(child)

    def _begin(self, run: Run) -> asyncio.Task[None]:
        key = (run.workspace, run.name)
        task = asyncio.get_running_loop().create_task(self._live(run))
        self._tasks[key] = task

        def settle(ended: asyncio.Task[None]) -> None:
            self._tasks.pop(key, None)
            # Also where the task was cancelled before its first step, which no handler in it sees.
            if ended.cancelled() and self._current(run).status == "CancelRequested":
                self._end(run, "Canceled")

        task.add_done_callback(settle)
        return task

    async def _live(self, run: Run) -> None:
        """One job; every way to end is written here."""
        # The task outlives the request that began it: what it does is the platform's.
        acting.set(PLATFORM)
        try:
            self._update(run, status="Starting")
            await self._work(run)
            self._end(run, "Completed")
        except JobFailure as failure:
            self._end(run, "Failed", failure)
        except AzureError as error:
            self._end(run, "Failed", JobFailure(error.message, inner=error.code))
        except TimedOut:
            limit = (run.body.get("limits") or {}).get("timeout")
            late = JobFailure(
                f"The job was canceled: it exceeded its timeout of {limit}.", inner="JobTimeout"
            )
            self._end(run, "Canceled", late)
        except Exception:
            log.exception("job %s", run.name)
            self._end(run, "Failed", JobFailure("Internal error of the sandbox.", code="ServiceError"))

    async def _work(self, run: Run) -> None:
        workspace = self._workspaces.by_guid(run.workspace)
        place = Workplace(
            self._cloud,
            workspace,
            run,
            self._assets,
            self.secrets,
            reader_of(self._workspaces, workspace, run),
            advance=lambda status: self._advance(run, status),
            started=lambda process: self._started(run, process),
        )
        if run.job_type == "Pipeline":
            try:
                await Pipeline(place, self._assets, self.perform_child).perform()
            finally:
                place.clear()
        else:
            await Work(place, self._runs, self._slots).perform()

    def _advance(self, run: Run, status: str) -> None:
        if self._current(run).status != "CancelRequested":
            self._update(run, status=status)

    def _started(self, run: Run, process: int) -> None:
        with self._cloud.store.transaction():
            self._effects.started(self._update(run, process_id=process, started=self._cloud.clock.time()))

    def _end(self, run: Run, status: str, failure: JobFailure | None = None) -> None:
        now = self._cloud.clock.time()
        changes: dict[str, Any] = {"status": status, "ended": now, "process_id": 0}
        if failure is not None:
            changes["error"] = failure.document(self._cloud.location, now, uuid.uuid4().hex)
        was = self._current(run).status
        with self._cloud.store.transaction():
            self._effects.ended(self._update(run, **changes), was)

    def _update(self, run: Run, **changes: Any) -> Run:
        """Change the record as it is now, and return it: tags and metrics arrive while a job runs."""
        current = self._current(run)
        for name, value in changes.items():
            setattr(current, name, value)
        self._runs.save(current)
        return current

    def _current(self, run: Run) -> Run:
        return self._runs.get(run.workspace, run.name) or run
