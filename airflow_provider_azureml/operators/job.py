# SPDX-License-Identifier: Apache-2.0
"""Running a job: submitted exactly once, watched in either mode, with one honest end.

What it does stands in `submission.py`, which is loaded by the task and not by the parse of the DAG.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_azureml.links import AzureMLStudioLink
from airflow_provider_azureml.operators.base import AzureMLBaseOperator

if TYPE_CHECKING:
    from airflow_provider_azureml.access.diagnose import Finding
    from airflow_provider_azureml.spec.compiled import Compiled

_RAW_OR_AZURE = re.compile(r"(\{%-?\s*raw\b.*?\bendraw\s*-?%\})|\$\{\{.*?\}\}", re.DOTALL)
"""Jinja would take the two braces of `${{inputs.x}}` for its own; a `raw` block is safe already."""


class AzureMLRunJobOperator(AzureMLBaseOperator):
    """Run an Azure ML job, exactly once per task instance, and wait for its end.

    A retry finds the job of the try before it: a living one is watched on, a completed one is taken
    over, a failed one is followed by a new one. A cleared task runs a new job, after the old one ended.

    The result (XCom) is `{"name", "status", "studio_url", "outputs", "metrics"}` in every mode.
    `compute` and `experiment_name` stand in the job definition; an experiment that is not named
    there is the DAG's id, with `-` for what Azure does not take in an experiment's name.

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
    :param access: `explain` (default) looks whether the inputs are there, as far as the submitter may
        see, and appends cause and mend to errors about access; `off` does neither. `verify` also looks,
        before the submit, whether submitter and run identity may do what the job needs, and fails where
        one certainly may not. `grant` has the broker ([azureml] broker_conn_id) give the run identity what
        it lacks until the job has ended.
    """

    template_fields: Sequence[str] = ("azureml_conn_id", "job", "inputs", "outputs", "identity")
    template_fields_renderers: ClassVar[dict[str, str]] = {"job": "json", "inputs": "json", "outputs": "json"}
    operator_extra_links = (AzureMLStudioLink(),)
    access_modes: ClassVar[tuple[str, ...]] = ("off", "explain", "verify", "grant")
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

    def perform(
        self, context: Any, settled: int = -1, granted: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Obtain the one job of this task instance, then wait for it.

        :param settled: the attempt whose end this try has already waited for.
        :param granted: the event of the wait for this try's grants, where there was one.
        """
        from airflow_provider_azureml.operators.submission import Submission

        with self.lent(context):
            return Submission(self, context, granted).run(settled)

    def lent(self, context: Any) -> AbstractContextManager[None]:
        """The time for which `access="grant"` grants: until the job of the block has ended."""
        if self.access != "grant":
            return nullcontext()
        from airflow_provider_azureml.operators.lending import lent

        return lent(self, context)

    def resume_granted(self, context: Any, event: dict[str, Any]) -> Any:
        """Airflow's entry once the grants work, or do not: now the job may be submitted."""
        self.context = context
        return self.guarded(lambda: self.perform(context, granted=event))

    def resume_settled(self, context: Any, event: dict[str, Any]) -> Any:
        """Airflow's entry once an earlier job has ended: now the next may be submitted."""
        from airflow_provider_azureml.operators.submission import settled_number

        self.context = context
        return self.guarded(lambda: self.perform(context, settled_number(event)))

    def conclude(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """The same; a job that another try of ours cancelled is followed by the next attempt."""
        from airflow_provider_azureml.operators.submission import Submission

        with self.lent(self.context):
            return Submission(self, self.context).concluded(event)

    @cached_property
    def compiled(self) -> Compiled:
        """The definition with the arguments of this task, compiled once. Raises ConfigurationError."""
        from airflow_provider_azureml.hooks.namespace import refuse_foreign_places
        from airflow_provider_azureml.spec.job import compile_job

        compiled = compile_job(self.definition(), self.hook.workspace.path, self.overrides())
        refuse_foreign_places([compiled.properties, compiled.document and compiled.document.content])
        return compiled

    def render_template(self, content: Any, context: Any, *args: Any, **kwargs: Any) -> Any:
        """Render as Airflow does, but leave Azure ML's own `${{inputs.x}}` to Azure ML."""
        if isinstance(content, str):
            content = _RAW_OR_AZURE.sub(_shielded, content)
        return super().render_template(content, context, *args, **kwargs)

    def definition(self) -> str | Path | Mapping[str, Any]:
        """The job definition; a relative path starts at the folder of the DAG's file."""
        return definition_of(self, self.job)

    def overrides(self) -> dict[str, Any]:
        """The fields of the definition that this task sets."""
        return {"inputs": self.inputs, "outputs": self.outputs, "identity": self.identity}

    def diagnose(self, text: str) -> Finding | None:
        """The same, with the run identity and the container that the mend is about."""
        from airflow_provider_azureml.operators.explanation import diagnosed

        return diagnosed(self, text)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Any) -> Any:
        """Airflow's entry when a trigger crashed, was lost or timed out (`__fail__`): the job is cancelled first."""
        if next_method == "__fail__":
            from airflow_provider_azureml.operators.submission import Submission

            self.context = context
            error = str((next_kwargs or {}).get("error", ""))

            def cancel() -> None:
                with self.lent(context):
                    Submission(self, context).cancel_after_trigger_failure(error)

            self.guarded(cancel)
        return super().resume_execution(next_method, next_kwargs, context)


def definition_of(
    task: AzureMLBaseOperator, job: str | Path | Mapping[str, Any]
) -> str | Path | Mapping[str, Any]:
    """A job definition; a relative path starts at the folder of the DAG's file."""
    if isinstance(job, Mapping) or not task.has_dag():
        return job
    folder = Path(task.dag.fileloc).parent
    return folder / job


def _shielded(found: re.Match[str]) -> str:
    return found[0] if found[1] else f"{{% raw %}}{found[0]}{{% endraw %}}"
