# SPDX-License-Identifier: Apache-2.0
"""One identity, and perhaps one failed job, under examination: everything is read once, when a check asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from airflow_provider_azureml.access import diagnose
from airflow_provider_azureml.access.evaluate import Decision, Deny, Grant, Need
from airflow_provider_azureml.access.facts import Principal, WorkspaceFacts
from airflow_provider_azureml.access.holding import Holding
from airflow_provider_azureml.access.place import Place, place_of
from airflow_provider_azureml.access.run_identity import Runner, runner_of
from airflow_provider_azureml.access.step import Step, steps_of
from airflow_provider_azureml.access.survey import facts_of
from airflow_provider_azureml.connection import Settings
from airflow_provider_azureml.errors import AzureMLError
from airflow_provider_azureml.hooks.examination import Examination, Read
from airflow_provider_azureml.identity import vouched
from airflow_provider_azureml.identity.assertion import Presented
from airflow_provider_azureml.rest import authorization, graph, resource, run_history
from airflow_provider_azureml.rest.authorization import Permission
from airflow_provider_azureml.rest.flow import Flow
from airflow_provider_azureml.rest.graph import ServicePrincipal

STORAGE = "Microsoft.Storage/storageAccounts"
_ARTIFACTS = "datastores/workspaceartifactstore/"
"""Where Azure ML itself keeps what every job leaves behind; the run identity does not write there."""


class Case:
    """What the checks look at.

    :param job: name of a job that failed; empty for none.
    :param uris: further places to look at, for reading.
    :param error: text of a refusal; the job's own when empty.
    """

    def __init__(
        self, examination: Examination, job: str = "", uris: Sequence[str] = (), error: str = ""
    ) -> None:
        self.examination = examination
        self.job_name = job
        self.uris = tuple(uris)
        self.given_error = error
        self._holdings: dict[tuple[str, str], Read[Holding]] = {}
        self._denies: dict[str, Read[list[Deny]]] = {}
        self._accounts: dict[str, Read[Any]] = {}
        self._groups: dict[str, Read[frozenset[str]]] = {}
        self._own: dict[str, Read[tuple[Permission, ...]]] = {}

    @property
    def settings(self) -> Settings:
        """The connection."""
        return self.examination.settings

    @property
    def has_workspace(self) -> bool:
        """Whether the connection names one."""
        told = self.settings
        return bool(told.subscription_id and told.resource_group and told.workspace_name)

    @cached_property
    def assertion(self) -> Read[Presented]:
        """What vouches for the connection; neither value nor error where nothing has to."""
        try:
            return Read(vouched.presented(self.settings, self.examination.mask))
        except AzureMLError as error:
            return Read(None, error)

    @cached_property
    def service_principal(self) -> Read[ServicePrincipal | None]:
        """The connection's, as the directory knows it; neither value nor problem when it knows none."""
        return self.examination.see(graph.service_principal(self.settings.cloud, self.client_id))

    @property
    def client_id(self) -> str:
        """Of the connection: of its settings, else of its token."""
        who = self.examination.signed_in.value if not self.settings.client_id else None
        return who.app_id if who else self.settings.client_id

    @cached_property
    def object_id(self) -> str:
        """Of the connection's identity: of its token, else of the directory; empty when neither tells."""
        who = self.examination.signed_in.value
        if who:
            return who.object_id
        found = self.service_principal.value
        return found.object_id if found else ""

    # --- the workspace and the job ------------------------------------------------------------

    @cached_property
    def facts(self) -> WorkspaceFacts:
        """What the workspace says; what is refused stands in its `unread`."""
        submitter = Principal(self.object_id, self.client_id) if self.object_id else None
        flow = facts_of(self.examination.hook.workspace, submitter)
        found = self.examination.see(flow)
        if found.value is None:
            return WorkspaceFacts(
                self.examination.hook.workspace.path, None, None, None, unread={"workspace": found.problem}
            )
        return found.value

    @cached_property
    def job(self) -> Read[Mapping[str, Any]]:
        """The properties of the job."""
        if not self.job_name:
            return Read()
        path = f"{self.examination.hook.workspace.path}/jobs/{self.job_name}"
        found = self.examination.see(resource.get(self.settings.cloud, path))
        return Read((found.value or {}).get("properties"), found.error)

    @cached_property
    def error(self) -> str:
        """The text of the refusal: as given, of the job and its failed steps, or of the sign-in."""
        if self.given_error:
            return self.given_error
        if self.job_name:
            return self.examination.see(self._error_of_job()).value or ""
        failed = self.examination.signed_in.error
        return str(failed) if failed else ""

    def _error_of_job(self) -> Flow[str]:
        """What the job says, and each failed step of a pipeline."""
        workspace = self.examination.hook.workspace
        told = yield from run_history.details(workspace, self.job_name)
        texts = [told.error]
        for child in (yield from run_history.children(workspace, self.job_name)):
            if child.status == "Failed":
                texts.append((yield from run_history.details(workspace, child.name)).error)
        return "\n".join(filter(None, texts))

    @cached_property
    def refusal(self) -> diagnose.Finding | None:
        """What the text means, by the table."""
        return diagnose.diagnose(self.error, facts=self.blanks()) if self.error else None

    def blanks(self) -> dict[str, str]:
        """What fills the blanks of a mend."""
        told, who = self.settings, self.examination.signed_in.value
        vault = told.credential_vault_url or told.vault_url
        known = {
            "client id": self.client_id,
            "object id": who.object_id if who else "",
            "vault": vault.removeprefix("https://").split(".")[0],
            "secret": told.credential_name,
            "subscription": told.subscription_id,
            "group": told.resource_group,
            "workspace": told.workspace_name,
        }
        return {name: value for name, value in known.items() if value}

    @cached_property
    def steps(self) -> list[tuple[Step, Runner]]:
        """The job, or the steps of a pipeline, and who each runs as."""
        body = self.job.value or {}
        return [(step, runner_of(step.body, self.facts)) for step in steps_of(body)] if body else []

    @cached_property
    def accesses(self) -> list[tuple[str, str, Place, Runner | None]]:
        """(what, `read` or `write`, where, who) of all inputs and outputs, and of the URIs that were given."""
        found: list[tuple[str, str, Place, Runner | None]] = []
        for step, runner in self.steps:
            for name, binding in step.inputs.items():
                if binding.get("uri"):
                    found.append((f"input {name}", "read", self._place(binding), runner))
            for name, binding in step.outputs.items():
                if binding.get("uri") and _ARTIFACTS not in str(binding["uri"]):
                    found.append((f"output {name}", "write", self._place(binding), runner))
        first = self.steps[0][1] if self.steps else None
        found += [(uri, "read", self._place({"uri": uri}), first) for uri in self.uris]
        return found

    def _place(self, binding: Mapping[str, Any]) -> Place:
        is_file = "file" in str(binding.get("jobInputType") or binding.get("jobOutputType") or "")
        found = place_of(str(binding["uri"]), self.facts, is_folder=not is_file)
        if found.scope or not found.account:
            return found
        scope = str((self.account(found.account).value or {}).get("id") or "")
        below = f"{scope}/blobServices/default/containers/{found.container}"
        return Place(**{**vars(found), "scope": below, "doubt": ""}) if scope else found

    # --- who may do what ----------------------------------------------------------------------

    def account(self, name: str, scope: str = "") -> Read[Any]:
        """A storage account of the subscription; neither value nor problem when there is none of the name.

        :param scope: ARM id of something in it, where that is known.
        """
        if name not in self._accounts:
            told, own = self.settings, scope.partition("/blobServices/")[0]
            flow = (
                resource.get(told.cloud, own)
                if own
                else resource.named(told.cloud, told.subscription_id, STORAGE, name)
            )
            self._accounts[name] = self.examination.see(flow)
        return self._accounts[name]

    def judge(self, need: Need, principal_id: str) -> Decision:
        """Whether a principal may; UNKNOWN with the reason where what would tell cannot be read."""
        held = self._held(need.scope, principal_id)
        if held.value is None:
            return Decision("UNKNOWN", f"its role assignments cannot be read ({held.problem})")
        denies = self._denied(need.scope)
        groups = self.groups(principal_id) if denies.value else frozenset()
        decision = replace(held.value, denies=denies.value or (), groups=groups).allows(need)
        if denies.error and decision.verdict != "DENIED":
            note = f"; deny assignments cannot be read ({denies.problem})"
            return replace(decision, reason=decision.reason + note)
        return decision

    def grants_seen(self, scope: str, principal_id: str) -> list[Grant]:
        """The grants by which `judge` judged."""
        held = self._held(scope, principal_id).value
        return held.grants if held else []

    def groups(self, principal_id: str) -> frozenset[str] | None:
        """Object ids of the groups that a principal is in, in lower case; None where they cannot be read."""
        if principal_id not in self._groups:
            flow = graph.groups_of(self.settings.cloud, principal_id)
            self._groups[principal_id] = self.examination.see(flow)
        return self._groups[principal_id].value

    def own_permissions(self, scope: str) -> Read[tuple[Permission, ...]]:
        """What ARM tells the connection's identity about itself at a scope."""
        if scope not in self._own:
            self._own[scope] = self.examination.own(authorization.permissions(self.settings.cloud, scope))
        return self._own[scope]

    def _held(self, scope: str, principal_id: str) -> Read[Holding]:
        key = (scope.lower(), principal_id)
        if key not in self._holdings:
            self._holdings[key] = self.examination.see(self._held_at(scope, principal_id))
        return self._holdings[key]

    def _held_at(self, scope: str, principal_id: str) -> Flow[Holding]:
        cloud = self.settings.cloud
        held = yield from authorization.assignments_of(cloud, scope, principal_id)
        return Holding(principal_id, held, (yield from authorization.definitions_of(cloud, held)))

    def _denied(self, scope: str) -> Read[list[Deny]]:
        if scope.lower() not in self._denies:
            flow = authorization.denies_at(self.settings.cloud, scope)
            self._denies[scope.lower()] = self.examination.see(flow)
        return self._denies[scope.lower()]
