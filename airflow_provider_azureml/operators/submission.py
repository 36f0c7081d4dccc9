# SPDX-License-Identifier: Apache-2.0
"""The way of one task try to its one job: look, decide, upload, PUT."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_azureml.errors import (
    AzureMLError,
    JobCanceledError,
    JobFailedError,
    ServiceError,
)
from airflow_provider_azureml.links import AzureMLStudioLink
from airflow_provider_azureml.naming import DETACHED, experiment
from airflow_provider_azureml.operators import store, wait
from airflow_provider_azureml.operators.attempt import Claim, attempt_of, highest
from airflow_provider_azureml.operators.input import refuse_absent
from airflow_provider_azureml.operators.outcome import conclude, result_of
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
from airflow_provider_azureml.rest import asset, code, intent
from airflow_provider_azureml.rest import job as job_flows
from airflow_provider_azureml.rest.intent import CANCEL_TAG, HOLDER_TAG, holder
from airflow_provider_azureml.rest.job import CANCEL_REQUESTED, Job, Result
from airflow_provider_azureml.spec import sdk
from airflow_provider_azureml.spec.compiled import Compiled, fingerprint, stamp
from airflow_provider_azureml.triggers.base import REAP
from airflow_provider_azureml.triggers.job import ENDED, TIMEOUT

if TYPE_CHECKING:
    from airflow_provider_azureml.operators.job import AzureMLRunJobOperator

SETTLE_SECONDS = 1800.0
"""How long a job may take to end after its end was asked for, before this try gives up."""
OLDER_EPOCH = "older epoch"
"""Reason of a cancel: the task was cleared, or belongs to a new run of the same id."""
SUPERSEDED = "A newer try of this task has taken its job over, or has submitted its own; this one ends."
FENCED = ("Command", "Spark", "Pipeline")
"""Kinds with a field that no later PUT can change: their first submit need not look first."""


class Submission:
    """One try of one task, on the way to its job.

    :param task: the operator, for its arguments and its wait.
    :param context: Airflow's context of the try.
    :param granted: the event of the wait for this try's grants, where there was one.
    """

    def __init__(
        self, task: AzureMLRunJobOperator, context: Any, granted: Mapping[str, Any] | None = None
    ) -> None:
        self.granted = granted
        self.task = task
        self.context = context
        self.hook = task.hook
        self.log = task.log
        self.known = -1  # an attempt that exists for certain: its name was taken

    def run(self, settled: int) -> dict[str, Any]:
        """Obtain the one job of this task instance, then wait for it.

        :param settled: the attempt whose end this try has already waited for.
        """
        compiled = self.task.compiled
        sha256 = code.read_folder(compiled.code).sha256 if compiled.code else ""
        claim = Claim.of(self.context, fingerprint(compiled, sha256))
        number, job = self._obtain(compiled, claim, settled)
        if self.task.access == "grant" and self.granted is None:
            self._take_over(compiled)
        self.task.owned_job = (job.name, claim.base)
        self._show(number, job)
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

    def _take_over(self, compiled: Compiled) -> None:
        """The job is an earlier try's, and so is what was granted to it."""
        from airflow_provider_azureml.operators.lending import Lender

        Lender(self.task, self.context).renew(compiled)

    def concluded(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """The result of a wait. A job that another try of ours cancelled is followed by the next attempt.

        This try lives and did not ask for that end: an older one, or the reaper, was late. Unless it is
        itself the older one, which Airflow gave up, and which has not noticed yet.
        """
        if event["reason"] == TIMEOUT and event["error"]:  # the cancel at the deadline failed
            store.wish_cancel(self.context, event["name"], "deadline", self.log)
        try:
            return conclude(self.hook, event)
        except JobCanceledError as error:
            self.task.unless_killed()
            if not error.by_airflow or event["reason"] != ENDED:
                raise
            if self._is_superseded(event["name"]):
                raise AzureMLError(SUPERSEDED) from error
            self.log.warning("%s The next attempt follows.", error)
            return self.run(settled_number(event))

    def _is_superseded(self, name: str) -> bool:
        """Whether a newer try watched this job, or cancelled it to run its own."""
        job = self.hook.run(job_flows.find(self.hook.workspace, name))
        if job is None:
            return False
        return holder(job) > (self.task.try_number or 0) or job.tags.get(CANCEL_TAG) == OLDER_EPOCH

    def _show(self, number: int, job: Job) -> None:
        """Let people find the job before the wait begins."""
        AzureMLStudioLink().push(self.context, job.studio_url)
        store.show_job(self.context, job.name, number, job.studio_url, self.log)
        self.log.info("Job %s (attempt %d): %s", job.name, number, job.studio_url)

    def _obtain(self, compiled: Compiled, claim: Claim, settled: int) -> tuple[int, Job]:
        """The attempt that is this task's: an earlier one, or a new one."""
        if claim.me.try_number == 1 and settled < 0 and compiled.kind in FENCED:
            job = self._try_submit(compiled, claim, 0)
            if job is not None:
                return 0, job
        return self._resolved(compiled, claim, settled)

    def _resolved(self, compiled: Compiled, claim: Claim, settled: int) -> tuple[int, Job]:
        """Look and decide, until there is a job to watch."""
        held = -1
        claim = replace(claim, wished_cancel=store.wished_cancel(self.context, self.log))

        def is_passed_over(number: int, job: Job) -> bool:
            return isinstance(self._decide(number, job, claim, settled), Submit)

        while True:
            look = highest(self.hook.workspace, claim, self.known, is_passed_over)
            number, job = self.hook.run(look) or (-1, None)
            decision = self._decide(number, job, claim, settled)
            if job is None or isinstance(decision, Submit):
                made = self._try_submit(compiled, claim, number + 1)
                if made is not None:
                    return number + 1, made
                continue
            if held == number and isinstance(decision, Attach):
                return number, job
            self._tell(decision, job)
            if isinstance(decision, CancelThenSubmit | Wait | Zombie):
                settled = self._settle(decision, job, claim)
            elif isinstance(decision, Adopt):
                return number, job
            else:
                self._hold(job, claim)
                held = number

    def _decide(self, number: int, job: Job | None, claim: Claim, settled: int) -> Decision:
        """What to do about the highest attempt; a job that was deleted counts as one that ended."""
        if job is None:
            return Submit(number + 1)
        return resolve(attempt_of(job, claim, number), claim.me, settled)

    def _tell(self, decision: Decision, job: Job) -> None:
        """Say what is done about an earlier job, and why a person may want something else."""
        done = " ".join(re.findall("[A-Z][a-z]+", type(decision).__name__)).lower()
        self.log.info("An earlier job of this task exists, %s (%s): %s", job.name, job.status, done)
        if isinstance(decision, Adopt | Attach) and decision.warning:
            self.log.warning("%s", decision.warning)

    def _hold(self, job: Job, claim: Claim) -> None:
        """Mark a living job as this try's, so that an older one, or its trigger, does not cancel it."""
        number = claim.me.try_number
        if holder(job) >= number:
            return
        try:
            self.hook.run(intent.tag(self.hook.workspace, job, {HOLDER_TAG: str(number)}))
        except AzureMLError as error:
            self.log.warning("Job %s could not be marked as watched by this try: %s", job.name, error)

    def _settle(self, decision: CancelThenSubmit | Wait | Zombie, job: Job, claim: Claim) -> int:
        """Wait until the earlier job has ended; returns its number."""
        if isinstance(decision, Zombie):
            raise AzureMLError(SUPERSEDED)
        if job.status != CANCEL_REQUESTED:
            asked = isinstance(decision, Wait) and (job.tags.get(CANCEL_TAG) or "asked for by an earlier try")
            problem = wait.cancel(self.hook, job.name, claim.base, asked or OLDER_EPOCH).problem
            if problem:
                text = f"the earlier job could not be cancelled: {problem}"
                raise JobFailedError(job.name, job.status, text)
        event = self.task.wait_for(
            self.context, job.name, "", method_name="resume_settled", deadline=time.time() + SETTLE_SECONDS
        )
        return settled_number(event)

    def _try_submit(self, compiled: Compiled, claim: Claim, number: int) -> Job | None:
        """PUT the attempt; None when the name is taken by another body, so that one must look again."""
        name = claim.name(number)
        self._look_at_access(compiled)
        may_outlive = not (self.task.wait_for_completion and self.task.cancel_on_kill)
        marks = {**claim.marks, **({DETACHED: "true"} if may_outlive else {})}
        body = stamp(self._body(compiled, name), marks, claim.fence)
        self.task.unless_killed()
        self.task.owned_job = (name, claim.base)  # known before the answer, which may be lost
        try:
            job = self.hook.run(job_flows.submit(self.hook.workspace, name, body))
        except ServiceError as error:
            if error.status not in (400, 409):
                raise
            if self.hook.run(job_flows.find(self.hook.workspace, name)) is None:
                raise  # the body itself was refused
            self.task.owned_job, self.known = None, number
            return None
        if name == claim.wished_cancel:  # an earlier try did not find it, and it was never made
            store.unwish_cancel(self.context, self.log)
        return job

    def _look_at_access(self, compiled: Compiled) -> None:
        """What `access` asks for before a submit; raises TaskDeferred to wait for a grant."""
        if self.task.access != "off":
            refuse_absent(self.hook, compiled.properties.get("inputs"))
        if self.task.access == "verify":
            from airflow_provider_azureml.operators.verifying import verify

            verify(self.task, compiled)
        elif self.task.access == "grant":
            from airflow_provider_azureml.operators.lending import Lender

            self.granted = Lender(self.task, self.context).lend(compiled, self.granted)

    def _body(self, compiled: Compiled, name: str) -> dict[str, Any]:
        """The REST body, with everything uploaded that it refers to."""
        workspace, folder = self.hook.workspace, experiment(self.context["ti"].dag_id)
        if compiled.document is not None:
            return sdk.compile_body(compiled.document, name, folder, workspace, self.hook.credential)
        code_id = environment_id = None
        if compiled.code is not None:
            code_id = self.hook.run(code.upload_code(workspace, compiled.code))
        if compiled.environment is not None:
            wanted = compiled.environment
            flow = asset.ensure_environment(workspace, wanted.image, wanted.conda_file or "")
            environment_id = self.hook.run(flow)
        body = compiled.body(code_id, environment_id)
        if not body["properties"].get("experimentName"):
            body["properties"]["experimentName"] = folder
        return body

    def cancel_after_trigger_failure(self, error: str) -> None:
        """Cancel what this epoch of the task has running: nobody watches it any more.

        :param error: Airflow's word; a timeout (2.11's `execution_timeout`) is a deadline like our own.
        """
        is_late = "timeout" in error.lower()
        if not (is_late or self.task.cancel_on_kill):
            return
        claim = Claim.of(self.context)
        try:
            number, job = self.hook.run(highest(self.hook.workspace, claim)) or (-1, None)
        except ServiceError as problem:
            self.log.error("Which job to cancel is not to be had; it may still run: %s. %s", problem, REAP)
            return
        if job is None or attempt_of(job, claim, number).epoch != claim.me.epoch:
            return
        reason = "deadline" if is_late else "trigger failed"
        outcome = wait.cancel(self.hook, job.name, claim.base, reason, claim.me.try_number)
        if outcome.problem or outcome.untraced:
            store.wish_cancel(self.context, job.name, reason, self.log)


def settled_number(event: Mapping[str, Any]) -> int:
    """The number of the attempt that was waited for; raises JobFailedError when it has not ended."""
    if event["reason"] != ENDED:
        reason = "its end was asked for, and it has not ended yet; no second job is started beside it"
        raise JobFailedError(event["name"], event["status"], reason)
    return int(event["name"].rsplit("-", 1)[1])
