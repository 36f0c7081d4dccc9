# SPDX-License-Identifier: Apache-2.0
"""What happens to jobs and models, for the ledger. Environment variables and inputs stay out of it."""

from __future__ import annotations

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.ledger import PLATFORM
from azure_sandbox.services.machinelearning.records import Json, Run, Workspace
from azure_sandbox.services.machinelearning.workspaces import Workspaces


class JobEffects:
    """Rows of kind ``job``; a pipeline's steps are jobs. Runs that MLflow made are none."""

    def __init__(self, cloud: Cloud, workspaces: Workspaces) -> None:
        self._ledger = cloud.ledger
        self._workspaces = workspaces
        self._scopes: dict[str, str] = {}

    def created(self, run: Run) -> None:
        after = {
            "status": run.status,
            "job_type": run.job_type,
            "run_identity": run.run_identity,
            "parent": run.parent,
            **changeable(run),
        }
        self._ledger.record("job", "created", self._id(run), after=after)

    def updated(self, run: Run, before: Json) -> None:
        """A row where tags, properties or names differ from what :func:`changeable` gave before."""
        after = changeable(run)
        changed = [name for name in after if after[name] != before[name]]
        if changed and run.kind != "run":
            was, now = ({name: state[name] for name in changed} for state in (before, after))
            self._ledger.record("job", "updated", self._id(run), before=was, after=now)

    def cancel_requested(self, run: Run, was: str) -> None:
        self._ledger.record(
            "job", "cancel-requested", self._id(run), before={"status": was}, after={"status": run.status}
        )

    def started(self, run: Run, at: float | None = None) -> None:
        """:param at: when it was due, where that is not now"""
        after = {"status": run.status}
        self._ledger.record("job", "started", self._id(run), after=after, by=PLATFORM, at=at)

    def ended(self, run: Run, was: str, at: float | None = None) -> None:
        """:param at: when it was due, where that is not now"""
        before, after = {"status": was}, {"status": run.status}
        self._ledger.record("job", "ended", self._id(run), before=before, after=after, by=PLATFORM, at=at)

    def deleted(self, run: Run) -> None:
        self._ledger.record("job", "deleted", self._id(run), before={"status": run.status})

    def vanished(self, run: Run, at: float) -> None:
        """Deleted by nobody's request."""
        before = {"status": run.status}
        self._ledger.record("job", "deleted", self._id(run), before=before, by=PLATFORM, at=at)

    def _id(self, run: Run) -> str:
        scope = self._scopes.get(run.workspace)
        if scope is None:
            scope = self._scopes[run.workspace] = self._workspaces.by_guid(run.workspace).scope
        return f"{scope}/jobs/{run.name}"


def changeable(run: Run) -> Json:
    """What an update may change."""
    return {
        "display_name": run.display_name,
        "description": run.description,
        "tags": dict(run.tags),
        "properties": dict(run.properties),
        "is_archived": run.is_archived,
    }


def model_written(cloud: Cloud, workspace: Workspace, stored: Json | None, entry: Json) -> None:
    """A row of kind ``model-version`` for a new version, or for a change of one."""
    before, after = _model(stored), _model(entry)
    if before != after:
        subject = f"{workspace.scope}/models/{entry['name']}/versions/{entry['version']}"
        cloud.ledger.record(
            "model-version", "updated" if stored else "created", subject, before=before, after=after
        )


def _model(entry: Json | None) -> Json | None:
    if entry is None:
        return None
    properties = entry["properties"]
    kept = ("modelType", "jobName", "stage", "description", "tags", "properties", "isArchived")
    # A URI's query may be a SAS.
    uri = str(properties.get("modelUri") or "").partition("?")[0]
    return {"modelUri": uri, **{name: properties[name] for name in kept if properties.get(name) is not None}}
