# SPDX-License-Identifier: Apache-2.0
"""What a run came to: the model against its champion, who did what with which roles, and the denial."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from demo.azure import Arm, Azure
from demo.connections import TASKS
from demo.nightly import Run

WIDTH = 110
_AUTHORIZATION = "providers/Microsoft.Authorization"


@dataclass(frozen=True)
class Row:
    """One task: who submitted, whom the job ran as, and what ARM says that each of them may do."""

    task: str
    submitter: str
    submitter_roles: list[str]
    run_identity: str = ""
    run_identity_roles: list[str] = field(default_factory=list)


@dataclass
class Report:
    """The run in figures.

    ``started_at`` is Unix time, ``pipeline_seconds`` the DAG run's wall time, ``seconds`` that of the
    whole demo, ``peak_memory`` bytes.
    """

    run_id: str
    started_at: float
    model: dict[str, Any]
    denial: dict[str, Any]
    rows: list[Row]
    jobs: dict[str, str]
    pipeline_seconds: float = 0.0
    seconds: float = 0.0
    peak_memory: int = 0

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf8")

    def text(self) -> str:
        took = f"{self.seconds:.0f} s, at most {self.peak_memory / 2**30:.1f} GiB of memory"
        parts = [f"Run {self.run_id}: success ({took})", _model(self.model), _table(self.rows)]
        return "\n\n".join(["", *parts, _denial(self.denial)])


def collect(run: Run, azure: Azure) -> Report:
    """Ask Airflow for results, and ARM, as the auditor, for identities and roles.

    :raises DemoFailed: where one of them does not answer
    """
    arm = azure.arm("auditor")
    roles = Roles(arm, azure)
    jobs = {task: str(run.result(task)["name"]) for task, (_, _, identity) in TASKS.items() if identity}
    rows = [
        Row(
            task,
            submitter,
            roles.of(azure.principals[submitter]["object_id"]),
            *_run_identity(arm, azure, roles, jobs.get(task)),
        )
        for task, (_, submitter, _) in TASKS.items()
    ]
    return Report(run.run_id, run.started_at, run.result("register"), run.result("overreach"), rows, jobs)


def _run_identity(arm: Arm, azure: Azure, roles: Roles, job: str | None) -> tuple[str, list[str]]:
    """Whom a job ran as, from the job itself."""
    if job is None:
        return "", []
    body = arm.get(f"{azure.workspace}/jobs/{job}", {"api-version": "2024-10-01"})
    client_id = body["properties"]["identity"]["clientId"]
    for name, ids in azure.principals.items():
        if ids["client_id"] == client_id:
            return name, roles.of(ids["object_id"])
    return client_id, []


class Roles:
    """Role assignments in words, read from ARM."""

    def __init__(self, arm: Arm, azure: Azure) -> None:
        self._arm = arm
        self._root = f"/subscriptions/{azure.subscription_id}/{_AUTHORIZATION}"
        self._names: dict[str, str] = {}

    def of(self, object_id: str) -> list[str]:
        """``<role> on <scope>`` for each assignment of a principal, below the whole subscription."""
        query = {"api-version": "2022-04-01", "$filter": f"principalId eq '{object_id}'"}
        found = self._arm.get(f"{self._root}/roleAssignments", query)["value"]
        return sorted(self._words(item["properties"]) for item in found)

    def _words(self, assignment: Mapping[str, str]) -> str:
        definition = assignment["roleDefinitionId"]
        if definition not in self._names:
            answer = self._arm.get(definition, {"api-version": "2022-04-01"})
            self._names[definition] = answer["properties"]["roleName"]
        return f"{self._names[definition]} on {short_scope(assignment['scope'])}"


def short_scope(scope: str) -> str:
    """An ARM id as people say it: ``nightlylake/features``, ``workspace nightly``."""
    parts = scope.strip("/").split("/")
    if "providers" not in parts:
        return " ".join((parts[-2].removesuffix("s"), parts[-1])) if len(parts) > 1 else scope
    pairs = parts[parts.index("providers") + 2 :]
    kinds, names = pairs[::2], [name for name in pairs[1::2] if name != "default"]
    kind = "identity" if kinds[0] == "userAssignedIdentities" else kinds[-1].removesuffix("s")
    return f"{kind} {'/'.join(names)}"


def _model(model: Mapping[str, Any]) -> str:
    found, rival = f"{model['metric']} = {model['value']:.3f}", model["champion"]
    against = f"version {rival['version']} with {rival['value']:.3f}" if rival else "no champion so far"
    if model["registered"]:
        return f"Model: {model['name']} version {model['version']} registered, {found}; against {against}"
    return f"Model: nothing registered, {found} does not beat the champion: {model['name']} {against}"


def _table(rows: Iterable[Row]) -> str:
    """task | who | as what | roles, one line per role."""
    lines = [("task", "identity", "role (from ARM)"), ("-" * 13, "-" * 25, "-" * 66)]
    for row in rows:
        lines += _lines(row.task, f"{row.submitter} (submits)", row.submitter_roles)
        if row.run_identity:
            lines += _lines("", f"{row.run_identity} (runs)", row.run_identity_roles)
    return "\n".join(f"{task:<13}  {who:<27}  {role}".rstrip() for task, who, role in lines)


def _lines(task: str, who: str, roles: list[str]) -> list[tuple[str, str, str]]:
    first, *rest = roles or ["no role"]
    return [(task, who, first), *(("", "", role) for role in rest)]


def _denial(denial: Mapping[str, Any]) -> str:
    lines = ["Denied, as it must be: the train identity tried to write to features"]
    lines += [_paragraph(f"{title}: {denial[title]}") for title in ("refusal", "cause", "mend")]
    return "\n".join(lines)


def _paragraph(text: str) -> str:
    """Wrapped between words only, so that a command can be copied."""
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent="  ",
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
