# SPDX-License-Identifier: Apache-2.0
"""The reaper as a task: Airflow is asked through the task's own ways, and the log says it all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_azureml.compat import task_states
from airflow_provider_azureml.errors import AzureMLError
from airflow_provider_azureml.hooks.deployment import deployment_id
from airflow_provider_azureml.hooks.orphan import Verdict
from airflow_provider_azureml.hooks.reaping import Reaper, to_json

if TYPE_CHECKING:
    from airflow_provider_azureml.operators.reaper import AzureMLReaperOperator


def reap(task: AzureMLReaperOperator, context: Mapping[str, Any]) -> dict[str, Any]:
    """One pass; raises AzureMLError when a job could not be cancelled, or Airflow does not answer."""
    _refuse_an_airflow_that_does_not_know(context["ti"])
    acts = not task.is_dry_run
    reaper = Reaper(task.hook, deployment_id(), task_states, acts=acts, grace=task.grace)
    for seen in reaper.run():
        speak = task.log.info if seen.verdict is Verdict.LEAVE else task.log.warning
        speak("%s", seen.line())
        task.unless_killed()
    task.log.info("%s", reaper.tally.sentence())
    if task.is_dry_run and reaper.tally.due:
        task.log.warning("This was a dry run: set dry_run=False to cancel them.")
    if reaper.tally.failed:
        raise AzureMLError(
            f"{reaper.tally.failed} jobs could not be cancelled and may still run; see the log."
        )
    return to_json(reaper.tally, acts)


def _refuse_an_airflow_that_does_not_know(ti: Any) -> None:
    """This very task runs: where the answer leaves it out, what it leaves out of others means nothing."""
    if (ti.run_id, ti.map_index) not in task_states(ti.dag_id, ti.task_id, [ti.run_id]):
        raise AzureMLError("Airflow does not know this very task: its answers about others prove nothing.")
