# SPDX-License-Identifier: Apache-2.0
"""A machine of everything that can happen to two tasks, two triggerers and an Azure, step by step.

A step is a rule's name and a number, from which it draws what it needs: steps can be left out of a list,
and what is left means the same. That is how a failing list is shortened.
"""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Callable
from typing import Any

from airflow_provider_azureml.compat import task_states
from airflow_provider_azureml.errors import AzureMLError
from airflow_provider_azureml.hooks.azureml import AzureMLHook
from airflow_provider_azureml.hooks.deployment import deployment_id
from airflow_provider_azureml.hooks.reaping import Reaper
from airflow_provider_azureml.operators.job import AzureMLRunJobOperator
from azure_sandbox.kernel.ports import Registry
from tests.reliability.world.airflow_model import FINISHED, Task, TaskInstance
from tests.reliability.world.azure import CONNECTION, SUBMITTER, Azure, Life
from tests.reliability.world.cell import JOBS
from tests.reliability.world.oracle import Verdict, jobs, judge
from tests.reliability.world.triggerer import Triggerer
from tests.reliability.world.worker import Worker
from tests.reliability.world.world import World, world

Step = tuple[str, int]
PAUSES = (0.05, 0.5, 2.0, 10.0, 40.0, 130.0, 320.0)
WAITS: tuple[dict[str, Any], ...] = (
    {},
    {"timeout": 500.0},
    {"deferrable": True},
    {"deferrable": True, "timeout": 500.0},
    {"deferrable": True},
    {"wait_for_completion": False},
)
LIVES = (Life(60.0), Life(300.0), Life(700.0), Life(90.0, "Failed"), Life(400.0, canceling=40.0))
REST = 40_000.0
"""Virtual seconds after the last step in which everything must have come to its end."""


class Machine:
    """The world, and one method per rule.

    :param seed: what the tasks are like, and how their jobs live.
    """

    def __init__(self, made: World, seed: int) -> None:
        self.world, self.airflow, self.azure = made, made.airflow, made.azure
        self.dice = random.Random(seed)
        self.azure.sandbox.heal()
        for _ in range(2):
            made.triggerer()
        self.tasks = [self._task(f"machine-{seed}-{number}") for number in range(2)]
        self.instances = [self.airflow.run(task, "run") for task in self.tasks]

    def _task(self, dag_id: str) -> Task:
        wait = self.dice.choice(WAITS)
        lives = [self.dice.choice(LIVES) for _ in range(4)]
        self.azure.live(dag_id, *lives, Life(200.0))
        options = {"job": JOBS[self.dice.choice(tuple(JOBS))], "poll_interval": 60.0, "stream_logs": False}
        waits = wait.get("wait_for_completion", True)
        return Task(lambda: AzureMLRunJobOperator(task_id="run", **options, **wait), dag_id, waits=waits)

    def step(self, rule: str, number: int) -> None:
        """One thing happens, then time passes."""
        self.dice = random.Random(number)
        RULES[rule](self)
        self.world.engine.run(until=self.world.engine.now + self.dice.choice(PAUSES))

    # -- Workers

    def kill_worker(self) -> None:
        for worker in self._workers():
            worker.process.kill()

    def lose_heartbeat(self) -> None:
        for worker in self._workers():
            worker.partitioned = True

    def stop_worker(self) -> None:
        for worker in self._workers():
            worker.process.stall()

    def continue_workers(self) -> None:
        for worker in self.airflow.workers:
            worker.process.unstall()

    def evict_worker(self) -> None:
        for worker in self._workers():
            worker.terminate()

    def _workers(self) -> list[Worker]:
        alive = [worker for worker in self.airflow.workers if not worker.process.ended]
        return [self.dice.choice(alive)] if alive else []

    # -- People

    def clear(self) -> None:
        self.airflow.clear(self._instance())

    def mark_failed(self) -> None:
        self._mark("failed")

    def mark_success(self) -> None:
        self._mark("success")

    def _mark(self, state: str) -> None:
        ti = self._instance()
        if ti.state not in FINISHED:
            self.airflow.mark(ti, state)

    def delete_run(self) -> None:
        """And make it anew, under the same id."""
        index = self.dice.randrange(2)
        self.airflow.delete(self.instances[index])
        self.instances[index] = self.airflow.run(self.tasks[index], "run")

    def edit_retries(self) -> None:
        self._instance().task.retries = self.dice.randrange(1, 6)

    def cancel_job(self) -> None:
        alive = [job for job in jobs(self.world) if not job.status]
        if alive:
            self.azure.cancel_as_person(self.dice.choice(alive).name)

    def reap(self) -> None:
        self._reap(self.dice.choice((0.0, 300.0)))

    def _reap(self, grace: float) -> None:
        def main() -> None:
            with (
                self.world.new_process(),
                contextlib.suppress(AzureMLError),
            ):  # the task fails; another pass comes
                list(
                    Reaper(
                        AzureMLHook(CONNECTION), deployment_id(), task_states, acts=True, grace=grace
                    ).run()
                )

        self.world.engine.spawn("reaper", main)

    def _instance(self) -> TaskInstance:
        return self.dice.choice(self.instances)

    # -- Triggerers

    def kill_triggerer(self) -> None:
        for triggerer in self._triggerers():
            triggerer.kill()
        self.world.triggerer(delay=self.dice.choice((2.0, 20.0, 60.0)))

    def stall_triggerer(self) -> None:
        for triggerer in self._triggerers():
            triggerer.stall()

    def continue_triggerers(self) -> None:
        for triggerer in self.airflow.triggerers:
            if triggerer.process.stalled:
                triggerer.unstall()

    def deploy_triggerer(self) -> None:
        for triggerer in self._triggerers():
            triggerer.stop()
        self.world.triggerer(delay=self.dice.choice((2.0, 20.0)))

    def _triggerers(self) -> list[Triggerer]:
        alive = [t for t in self.airflow.triggerers if not t.process.ended and not t.process.stalled]
        return [self.dice.choice(alive)] if alive else []

    # -- Azure

    def throttle(self) -> None:
        self._fault(429, {"Retry-After": str(self.dice.choice((1, 5, 30, 600)))}, "before")

    def break_service(self) -> None:
        self._fault(self.dice.choice((500, 503)), {}, self.dice.choice(("before", "after")))

    def expire_token(self) -> None:
        self.azure.sandbox.revoke(SUBMITTER)

    def _fault(self, status: int, headers: dict[str, str], phase: str) -> None:
        match = {"host": "*azure*", "count": self.dice.randrange(1, 8)}
        action = {"status": status, "headers": headers}
        self.azure.sandbox.fault({"match": match, "phase": phase, "action": action})

    def rotate_secret(self) -> None:
        """A new secret in the connection; the old one is gone from Entra."""
        registry = self.azure.sandbox.cloud.port(Registry)
        identity = registry.identity_by_name(SUBMITTER)
        assert identity is not None
        os.environ[f"AIRFLOW_CONN_{CONNECTION.upper()}"] = self.azure.connection()
        for password in identity.passwords:
            registry.remove_password(identity.client_id, password.key_id)

    def skew(self) -> None:
        component = self.dice.choice(("entra", "management", "azureml-region"))
        self.azure.sandbox.clock.skew = {component: self.dice.choice((-240.0, 240.0))}

    def pass_time(self) -> None:
        """Polls, ends of jobs, events, retries, timeouts: what happens by itself."""

    # -- The end

    def rest(self) -> Verdict:
        """Nothing strikes any more: everything comes to its end, and the reaper has nothing to add."""
        self.azure.sandbox.cloud.faults.clear()
        self.azure.sandbox.clock.skew = {}
        self.continue_workers()
        self.continue_triggerers()
        self.world.triggerer()
        engine = self.world.engine
        engine.run(until=engine.now + REST, done=self._is_over)
        engine.run(until=engine.now + 1_000.0)
        self._reap(0.0)
        engine.run(until=engine.now + 1_000.0)
        assert self._is_over(), [(ti.key, ti.state, ti.history[-3:]) for ti in self.instances]
        verdict = judge(self.world)
        verdict.red_beside_run.clear()  # tries can run out while Azure is out of reach
        return verdict

    def _is_over(self) -> bool:
        busy = any(not worker.process.ended for worker in self.airflow.workers)
        return not busy and all(ti.state in FINISHED for ti in self.instances)


RULES: dict[str, Callable[[Machine], None]] = {
    name: getattr(Machine, name)
    for name in [
        "kill_worker",
        "lose_heartbeat",
        "stop_worker",
        "continue_workers",
        "evict_worker",
        "clear",
        "mark_failed",
        "mark_success",
        "delete_run",
        "edit_retries",
        "cancel_job",
        "reap",
        "kill_triggerer",
        "stall_triggerer",
        "continue_triggerers",
        "deploy_triggerer",
        "throttle",
        "break_service",
        "expire_token",
        "rotate_secret",
        "skew",
        "pass_time",
    ]
}
WEIGHTS = {"pass_time": 12, "continue_workers": 3, "continue_triggerers": 3}


def drawn(seed: int, length: int) -> list[Step]:
    """The steps of a seed."""
    dice = random.Random(seed)
    names = [name for name in RULES for _ in range(WEIGHTS.get(name, 1))]
    return [(dice.choice(names), dice.randrange(1 << 30)) for _ in range(length)]


def violation(azure: Azure, seed: int, steps: list[Step]) -> str:
    """What a list of steps violates; empty for nothing."""
    os.environ["AIRFLOW__AZUREML__DEPLOYMENT_ID"] = f"machine-{seed}"  # the fixture puts it back
    with world(azure, seed=seed) as made:
        machine = Machine(made, seed)
        try:
            for rule, number in steps:
                machine.step(rule, number)
            return str(machine.rest())
        except AssertionError as problem:
            return f"no end: {problem}"
        finally:
            azure.sandbox.clock.skew = {}


def shortened(azure: Azure, seed: int, steps: list[Step]) -> list[Step]:
    """A list that still violates, from which no single step can be left out."""
    size = len(steps) // 2
    while size:
        for start in range(0, len(steps), size):
            fewer = steps[:start] + steps[start + size :]
            if violation(azure, seed, fewer):
                steps = fewer
                break
        else:
            size //= 2
    return steps
