# SPDX-License-Identifier: Apache-2.0
"""A manifest against Azure: what to compare it with is read here, each thing once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path

from airflow_provider_azureml.access.check import Asked, Check
from airflow_provider_azureml.access.declared import Identity, Manifest
from airflow_provider_azureml.access.facts import WorkspaceFacts
from airflow_provider_azureml.access.needs import needs_of_job
from airflow_provider_azureml.access.report import Report
from airflow_provider_azureml.access.reported import Reporting, crossings
from airflow_provider_azureml.access.row import Row
from airflow_provider_azureml.access.survey import Survey, survey
from airflow_provider_azureml.compat import configured
from airflow_provider_azureml.errors import ConfigurationError
from airflow_provider_azureml.hooks import dag_tasks
from airflow_provider_azureml.hooks.azureml import AzureMLHook
from airflow_provider_azureml.hooks.dag_folder import DagFolder, Task
from airflow_provider_azureml.hooks.namespace import configured_namespaces
from airflow_provider_azureml.hooks.task_needs import needs_of_task
from airflow_provider_azureml.spec.job import compile_job


@dataclass(frozen=True)
class Comparison:
    """One check.

    :param folder: DAGs whose needs count; without, those of the manifest's job definitions do.
    :param hook: reads; nothing is changed.
    """

    manifest: Manifest
    hook: AzureMLHook
    folder: DagFolder | None = None

    @cached_property
    def check(self) -> Check:
        """The comparison with all that it needs, read once. Raises ServiceError where Azure gives no answer."""
        seen = self.hook.run(survey(self.manifest))
        tenant = self.hook.settings.tenant_id or self.hook.identity().tenant_id
        asked = {identity.name: list(self._asked(identity, seen)) for identity in self.manifest.identities}
        return Check(self.manifest, seen, tenant, asked)

    def rows(self) -> list[Row]:
        """All lines. Raises ServiceError where Azure gives no answer at all."""
        found = [*self.check.rows(), *self._connections(self.check.survey), *self._strangers()]
        return [*found, *crossings(self.check, configured_namespaces())]

    def report(self, rows: Sequence[Row], command: str) -> Report:
        """The same for the page.

        :param rows: what `rows` gave.
        :param command: the command line that makes it again.
        """
        names = {identity.airflow.get("conn_id", "") for identity in self.manifest.identities} - {""}
        auths = {name: _auth(name, self.folder) for name in names}
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        return Reporting(self.check, rows, auths).report(now, command, configured("azureml", "deployment_id"))

    def _asked(self, identity: Identity, seen: Survey) -> Iterator[Asked]:
        if self.folder is None:
            yield from self._of_jobs(identity, seen)
        else:
            mine = {*identity.tasks, *identity.ungranted}
            for task in self.folder.tasks:
                if task.name in mine:
                    yield from self._of_task(identity, task, seen)

    def _of_jobs(self, identity: Identity, seen: Survey) -> Iterator[Asked]:
        """Its job definitions as they stand, run as the identity's own."""
        facts = self._facts(identity, seen)
        for job in identity.jobs:
            path = Path(self.manifest.name).resolve().parent / job
            run = identity.principals.get("run")
            found = seen.seen[run.key].principal if run else None
            override = {"identity": {"type": "managed", "client_id": found.client_id}} if found else {}
            try:
                compiled = compile_job(path, facts.scope, override)
            except ConfigurationError as error:
                yield Asked(job, problem=str(error))
                continue
            yield Asked(job, needs_of_job(compiled, facts))

    def _of_task(self, identity: Identity, task: Task, seen: Survey) -> Iterator[Asked]:
        known = self.folder.connections.get(task.conn_id, {}) if self.folder else {}
        facts = self._facts(identity, seen, str(known.get("workspace_name") or ""))
        needs = needs_of_task(task, facts, facts.vaults, str(known.get("vault_url") or ""))
        if needs is not None:
            # What code does, the manifest's own grants say: they are compared as they stand.
            notes = [] if task.calls else needs.notes
            is_ungranted = task.name in identity.ungranted
            yield Asked(task.task, needs.wanted, is_ungranted)
            for note in notes:
                yield Asked(task.task, problem=note)

    def _facts(self, identity: Identity, seen: Survey, name: str = "") -> WorkspaceFacts:
        """Of the workspace that the connection names, else the first of the manifest; as its submitter."""
        spaces: Mapping[str, WorkspaceFacts] = seen.workspaces
        facts = spaces.get(name) or next(
            iter(spaces.values()), WorkspaceFacts(self.manifest.places.subscription)
        )
        submitter = identity.principals.get("submitter")
        return replace(facts, submitter=seen.seen[submitter.key].principal if submitter else None)

    def _connections(self, seen: Survey) -> Iterator[Row]:
        """Whether each connection signs in as the submitter that its identity declares."""
        for identity in self.manifest.identities if self.folder else ():
            conn_id = identity.airflow.get("conn_id", "")
            known = self.folder.connections.get(conn_id) if self.folder else None
            submitter = identity.principals["submitter"]
            principal = seen.seen[submitter.key].principal
            line = (identity.name, "submitter", "Airflow", f"connection '{conn_id}'", "")
            if not conn_id or principal is None or not principal.client_id:
                continue
            if known is None or known.get("problem"):
                yield Row(*line, "UNKNOWN", "", str((known or {}).get("problem", "it is not known here")))
            elif str(known.get("client_id")).lower() != principal.client_id.lower():
                reason = (
                    f"it signs in as {known.get('client_id')}, '{submitter.name}' is {principal.client_id}"
                )
                yield Row(*line, "MISMATCH", "", reason, "client_id")
            else:
                yield Row(*line, "OK", "", f"it signs in as '{submitter.name}'")

    def _strangers(self) -> Iterator[Row]:
        """Tasks of the DAGs that no identity names, and DAG files that cannot be imported."""
        if self.folder is None:
            return
        named = {name for each in self.manifest.identities for name in (*each.tasks, *each.ungranted)}
        for task in self.folder.tasks:
            if (task.conn_id or task.calls) and task.name not in named:
                reason = "no identity of the manifest has this task"
                yield Row("-", "-", "Airflow", f"task {task.name}", "", "MISSING", "", reason)
        for file, problem in self.folder.problems.items():
            reason = (problem.strip().splitlines() or [""])[-1]
            yield Row("-", "-", "Airflow", f"{file}", "", "UNKNOWN", "", f"it cannot be imported: {reason}")


def _auth(conn_id: str, folder: DagFolder | None) -> str:
    """How a connection signs in, for people; empty where that is not known here."""
    try:
        known = folder.connections.get(conn_id) if folder else dag_tasks.settings(conn_id)
    except Exception:  # CI may have no Airflow database at all, and nothing depends on this
        return ""
    return str((known or {}).get("auth") or "")
