# SPDX-License-Identifier: Apache-2.0
"""The work of `access plan`."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_azureml.access.needs import Wanted
from airflow_provider_azureml.access.scope import short
from airflow_provider_azureml.cli.access_hook import reading_hook
from airflow_provider_azureml.cli.command import FOUND, OK
from airflow_provider_azureml.cli.table import say, table

if TYPE_CHECKING:
    from airflow_provider_azureml.hooks.azureml import AzureMLHook
    from airflow_provider_azureml.hooks.dag_folder import DagFolder
    from airflow_provider_azureml.hooks.task_needs import TaskNeeds

HEAD = ("TASK", "CONNECTION", "WHO", "LEAST ROLE", "SCOPE", "ACTIONS", "WHY")


def plan(given: Namespace) -> int:
    """Print what each task needs; FOUND when something was not understood."""
    from airflow_provider_azureml.hooks.dag_folder import read

    folder = read(Path(given.dags))
    return show(folder, reading_hook(given.conn_id), is_json=given.json)


def show(folder: DagFolder, hook: AzureMLHook, *, is_json: bool) -> int:
    """Print it; returns the exit code."""
    from airflow_provider_azureml.hooks.inference import Inference

    printed = [line for needs in Inference(folder, hook).needs() for line in lines(needs)]
    if is_json:
        sys.stdout.write(json.dumps(printed, indent=1) + "\n")
    else:
        table([HEAD, *(cells(line) for line in printed)])
        for file, problem in folder.problems.items():
            say(f"{file} cannot be imported: {(problem.strip().splitlines() or [''])[-1]}")
    is_open = any(line["doubt"] for line in printed)
    return FOUND if is_open or folder.problems else OK


def lines(needs: TaskNeeds) -> Iterator[dict[str, Any]]:
    """One for each thing that a role gives, its actions together; one for each note."""
    base = {"task": needs.task.name, "conn_id": needs.task.conn_id, "is_ungranted": needs.is_ungranted}
    groups: dict[tuple[str, str, str, str], list[Wanted]] = {}
    for each in needs.wanted:
        groups.setdefault((each.who, each.role, each.need.scope, each.why), []).append(each)
    for (who, role, scope, why), wanted in groups.items():
        first = wanted[0]
        secret = f"the datastore stores credentials ({first.secret})" if first.secret else ""
        yield {
            **base,
            "who": who,
            "run": needs.run if who == "run" else "",
            "role": role,
            "scope": scope,
            "why": why,
            "actions": list(dict.fromkeys(each.need.action for each in wanted)),
            "doubt": first.doubt or secret,
        }
    for note in needs.notes:
        blank = {"who": "", "run": "", "role": "", "scope": "", "why": "", "actions": []}
        yield {**base, **blank, "doubt": note}


def cells(line: dict[str, Any]) -> tuple[str, ...]:
    """A line for a table."""
    why = " ".join(filter(None, (line["why"], f"({line['doubt']})" if line["doubt"] else "")))
    return (
        line["task"],
        line["conn_id"] or "-",
        line["who"] or "-",
        line["role"] or "-",
        short(line["scope"]) if line["scope"] else "-",
        str(len(line["actions"])) if line["actions"] else "-",
        f"{why}; meant to be refused" if line["is_ungranted"] else why,
    )
