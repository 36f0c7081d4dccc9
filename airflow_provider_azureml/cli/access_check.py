# SPDX-License-Identifier: Apache-2.0
"""The work of `access check`."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from pathlib import Path

from airflow_provider_azureml.access.row import HEAD, Row
from airflow_provider_azureml.cli.access_hook import reading_hook
from airflow_provider_azureml.cli.command import FOUND, OK
from airflow_provider_azureml.cli.table import say, table


def check(given: Namespace) -> int:
    """Compare and print; FOUND when something is not as declared. Raises AzureMLError: no look."""
    from airflow_provider_azureml.hooks.access_check import Comparison
    from airflow_provider_azureml.hooks.dag_folder import read
    from airflow_provider_azureml.hooks.manifest_file import load

    manifest, hook = load(Path(given.manifest)), reading_hook(given.conn_id)
    folder = read(Path(given.dags)) if given.dags else None
    rows = Comparison(manifest, hook, folder).rows()
    return report(rows, is_json=given.json, shows_all=given.all)


def report(rows: list[Row], *, is_json: bool, shows_all: bool) -> int:
    """Print the findings, or all lines; returns the exit code."""
    findings = [each for each in rows if each.is_finding]
    shown = rows if shows_all else findings
    if is_json:
        lines = [{**each.to_dict(), "is_finding": each.is_finding} for each in rows]
        sys.stdout.write(json.dumps(lines, indent=1) + "\n")
    else:
        if shown:
            table([HEAD, *(each.cells() for each in shown)])
        say(f"{len(rows)} compared, {len(findings)} finding(s)")
    return FOUND if findings else OK
