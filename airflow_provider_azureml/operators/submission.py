# SPDX-License-Identifier: Apache-2.0
"""The way of one task try to its one job: look, decide, upload, PUT."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_azureml.access.diagnose import Finding, diagnose
from airflow_provider_azureml.errors import AzureMLError, ConfigurationError, JobFailedError, ServiceError
from airflow_provider_azureml.links import AzureMLStudioLink
from airflow_provider_azureml.operators import wait
from airflow_provider_azureml.operators.attempt import Claim, attempt_of, highest
from airflow_provider_azureml.operators.input import refuse_absent
from airflow_provider_azureml.operators.outcome import result_of
from airflow_provider_azureml.operators.resolve import (
    Adopt,
    Attach,
    CancelThenSubmit,
    Decision,
    Submit,
    Wait,
    Zombie,
    resolve,
)
from airflow_provider_azureml.rest import asset, code, datastore
from airflow_provider_azureml.rest import job as job_flows
from airflow_provider_azureml.rest.job import Job, Result
from airflow_provider_azureml.spec import sdk
from airflow_provider_azureml.spec.compiled import Compiled, fingerprint, stamp
from airflow_provider_azureml.spec.job import compile_job
from airflow_provider_azureml.triggers.job import ENDED

if TYPE_CHECKING:
    from airflow_provider_azureml.operators.job import AzureMLRunJobOperator

SETTLE_SECONDS = 1800.0
"""How long a job may take to end after its end was asked for, before this try gives up."""
FENCED = ("Command", "Spark", "Pipeline")
"""Kinds with a field that no later PUT can change: their first submit need not look first."""


class Submission:
    """One try of one task, on the way to its job.

    :param task: the operator, for its arguments and its wait.
    :param context: Airflow's context of the try.
    """

    def __init__(self, task: AzureMLRunJobOperator, context: Any) -> None:
        self.task = task
        self.context = context
        self.hook = task.hook
        self.log = task.log

    def run(self, settled: int) -> dict[str, Any]:
        """Obtain the one job of this task instance, then wait for it.

        :param settled: the attempt whose end this try has already waited for.
        """
        compiled = _compiled(self.task)
        sha256 = code.read_folder(compiled.code).sha256 if compiled.code else ""
        claim = Claim.of(self.context, fingerprint(compiled, sha256))
        number, job = self._obtain(compiled, claim, settled)
        self.task.owned_job = (job.name, claim.base)
        AzureMLStudioLink().push(self.context, job.studio_url)
        self.log.info("Job %s (attempt %d): %s", job.name, number, job.studio_url)
        if self.task.was_killed:
            self.task.on_kill()
        self.task.unless_killed()
        if job.is_terminal:
            return result_of(self.hook, job)
        if not self.task.wait_for_completion:
            return Result.of(job).to_dict()
        return self.task.conclude(
            self.task.wait_for(self.context, job.name, claim.base, deadline=self.task.deadline(self.context))
        )

    def _obtain(self, compiled: Compiled, claim: Claim, settled: int) -> tuple[int, Job]:
        """The attempt that is this task's: an earlier one, or a new one."""
        if claim.me.try_number == 1 and settled < 0 and compiled.kind in FENCED:
            job = self._try_submit(compiled, claim, 0)
            if job is not None:
                return 0, job
        while True:
            found = self.hook.run(highest(self.hook.workspace, claim))
            decision = self._decide(found, claim, settled)
            self._tell(decision)
            if isinstance(decision, Submit):
                job = self._try_submit(compiled, claim, decision.number)
                if job is not None:
                    return decision.number, job
            elif isinstance(decision, Attach | Adopt) and found is not None:
                return found
            else:
                settled = self._settle(decision, claim)

    def _decide(self, found: tuple[int, Job] | None, claim: Claim, settled: int) -> Decision:
        attempt = None if found is None else attempt_of(found[1], claim, found[0])
        return resolve(attempt, claim.me, settled)

    def _tell(self, decision: Decision) -> None:
        if isinstance(decision, Adopt) and decision.warning:
            self.log.warning("%s", decision.warning)
        if not isinstance(decision, Submit):
            self.log.info("An earlier job of this task exists: %s", decision)

    def _settle(self, decision: Decision, claim: Claim) -> int:
        """Wait until the earlier job has ended; returns its number."""
        if isinstance(decision, Zombie) or not isinstance(decision, Wait | CancelThenSubmit):
            raise AzureMLError("A newer try of this task has submitted its own job; this one ends.")
        name = claim.name(decision.number)
        if isinstance(decision, CancelThenSubmit):
            problem = wait.cancel(self.hook, name, claim.base, "older epoch")
            if problem:
                raise JobFailedError(name, "active", f"the earlier job could not be cancelled: {problem}")
        event = self.task.wait_for(
            self.context, name, "", method_name="resume_settled", deadline=time.time() + SETTLE_SECONDS
        )
        return settled_number(event)

    def _try_submit(self, compiled: Compiled, claim: Claim, number: int) -> Job | None:
        """PUT the attempt; None when the name is taken by another body, so that one must look again."""
        name = claim.name(number)
        if self.task.access != "off":
            refuse_absent(self.hook, compiled.properties.get("inputs"))
        body = stamp(self._body(compiled, name), claim.marks, claim.fence)
        self.task.unless_killed()
        self.task.owned_job = (name, claim.base)
        try:
            return self.hook.run(job_flows.submit(self.hook.workspace, name, body))
        except ServiceError as error:
            if error.status not in (400, 409):
                raise
            if self.hook.run(job_flows.find(self.hook.workspace, name)) is None:
                raise  # the body itself was refused
            self.task.owned_job = None
            return None

    def _body(self, compiled: Compiled, name: str) -> dict[str, Any]:
        """The REST body, with everything uploaded that it refers to."""
        workspace, experiment = self.hook.workspace, self.context["ti"].dag_id
        if compiled.document is not None:
            return sdk.compile_body(compiled.document, name, experiment, workspace, self.hook.credential)
        code_id = environment_id = None
        if compiled.code is not None:
            code_id = self.hook.run(code.upload_code(workspace, compiled.code))
        if compiled.environment is not None:
            wanted = compiled.environment
            flow = asset.ensure_environment(workspace, wanted.image, wanted.conda_file or "")
            environment_id = self.hook.run(flow)
        body = compiled.body(code_id, environment_id)
        if not body["properties"].get("experimentName"):
            body["properties"]["experimentName"] = experiment
        return body

    def cancel_after_trigger_failure(self) -> None:
        """Cancel what this epoch of the task has running: nobody watches it any more."""
        claim = Claim.of(self.context)
        found = self.hook.run(highest(self.hook.workspace, claim))
        if found is not None and attempt_of(found[1], claim, found[0]).epoch == claim.me.epoch:
            wait.cancel(self.hook, found[1].name, claim.base, "trigger failed")


def settled_number(event: Mapping[str, Any]) -> int:
    """The number of the attempt that was waited for; raises JobFailedError when it has not ended."""
    if event["reason"] != ENDED:
        reason = "its end was asked for, and it has not ended yet; no second job is started beside it"
        raise JobFailedError(event["name"], event["status"], reason)
    return int(event["name"].rsplit("-", 1)[1])


def _compiled(task: AzureMLRunJobOperator) -> Compiled:
    return compile_job(task.definition(), task.hook.workspace.path, task.overrides())


def run_identity(task: AzureMLRunJobOperator) -> str:
    """Client id of the managed identity that a task's definition names; empty when it names none."""
    try:
        identity = _compiled(task).properties.get("identity") or {}
    except ConfigurationError:  # it is the error that is being explained
        return ""
    return str(identity.get("clientId") or "")


def diagnosed(task: AzureMLRunJobOperator, text: str) -> Finding | None:
    """Cause and mend of a refusal, filled in with what the definition and the workspace tell."""

    def scope_of(store: str) -> str:
        try:
            return task.hook.run(datastore.container_scope(task.hook.workspace, store))
        except AzureMLError:  # the error that is being explained matters more than this one
            return ""

    return diagnose(text, run_identity(task), scope_of)
