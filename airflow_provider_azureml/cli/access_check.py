# SPDX-License-Identifier: Apache-2.0
"""The work of `access check`."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from pathlib import Path

from airflow_provider_azureml.access.report import Report, write
from airflow_provider_azureml.access.row import HEAD, Row
from airflow_provider_azureml.cli.access_hook import reading_hook
from airflow_provider_azureml.cli.command import FOUND, OK
from airflow_provider_azureml.cli.table import say, table
from airflow_provider_azureml.errors import ConfigurationError


def check(given: Namespace) -> int:
    """Compare and print; FOUND when something is not as declared. Raises AzureMLError: no look."""
    from airflow_provider_azureml.hooks.access_check import Comparison
    from airflow_provider_azureml.hooks.dag_folder import read
    from airflow_provider_azureml.hooks.manifest_file import load

    manifest, hook = load(Path(given.manifest)), reading_hook(given.conn_id)
    folder = read(Path(given.dags)) if given.dags else None
    comparison = Comparison(manifest, hook, folder)
    rows = comparison.rows()
    if given.out:
        keep(comparison.report(rows, command_line(given)), Path(given.out))
    return report(rows, is_json=given.json, shows_all=given.all)


def command_line(given: Namespace) -> str:
    """The command that makes such a report again, with absolute paths."""
    words = ["airflow-azureml access check --manifest", str(Path(given.manifest).resolve())]
    if given.dags:
        words += ["--dags", str(Path(given.dags).resolve())]
    return " ".join([*words, "--conn-id", given.conn_id, "--out", str(Path(given.out).resolve())])


def keep(made: Report, path: Path) -> None:
    """Write the page's report. Raises ConfigurationError when that cannot be done."""
    try:
        write(made, path)
    except OSError as error:
        mend = "Give a file in a folder that you may write to."
        raise ConfigurationError("--out", f"'{path}' cannot be written: {error.strerror}.", mend) from error


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
