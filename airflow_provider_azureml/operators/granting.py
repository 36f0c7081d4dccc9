# SPDX-License-Identifier: Apache-2.0
"""What the operators of grants do, apart from them so that no parse of a DAG pays for it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow_provider_azureml.access.grant import STANDING, lease_seconds
from airflow_provider_azureml.access.leasing import Held
from airflow_provider_azureml.access.verify import doubts, refused
from airflow_provider_azureml.compat import TaskDeferred
from airflow_provider_azureml.errors import AzureMLError, ConfigurationError
from airflow_provider_azureml.hooks.azureml import AzureMLHook
from airflow_provider_azureml.hooks.broker import Broker
from airflow_provider_azureml.hooks.grant_reaping import GrantReaper, GrantTally
from airflow_provider_azureml.hooks.verifying import MEMORY, Verifier
from airflow_provider_azureml.operators.effect import Wait, note_effective, why_not
from airflow_provider_azureml.operators.job import definition_of
from airflow_provider_azureml.operators.lending import candidates, shared
from airflow_provider_azureml.rest.assignment import Grant
from airflow_provider_azureml.spec.job import compile_job

if TYPE_CHECKING:
    from airflow_provider_azureml.operators.grant import (
        AzureMLBrokerOperator,
        AzureMLGrantAccessOperator,
        AzureMLGrantReaperOperator,
    )

FAILED = "failed: "


def grant(task: AzureMLGrantAccessOperator, context: Mapping[str, Any]) -> dict[str, Any]:
    """Lease all grants, then wait until they work; returns the task's result."""
    seconds = lease_seconds(task.valid_for)
    ti = context["ti"]
    broker = Broker(task.hook, task.through, f"{ti.dag_id}, {ti.task_id}, {ti.run_id}")
    wished = wishes(task, broker)
    record = {
        "holder": f"{ti.dag_id}/{ti.run_id}/{ti.task_id}/{ti.map_index}",
        "lease": str(uuid.uuid4()),
        "through": task.through,
        "broker": task.azureml_conn_id,
        "grants": [],
    }
    with given_back_on_failure(broker, record):
        held = _taken(broker, wished, record, seconds)
        task.unless_killed()
        leased = [each.grant for each in held if each.how != STANDING]
        return _awaited(task, context, leased, record) if leased else record


@contextmanager
def given_back_on_failure(broker: Broker, record: Mapping[str, Any]) -> Iterator[None]:
    """A setup that fails has no teardown: what it was granted is given back. A wait elsewhere goes on with it."""
    try:
        yield
    except TaskDeferred:
        raise
    except BaseException:
        give_back(broker, record)
        raise


def wishes(task: AzureMLGrantAccessOperator, broker: Broker) -> list[Grant]:
    """What is to be granted. Raises ConfigurationError."""
    if not task.grants and task.job is None:
        mend = "Pass grants, a list of principal_id, role and scope, or a job."
        raise ConfigurationError("grants", "is empty: there is nothing to grant.", mend)
    found = [broker.grant_of(given) for given in task.grants]
    return list(dict.fromkeys([*found, *_lacking(task)]))


def _lacking(task: AzureMLGrantAccessOperator) -> list[Grant]:
    """What the run identity of the task's job lacks, and what it has for a while only."""
    if task.job is None:
        return []
    if not task.job_conn_id:
        raise ConfigurationError("job_conn_id", "is missing.", "Name the connection that submits the job.")
    hook = AzureMLHook(task.job_conn_id)
    compiled = compile_job(definition_of(task, task.job), hook.workspace.path, {})
    judged = Verifier(hook, task.hook).judge(compiled)
    if line := doubts(judged):
        task.log.warning("Access is not certain, and nothing is granted for it: %s", line)
    return [*candidates(refused(judged)), *shared(judged)]


def _taken(broker: Broker, wished: Sequence[Grant], record: dict[str, Any], seconds: float) -> list[Held]:
    """All of them, each written down as soon as it is there."""
    held: list[Held] = []
    for each in wished:
        held.append(broker.take(each, record["holder"], record["lease"], seconds))
        record["grants"].append({**asdict(held[-1].grant), "how": held[-1].how})
    return held


def _awaited(
    task: AzureMLGrantAccessOperator, context: Mapping[str, Any], leased: list[Grant], record: dict[str, Any]
) -> dict[str, Any]:
    """Wait until they work, here or in the triggerer."""
    deadline = task.deadline(context) or time.time()
    wait = Wait.of(task.hook, leased, task.probe_conn_id, task.minimum_wait, deadline, task.poll_interval)
    if task.deferrable:
        task.defer(trigger=wait.trigger(record), method_name="proceed")
    return concluded(task, wait.watch(task), record)


def concluded(
    task: AzureMLGrantAccessOperator, event: Mapping[str, Any], record: dict[str, Any]
) -> dict[str, Any]:
    """The result once the grants work; raises AzureMLError when they do not in time."""
    if why := why_not(event):
        raise AzureMLError(f"What was granted does not work: {why}. It is given back; try again.")
    note_effective(task.hook, [_grant_of(each) for each in record["grants"] if each["how"] != STANDING])
    task.log.info("All grants work, after %d looks", event["looks"])
    return record


def proceed(task: AzureMLGrantAccessOperator, event: Mapping[str, Any]) -> dict[str, Any]:
    """The rest of a setup that waited in the triggerer."""
    record = dict(event["carried"])
    with given_back_on_failure(Broker(task.hook, task.through), record):
        return concluded(task, event, record)


def revoke(task: AzureMLBrokerOperator, granted: Any) -> dict[str, str]:
    """Give back what a setup was granted; raises AzureMLError when one could not be given back."""
    if not granted:
        task.log.info("The setup has granted nothing.")
        return {}
    if not isinstance(granted, Mapping) or "grants" not in granted:
        mend = "Pass the result of AzureMLGrantAccessOperator: granted=grant.output"
        raise ConfigurationError("granted", "is no result of a grant.", mend)
    outcomes = give_back(Broker(task.hook, str(granted["through"])), granted)
    failed = [f"{name}: {outcome}" for name, outcome in outcomes.items() if outcome.startswith(FAILED)]
    if failed:
        raise AzureMLError(f"{len(failed)} grants could not be given back. {' '.join(failed)}")
    return outcomes


def give_back(broker: Broker, record: Mapping[str, Any]) -> dict[str, str]:
    """End all leases of a record; what came of each, by the assignment's name. Raises nothing."""
    outcomes: dict[str, str] = {}
    MEMORY.clear()  # what it knew to be granted is so no longer
    for each in record["grants"]:
        granted = _grant_of(each)
        if each["how"] == STANDING:
            outcomes[granted.name] = STANDING
            continue
        try:
            outcomes[granted.name] = broker.give_back(granted, record["holder"], record["lease"])
        except AzureMLError as error:
            broker.hook.log.error("%s could not be given back; its time ends it: %s", granted, error)
            outcomes[granted.name] = f"{FAILED}{error}"
    return outcomes


def _grant_of(each: Mapping[str, Any]) -> Grant:
    return Grant(**{name: value for name, value in each.items() if name != "how"})


def reap(task: AzureMLGrantReaperOperator) -> dict[str, Any]:
    """One pass; raises AzureMLError when an assignment could not be deleted."""
    reaper = GrantReaper(Broker(task.hook), task.scopes, acts=not task.is_dry_run)
    for seen in reaper.run():
        task.log.info("%s", seen.line())
        task.unless_killed()
    tally: GrantTally = reaper.tally
    task.log.info("%s", tally.sentence())
    if task.is_dry_run and tally.due:
        task.log.warning("This was a dry run: set dry_run=False to delete them.")
    if tally.failed:
        raise AzureMLError(f"{tally.failed} assignments could not be deleted; see the log.")
    return {"dry_run": task.is_dry_run, **asdict(tally)}
