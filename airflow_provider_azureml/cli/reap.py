# SPDX-License-Identifier: Apache-2.0
"""`reap`: the living jobs whose task is over or gone, shown; with `--yes`, cancelled."""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import TYPE_CHECKING

from airflow_provider_azureml.cli.command import FOUND, OK, Argument, Command
from airflow_provider_azureml.errors import ConfigurationError

if TYPE_CHECKING:
    from airflow_provider_azureml.hooks.azureml import AzureMLHook
    from airflow_provider_azureml.hooks.reaping import Tally

DESCRIPTION = """\
Lists the jobs of this Airflow in one workspace that have not ended, and asks Airflow's database how
their tasks are. Nothing is changed, unless --yes is given: then those whose task is over or gone are
cancelled. A job about which Airflow does not answer is never cancelled. Run it where Airflow runs.

Exit code: 0 nothing is left to do; 1 jobs are left for a person (to cancel, or to look at); 2 no look."""

COMMAND = Command(
    ("reap",),
    "Cancel jobs that no task answers for any more (a dry run without --yes)",
    f"{__name__}:reap",
    (
        Argument(("--conn-id",), "Connection to look and to cancel with.", {"default": "azureml_default"}),
        Argument(("--yes",), "Cancel. Without it, nothing is changed.", {"action": "store_true"}),
        Argument(
            ("--grace",),
            "Seconds for which a new job, or one whose task just ended, is left alone (default: 300).",
            {"type": float, "default": 300.0},
        ),
    ),
    DESCRIPTION,
)


def reap(given: Namespace) -> int:
    """One pass; returns the exit code. Raises AzureMLError."""
    from airflow_provider_azureml.compat import database_address, task_states_from_database, use_database
    from airflow_provider_azureml.hooks.deployment import deployment_id
    from airflow_provider_azureml.hooks.reaping import Reaper

    use_database()
    deployment, hook = deployment_id(), _hook(given.conn_id)
    _say(f"Living jobs of deployment '{deployment}' in workspace {hook.workspace.path}")
    _say(f"as connection '{given.conn_id}'; their tasks are looked up in {database_address()}\n")
    reaper = Reaper(hook, deployment, task_states_from_database, acts=given.yes, grace=given.grace)
    for seen in reaper.run():
        _say(seen.line())
    _say(f"\n{reaper.tally.sentence()}")
    return advise(reaper.tally, given)


def _hook(conn_id: str) -> AzureMLHook:
    from airflow_provider_azureml.compat import AirflowException
    from airflow_provider_azureml.hooks.azureml import AzureMLHook

    hook = AzureMLHook(conn_id)
    try:
        hook.settings.require("workspace_name")
    except AirflowException as error:
        raise ConfigurationError("--conn-id", str(error), "See: airflow connections list") from error
    return hook


def advise(tally: Tally, given: Namespace) -> int:
    """Say what to do next; returns the exit code."""
    if tally.due and not given.yes:
        again = f"airflow-azureml reap --conn-id {given.conn_id} --grace {given.grace:g} --yes"
        _say(f"Nothing was cancelled. To cancel what is marked CANCEL:\n  {again}")
    return FOUND if tally.due > tally.cancelled + tally.ended or tally.unknown else OK


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
