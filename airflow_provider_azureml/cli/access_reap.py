# SPDX-License-Identifier: Apache-2.0
"""`access reap`: grants for the time of a run that nobody gave back, shown; with `--yes`, deleted."""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import TYPE_CHECKING

from airflow_provider_azureml.cli.command import FOUND, OK, Argument, Command

if TYPE_CHECKING:
    from airflow_provider_azureml.hooks.grant_reaping import GrantTally

DESCRIPTION = """\
Lists the role assignments that this Airflow's broker made for the time of a run. Nothing is changed, unless
--yes is given: then those are deleted whose time is over and on which no run has a living lease. What a
person, another deployment or another identity made is never touched.

Exit code: 0 nothing is left to do; 1 assignments are left for a person; 2 no look."""

COMMAND = Command(
    ("access", "reap"),
    "End grants that no teardown gave back (a dry run without --yes)",
    f"{__name__}:reap",
    (
        Argument(
            ("--scope",),
            "ARM id below which to look: a resource group of the broker's, or the subscription; several may follow.",
            {"required": True, "nargs": "+"},
        ),
        Argument(
            ("--conn-id",), "The broker's connection (default: [azureml] broker_conn_id).", {"default": ""}
        ),
        Argument(("--yes",), "Delete. Without it, nothing is changed.", {"action": "store_true"}),
    ),
    DESCRIPTION,
)


def reap(given: Namespace) -> int:
    """One pass; returns the exit code. Raises AzureMLError."""
    from airflow_provider_azureml.compat import use_database
    from airflow_provider_azureml.hooks.azureml import AzureMLHook
    from airflow_provider_azureml.hooks.broker import Broker, broker_conn_id
    from airflow_provider_azureml.hooks.grant_reaping import GrantReaper

    use_database()
    conn_id = broker_conn_id(given.conn_id)
    broker = Broker(AzureMLHook(conn_id))
    _say(
        f"Grants of deployment '{broker.desk.deployment}' by connection '{conn_id}' ({broker.desk.broker})\n"
    )
    reaper = GrantReaper(broker, given.scope, acts=given.yes)
    for seen in reaper.run():
        _say(seen.line())
    _say(f"\n{reaper.tally.sentence()}")
    return advise(reaper.tally, given, conn_id)


def advise(tally: GrantTally, given: Namespace, conn_id: str) -> int:
    """Say what to do next; returns the exit code."""
    if tally.due and not given.yes:
        again = f"airflow-azureml access reap --conn-id {conn_id} --scope {' '.join(given.scope)} --yes"
        _say(f"Nothing was deleted. To delete what is marked DELETE:\n  {again}")
    return FOUND if tally.due > tally.deleted + tally.kept else OK


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
