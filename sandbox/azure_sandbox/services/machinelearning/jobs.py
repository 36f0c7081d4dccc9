# SPDX-License-Identifier: Apache-2.0
"""Jobs: submit once, update what may change, list, cancel, delete."""

from __future__ import annotations

import base64
import binascii
import re
import uuid
from collections.abc import Callable, Mapping

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.operation import Caller
from azure_sandbox.services.machinelearning.assets import Assets, default_output_uri
from azure_sandbox.services.machinelearning.definitions import (
    MUTABLE,
    check_immutable,
    check_name,
    job_properties,
)
from azure_sandbox.services.machinelearning.effects import JobEffects, changeable
from azure_sandbox.services.machinelearning.identities import RunIdentities
from azure_sandbox.services.machinelearning.records import Json, Run, Workspace, run_not_found, user_error
from azure_sandbox.services.machinelearning.runs import Runs
from azure_sandbox.services.machinelearning.scripted import ScriptedJobs

PAGE = 50


class Jobs:
    """Jobs of all workspaces of one cloud.

    :param scripted: lives the jobs that follow a timeline
    :param enqueue: hands any other new run to the runner
    :param stop: tells the runner to end a run
    """

    def __init__(
        self,
        cloud: Cloud,
        runs: Runs,
        assets: Assets,
        identities: RunIdentities,
        effects: JobEffects,
        scripted: ScriptedJobs,
        enqueue: Callable[[Run], None],
        stop: Callable[[Run], None],
    ) -> None:
        self._cloud = cloud
        self._runs = runs
        self._assets = assets
        self._identities = identities
        self._effects = effects
        self._scripted = scripted
        self._enqueue = enqueue
        self._stop = stop
        self._operations = cloud.store.collection("machinelearning.operation")

    def put(self, workspace: Workspace, name: str, document: Json, caller: Caller) -> tuple[Run, bool]:
        """Submit a job, or update what may change of an existing one; the run, and whether it is new.

        :raises AzureError: 400 for a bad body, a missing reference or a changed immutable property;
            403 where the submitter may not assign the identity
        """
        check_name(name)
        body = job_properties(document)
        existing = self._runs.get(workspace.guid, name)
        if existing is not None:
            return self._update(existing, body), False
        self._check_references(workspace, body)
        run = self._new(workspace, name, body, caller)
        timeline = self._scripted.claim(run)
        with self._cloud.store.transaction():
            self._runs.insert(run)
            self._effects.created(run)
            if timeline is not None:
                self._scripted.begin(run, timeline)
        if timeline is None:
            self._enqueue(run)
            return run, True
        return self._runs.get(workspace.guid, name) or run, True

    def get(self, workspace: Workspace, name: str) -> Run:
        """:raises AzureError: 404"""
        run = self._runs.get(workspace.guid, name)
        if run is None:
            raise run_not_found(name)
        return run

    def page(self, workspace: Workspace, query: Mapping[str, str]) -> tuple[list[Run], str | None]:
        """One page of the ARM list, newest first, and the token of the next one."""
        below = _from_token(query.get("$skip"))
        lag, replica = self._cloud.lags.settings.list_by_property, self._cloud.lags.replica()
        found: list[Run] = []
        for run in self._runs.newest(workspace.guid, below):
            if len(found) == PAGE:
                return found, _token(found[-1])
            late = lag and not self._cloud.lags.knows(replica, run.name, run.created + lag, lag)
            if run.kind == "job" and not late and _listed(run, query):
                found.append(run)
        return found, None

    def cancel(self, workspace: Workspace, name: str) -> str | None:
        """Ask for the end of a job: the operation's id, or None where it is over already."""
        run = self.get(workspace, name)
        if run.over:
            return None
        with self._cloud.store.transaction():
            if not self._scripted.cancel(run) and run.status != "CancelRequested":
                was, run.status = run.status, "CancelRequested"
                self._runs.save(run)
                self._effects.cancel_requested(run, was)
                self._stop(run)
            return self._operation(run)

    def delete(self, workspace: Workspace, name: str) -> str:
        """Forget a job that is over; the operation's id.

        :raises AzureError: 404, or 400 while it runs
        """
        run = self.get(workspace, name)
        if not run.over:
            raise user_error(f"Job {name} is {run.status}: only a job that has ended can be deleted.")
        with self._cloud.store.transaction():
            operation = self._operation(run)
            self._runs.delete(run)
            self._scripted.forget(run)
            self._effects.deleted(run)
        return operation

    def operation_done(self, operation: str) -> bool:
        """Whether the job that a cancel or delete was asked for has ended.

        :raises AzureError: 404 for an unknown operation
        """
        document = self._operations.get(operation)
        if document is None:
            raise user_error(f"Operation {operation} was not found", status=404, inner=("NotFoundError",))
        run = self._runs.get(document["workspace"], document["run"])
        return run is None or run.over

    def _operation(self, run: Run) -> str:
        operation = str(uuid.uuid4())
        self._operations.put(operation, {"workspace": run.workspace, "run": run.name})
        return operation

    def _new(self, workspace: Workspace, name: str, body: Json, caller: Caller) -> Run:
        run = Run(
            name=name,
            workspace=workspace.guid,
            kind="job",
            experiment=str(body.get("experimentName") or "Default"),
            body={key: value for key, value in body.items() if key not in MUTABLE},
            created=self._cloud.clock.time(),
            created_by=caller.object_id,
        )
        run.display_name = str(body.get("displayName") or name)
        run.root = name
        run.run_identity = self._identities.resolve(workspace, body, caller)
        run.outputs = _output_uris(name, body)
        _take_mutable(run, body)
        for key, step in (body.get("jobs") or {}).items():
            # A step that could not run is the submitter's to know now, not after the first step's hour.
            self._assets.reference(workspace, "components", step["componentId"])
            step_body = {"identity": step.get("identity"), "computeId": step.get("computeId")}
            run.step_identities[key] = self._identities.resolve(workspace, step_body, caller)
        return run

    def _update(self, run: Run, body: Json) -> Run:
        check_immutable(_as_sent(run.body), _as_sent(body))
        before = changeable(run)
        run.display_name = str(body.get("displayName") or run.display_name)
        _take_mutable(run, body)
        with self._cloud.store.transaction():
            self._runs.save(run)
            self._effects.updated(run, before)
        return run

    def _check_references(self, workspace: Workspace, body: Json) -> None:
        for field, route in (("environmentId", "environments"), ("codeId", "codes")):
            reference = body.get(field)
            if not reference or reference.startswith("azureml://registries/"):
                continue
            if self._assets.reference(workspace, route, reference) is None:
                raise user_error(f"The {field} '{reference}' is not the id of an asset of this workspace.")


def _as_sent(body: Json) -> Json:
    # Run history files a job without an experiment under "Default"; naming it so is no change.
    return {**body, "experimentName": body.get("experimentName") or "Default"}


def _take_mutable(run: Run, body: Json) -> None:
    """Tags are replaced; properties can be added and altered, never removed."""
    if body.get("tags") is not None:
        run.tags = {key: value for key, value in body["tags"].items() if value is not None}
    given = body.get("properties") or {}
    run.properties |= {key: value for key, value in given.items() if value is not None}
    run.description = body.get("description", run.description)
    run.is_archived = bool(body.get("isArchived", run.is_archived))


def _output_uris(name: str, body: Json) -> dict[str, str]:
    outputs = {key: value for key, value in (body.get("outputs") or {}).items() if key != "default"}
    return {
        key: str((value or {}).get("uri") or default_output_uri(name, key)) for key, value in outputs.items()
    }


def _listed(run: Run, query: Mapping[str, str]) -> bool:
    view = query.get("listViewType") or "ActiveOnly"
    if view != "All" and run.is_archived != (view == "ArchivedOnly"):
        return False
    if query.get("jobType") and query["jobType"] != run.job_type:
        return False
    if query.get("tag") and query["tag"] not in run.tags:
        return False
    return all(_has_property(run, wanted) for wanted in (query.get("properties") or "").split(",") if wanted)


def _has_property(run: Run, wanted: str) -> bool:
    name, valued, value = wanted.partition("=")
    return name in run.properties and (not valued or run.properties[name] == value)


def _token(run: Run) -> str:
    return base64.urlsafe_b64encode(f"below:{run.number}".encode()).decode()


def _from_token(token: str | None) -> int | None:
    if not token:
        return None
    try:
        word, _, number = base64.urlsafe_b64decode(token).decode().partition(":")
        if word == "below" and re.fullmatch(r"[0-9]{1,15}", number):
            return int(number)
    except (binascii.Error, ValueError):
        pass
    raise user_error(
        "The continuation token is not valid.", inner=("BadArgument", "InvalidContinuationToken")
    )
