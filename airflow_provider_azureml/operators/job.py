# SPDX-License-Identifier: Apache-2.0
"""Running a job: submitted exactly once, watched in either mode, with one honest end."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from airflow_provider_azureml.errors import AzureMLError, JobFailedError, ServiceError
from airflow_provider_azureml.links import AzureMLStudioLink
from airflow_provider_azureml.operators.attempt import Claim, attempt_of, highest
from airflow_provider_azureml.operators.base import AzureMLBaseOperator
from airflow_provider_azureml.operators.failure import translated
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
from airflow_provider_azureml.rest import asset, code
from airflow_provider_azureml.rest import job as job_flows
from airflow_provider_azureml.rest.job import Job, Result
from airflow_provider_azureml.spec.compiled import Compiled, fingerprint, stamp
from airflow_provider_azureml.spec.job import compile_job
from airflow_provider_azureml.triggers.job import ENDED

SETTLE_SECONDS = 1800.0
"""How long a job may take to end after its end was asked for, before this try gives up."""
FENCED = ("Command", "Spark", "Pipeline")
"""Kinds with a field that no later PUT can change: their first submit need not look first."""


class AzureMLRunJobOperator(AzureMLBaseOperator):
    """Run an Azure ML job, exactly once per task instance, and wait for its end.

    A retry finds the job of the try before it: a living one is watched on, a completed one is taken
    over, a failed one is followed by a new one. A cleared task runs a new job, after the old one ended.

    The result (XCom) is `{"name", "status", "studio_url", "outputs", "metrics"}` in every mode.
    `compute` and `experiment_name` stand in the job definition; an experiment that is not named
    there is the DAG's id.

    :param azureml_conn_id: the connection to submit with.
    :param job: a CLI v2 definition of a command or Spark job, as the path of a YAML file or as a dict;
        or a REST body of any kind, `{"properties": {"jobType": ...}}`.
    :param inputs: inputs to add or change, entry by entry; a text for a declared data input is its path.
    :param outputs: outputs to add or change, entry by entry.
    :param identity: the identity the job runs as, instead of the definition's: the definition's form
        (`{"type": "managed", "client_id": ...}`), or its type alone as text.
    :param deferrable: wait in the triggerer, not in a worker slot.
    :param wait_for_completion: False ends the task once the job is submitted.
    :param poll_interval: seconds between two looks at the job.
    :param timeout: seconds, counted from the begin of the try, after which the job is cancelled and the
        task fails. `execution_timeout` works too, in both modes.
    :param cancel_on_kill: whether the job is cancelled when the task is ended from outside.
    :param stream_logs: whether the job's log appears in the task's log while it grows.
    :param access: `explain` (default) appends cause and mend to errors about access; `off` does not.
    """

    template_fields: Sequence[str] = ("azureml_conn_id", "job", "inputs", "outputs", "identity")
    template_fields_renderers: ClassVar[dict[str, str]] = {"job": "json", "inputs": "json", "outputs": "json"}
    operator_extra_links = (AzureMLStudioLink(),)
    ui_color = "#e6f2fb"

    def __init__(
        self,
        *,
        azureml_conn_id: str = "azureml_default",
        job: str | Path | Mapping[str, Any],
        inputs: Mapping[str, Any] | None = None,
        outputs: Mapping[str, Any] | None = None,
        identity: str | Mapping[str, Any] | None = None,
        deferrable: bool = False,
        wait_for_completion: bool = True,
        poll_interval: float = 30.0,
        timeout: float | None = None,
        cancel_on_kill: bool = True,
        stream_logs: bool = True,
        access: str = "explain",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            azureml_conn_id=azureml_conn_id,
            deferrable=deferrable,
            poll_interval=poll_interval,
            timeout=timeout,
            cancel_on_kill=cancel_on_kill,
            stream_logs=stream_logs,
            access=access,
            **kwargs,
        )
        self.job = job
        self.inputs = inputs
        self.outputs = outputs
        self.identity = identity
        self.wait_for_completion = wait_for_completion

    def perform(self, context: Any, settled: int = -1) -> dict[str, Any]:
        """Obtain the one job of this task instance, then wait for it.

        :param settled: the attempt whose end this try has already waited for.
        """
        compiled = compile_job(self._definition(), self.hook.workspace.path, self._overrides())
        sha256 = code.read_folder(compiled.code).sha256 if compiled.code else ""
        claim = Claim.of(context, fingerprint(compiled, sha256))
        number, job = self._obtain(context, compiled, claim, settled)
        self.owned_job = (job.name, claim.base)
        AzureMLStudioLink().push(context, job.studio_url)
        self.log.info("Job %s (attempt %d): %s", job.name, number, job.studio_url)
        if self._was_killed:
            self.on_kill()
        self._unless_killed()
        if job.is_terminal:
            return result_of(self.hook, job)
        if not self.wait_for_completion:
            return Result.of(job).to_dict()
        return self.conclude(self.wait_for(context, job.name, claim.base, deadline=self.deadline(context)))

    def _definition(self) -> str | Path | Mapping[str, Any]:
        """The definition; a relative path starts at the folder of the DAG's file."""
        if isinstance(self.job, Mapping) or self.dag is None:
            return self.job
        return Path(self.dag.fileloc).parent / self.job

    def run_identity(self) -> str:
        """Client id of the managed identity that the definition names; empty when it names none."""
        try:
            compiled = compile_job(self._definition(), self.hook.workspace.path, self._overrides())
        except ConfigurationError:  # it is the error that is being explained
            return ""
        return str((compiled.properties.get("identity") or {}).get("clientId") or "")

    def _overrides(self) -> dict[str, Any]:
        return {"inputs": self.inputs, "outputs": self.outputs, "identity": self.identity}

    def _obtain(self, context: Any, compiled: Compiled, claim: Claim, settled: int) -> tuple[int, Job]:
        """The attempt that is this task's: an earlier one, or a new one."""
        if claim.me.try_number == 1 and settled < 0 and compiled.kind in FENCED:
            job = self._try_submit(context, compiled, claim, 0)
            if job is not None:
                return 0, job
        while True:
            found = self.hook.run(highest(self.hook.workspace, claim))
            decision = self._decide(found, claim, settled)
            self._tell(decision)
            if isinstance(decision, Submit):
                job = self._try_submit(context, compiled, claim, decision.number)
                if job is not None:
                    return decision.number, job
            elif isinstance(decision, Attach | Adopt) and found is not None:
                return found
            else:
                settled = self._settle(context, decision, claim)

    def _decide(self, found: tuple[int, Job] | None, claim: Claim, settled: int) -> Decision:
        attempt = None if found is None else attempt_of(found[1], claim, found[0])
        return resolve(attempt, claim.me, settled)

    def _tell(self, decision: Decision) -> None:
        if isinstance(decision, Adopt) and decision.warning:
            self.log.warning("%s", decision.warning)
        if not isinstance(decision, Submit):
            self.log.info("An earlier job of this task exists: %s", decision)

    def _settle(self, context: Any, decision: Decision, claim: Claim) -> int:
        """Wait until the earlier job has ended; returns its number."""
        if isinstance(decision, Zombie) or not isinstance(decision, Wait | CancelThenSubmit):
            raise AzureMLError("A newer try of this task has submitted its own job; this one ends.")
        name = claim.name(decision.number)
        if isinstance(decision, CancelThenSubmit):
            problem = self._cancel(name, claim.base, "older epoch")
            if problem:
                raise JobFailedError(name, "active", f"the earlier job could not be cancelled: {problem}")
        event = self.wait_for(
            context, name, "", method_name="resume_settled", deadline=time.time() + SETTLE_SECONDS
        )
        return self._settled(event)

    def _settled(self, event: Mapping[str, Any]) -> int:
        if event["reason"] != ENDED:
            reason = "its end was asked for, and it has not ended yet; no second job is started beside it"
            raise JobFailedError(event["name"], event["status"], reason)
        return int(event["name"].rsplit("-", 1)[1])

    def resume_settled(self, context: Any, event: dict[str, Any]) -> dict[str, Any]:
        """Airflow's entry once the earlier job has ended: now the next may be submitted."""
        with translated(self.access, self.run_identity):
            return self._unless_killed(self.perform(context, settled=self._settled(event)))  # type: ignore[no-any-return]

    def _try_submit(self, context: Any, compiled: Compiled, claim: Claim, number: int) -> Job | None:
        """PUT the attempt; None when the name is taken by another body, so that one must look again."""
        name = claim.name(number)
        body = stamp(self._body(context, compiled), claim.marks, claim.fence)
        self._unless_killed()
        self.owned_job = (name, claim.base)
        try:
            return self.hook.run(job_flows.submit(self.hook.workspace, name, body))
        except ServiceError as error:
            if error.status not in (400, 409):
                raise
            if self.hook.run(job_flows.find(self.hook.workspace, name)) is None:
                raise  # the body itself was refused
            self.owned_job = None
            return None

    def _body(self, context: Any, compiled: Compiled) -> dict[str, Any]:
        """The REST body, with everything uploaded that it refers to."""
        workspace = self.hook.workspace
        code_id = environment_id = None
        if compiled.code is not None:
            code_id = self.hook.run(code.upload_code(workspace, compiled.code))
        if compiled.environment is not None:
            wanted = compiled.environment
            flow = asset.ensure_environment(workspace, wanted.image, wanted.conda_file or "")
            environment_id = self.hook.run(flow)
        body = compiled.body(code_id, environment_id)
        if not body["properties"].get("experimentName"):
            body["properties"]["experimentName"] = context["ti"].dag_id
        return body

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Any) -> Any:
        """Airflow's entry when a trigger crashed or was lost (`__fail__`): the job is cancelled first."""
        if next_method == "__fail__" and self.cancel_on_kill:
            with translated(self.access, self.run_identity):
                self._cancel_after_trigger_failure(Claim.of(context))
        return super().resume_execution(next_method, next_kwargs, context)

    def _cancel_after_trigger_failure(self, claim: Claim) -> None:
        found = self.hook.run(highest(self.hook.workspace, claim))
        if found is not None and attempt_of(found[1], claim, found[0]).epoch == claim.me.epoch:
            self._cancel(found[1].name, claim.base, "trigger failed")
