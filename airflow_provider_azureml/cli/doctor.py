# SPDX-License-Identifier: Apache-2.0
"""`doctor`: where an identity is known and where it is not, plane by plane, and the command that mends it."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_azureml.cli.command import FOUND, OK, Argument, Command

if TYPE_CHECKING:
    from airflow_provider_azureml.checks.finding import Finding

DESCRIPTION = """\
Walks the nine planes in which the identity of a connection, and the one that its jobs run as, have to be
known, and prints one row or more for each: present, MISSING, unknown (the read was refused: that says
nothing about the identity) or not used. Below stand the cause and the command that mends it; read it before
you run it. Nothing is changed. Reads are made as the connection itself, or as --reader, which may need more
rights: Reader on the subscription, Application.Read.All in Microsoft Graph, and Storage Blob Data Reader
where ACLs are to be looked at.

Exit code: 0 nothing is missing; 1 something is; 2 no look."""

COMMAND = Command(
    ("doctor",),
    "Why an identity is refused: the nine planes, the cause, the mend",
    f"{__name__}:doctor",
    (
        Argument(("conn_id",), "The connection to examine.", {"metavar": "CONN"}),
        Argument(
            ("--job",), "Name of a job that failed: its error, its identity, its data.", {"default": ""}
        ),
        Argument(
            ("--uri",),
            "A place that has to be readable; may be given several times.",
            {"action": "append", "default": None, "metavar": "URI"},
        ),
        Argument(
            ("--error",),
            "Text of a refusal from a task's log, or @FILE with it.",
            {"default": "", "metavar": "TEXT"},
        ),
        Argument(("--reader",), "A connection that may read what CONN itself may not.", {"default": ""}),
    ),
    DESCRIPTION,
)


def doctor(given: Namespace) -> int:
    """Examine and print; returns the exit code. Raises AzureMLError."""
    from airflow_provider_azureml.checks.case import Case
    from airflow_provider_azureml.checks.nine_planes import findings, verdict
    from airflow_provider_azureml.hooks.examination import Examination

    examination = Examination(given.conn_id, given.reader)
    case = Case(examination, given.job, given.uri or (), _text(given.error))
    _say(f"Connection '{given.conn_id}', auth {case.settings.auth}, client id {case.client_id or '(none)'}")
    if case.error:
        _say(f"Refusal: {case.error.splitlines()[0]}")
    _say("")
    found = list(findings(case))
    for line in rows(found):
        _say(line)
    conclusion = verdict(case, found)
    if conclusion is None:
        _say("\nNothing is missing in the planes that could be looked at.")
        return OK
    row = (
        f" (row {conclusion.number}, {conclusion.plane} plane)"
        if conclusion.number
        else f" ({conclusion.plane})"
    )
    _say(f"\nCause{row}: {conclusion.cause}")
    _say(f"Mend: {conclusion.mend or 'see the rows above'}")
    return FOUND


def rows(found: Iterable[Finding]) -> list[str]:
    """The planes as a table, each mend below its row."""
    from airflow_provider_azureml.checks.finding import PLANES

    lines = []
    for each in found:
        lines.append(f"{each.plane}  {PLANES[each.plane]:<18} {each.level:<9} {_single(each.message)}")
        if each.hint and each.is_problem:
            lines.append(f"{'':<32}mend: {_single(each.hint)}")
    return lines


def _text(error: str) -> str:
    return Path(error[1:]).read_text(encoding="utf8") if error.startswith("@") else error


def _single(text: str) -> str:
    """Other people's text: a line break in it must not look like a row."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
