# SPDX-License-Identifier: Apache-2.0
"""The work of `audit show` and `audit verify`."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from airflow_provider_azureml.audit import check, trail
from airflow_provider_azureml.audit.event import DIAGNOSIS, UNKNOWN
from airflow_provider_azureml.cli.command import FOUND, OK
from airflow_provider_azureml.errors import ConfigurationError

HEAD = ("TIME (UTC)", "TASK", "AS", "ACTION", "RESOURCE", "OUTCOME")
_PROVIDERS = "Microsoft."


def show(given: Namespace) -> int:
    """Print the events of a run or job; FOUND when there are none."""
    folder = _folder(given.path)
    wanted = trail.Wanted(given.run, given.dag_id, given.task_id)
    try:
        events = trail.events(folder, wanted)
    except OSError as error:
        raise _unreadable(folder, error) from error
    if given.json:
        sys.stdout.write(json.dumps(events, indent=1) + "\n")
    elif events:
        _table([HEAD, *(_row(event) for event in events)])
    if not events:
        sys.stderr.write(f"No event of {given.run} in {folder}.\n")
        return FOUND
    return OK


def verify(given: Namespace) -> int:
    """Print what is wrong with the files; FOUND when something is."""
    folder = _folder(given.path)
    try:
        report = check.verify(folder)
    except OSError as error:
        raise _unreadable(folder, error) from error
    for note in report.notes:
        _say(f"note     {note}")
    for problem in report.problems:
        _say(f"PROBLEM  {problem}")
    verdict = f"{len(report.problems)} problem(s)" if report.problems else "whole"
    _say(f"{report.files} file(s), {report.records} record(s) in {folder}: {verdict}")
    return FOUND if report.problems else OK


def _folder(path: str) -> Path:
    if path:
        folder = Path(path)
    else:
        from airflow_provider_azureml.hooks.recording import audit_folder

        folder = audit_folder()
    if not folder.is_dir():
        mend = "Give its folder with --path; every machine that runs tasks has its own, unless they share a disk."
        raise ConfigurationError("audit log", f"'{folder}' is not a folder.", mend)
    return folder


def _unreadable(folder: Path, error: OSError) -> ConfigurationError:
    mend = "Run this as the user that Airflow runs as."
    return ConfigurationError(f"audit log in {folder}", f"cannot be read: {error}.", mend)


def _row(event: Mapping[str, Any]) -> tuple[str, ...]:
    action, resource = str(event["action"]), str(event.get("resource", ""))
    return (
        str(event["time"])[:23].replace("T", " "),
        _task(event.get("task") or {}),
        _as(event),
        action.removeprefix(_PROVIDERS),
        _named(resource),
        str((event.get("detail") or {}).get("cause") or _outcome(event["outcome"])),
    )


def _named(resource: str) -> str:
    """The end of an ARM id or address: kind and name, and the asset whose version it is."""
    parts = resource.split("/")
    return "/".join(parts[-4:] if parts[-2:-1] == ["versions"] else parts[-2:])


def _as(event: Mapping[str, Any]) -> str:
    """The connection, and whom it became; a diagnosis was sent by nobody."""
    who = "-" if event["action"] == DIAGNOSIS else (event.get("who") or {}).get("app_id", "no token")
    return f"{event['connection']} ({who})"


def _task(task: Mapping[str, Any]) -> str:
    if not task:
        return "-"
    index = f"[{task['map_index']}]" if task.get("map_index", -1) >= 0 else ""
    return f"{task.get('dag_id', '')}.{task.get('task_id', '')}{index} try {task.get('try_number', 0)}"


def _outcome(outcome: Any) -> str:
    if not isinstance(outcome, Mapping):
        return UNKNOWN
    words = (outcome.get("result"), outcome.get("status") or None, outcome.get("code"))
    text = " ".join(str(word) for word in words if word)
    attempts = outcome.get("attempts") or 1
    return f"{text} ({attempts} attempts)" if attempts > 1 else text


def _table(rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        _say("  ".join(cells).rstrip())


def _say(text: str) -> None:
    """Ids and addresses are other people's text: a line break in one must not look like a row."""
    sys.stdout.write("".join(letter if letter.isprintable() else "?" for letter in text) + "\n")
