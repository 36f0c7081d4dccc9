# SPDX-License-Identifier: Apache-2.0
"""Granting access for the time of a run, and taking it back (the work: `granting.py`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_azureml.operators.base import AzureMLBaseOperator

if TYPE_CHECKING:
    from airflow_provider_azureml.hooks.azureml import AzureMLHook

HOUR = 3600.0


class AzureMLBrokerOperator(AzureMLBaseOperator):
    """What acts as the broker: `azureml_conn_id`, else `[azureml] broker_conn_id`."""

    @cached_property
    def hook(self) -> AzureMLHook:
        """The broker's hook. Raises ConfigurationError when there is no broker."""
        from airflow_provider_azureml.hooks.azureml import AzureMLHook
        from airflow_provider_azureml.hooks.broker import broker_conn_id

        self.azureml_conn_id = broker_conn_id(self.azureml_conn_id)
        return AzureMLHook(self.azureml_conn_id)

    def guarded(self, work: Callable[[], Any]) -> Any:
        """The same; first of all it is known who the broker is, whom errors then name."""
        if not self.azureml_conn_id:
            super().guarded(lambda: self.hook)
        return super().guarded(work)


class AzureMLGrantAccessOperator(AzureMLBrokerOperator):
    """Grant roles for the time of a run, and wait until they work. Use it as a setup.

    Run it beside the tasks that come before the job, so that Azure's delay costs nothing, and revoke in a
    teardown: `AzureMLRevokeAccessOperator(granted=this.output)`. A grant that exists already is left as it
    is. Runs that want the same at the same time share one assignment, which the last one ends. What no
    teardown gave back, `AzureMLGrantReaperOperator` ends once its time is over. Times are seconds.

    The result (XCom) is `{"holder", "lease", "through", "broker", "grants"}`; each grant has `principal_id`,
    `role`, `scope`, `condition`, `role_name`, `generation`, and `how`: `leased`, `standing` or `foreign`
    (another Airflow's).

    :param azureml_conn_id: the broker's connection; empty for `[azureml] broker_conn_id`.
    :param grants: what to grant: `{"principal_id", "role", "scope"}` and perhaps `"condition"`; the role by
        its name or GUID, the principal by its object id.
    :param job: a job definition (a path or a dict), whose run identity is granted what it says that the job
        reads and writes, and what it lacks. Identity and paths have to stand in the definition.
    :param job_conn_id: the connection that the job will be submitted with.
    :param probe_conn_id: a connection that signs in as the grantee, which can try out what it was granted;
        without one, the assignment is looked for and `minimum_wait` has to pass.
    :param valid_for: after which time the grants end by themselves; at least 300.
    :param through: `assignment` (default) or `schedule`: Privileged Identity Management.
    :param minimum_wait: how long a grant that cannot be tried out is waited for.
    :param poll_interval: between the first two looks; later ones are up to half a minute apart.
    :param timeout: after which time of waiting the task fails.
    :param deferrable: wait in the triggerer.
    :param access: `explain` (default) appends cause and mend to errors about access; `off` does not.
    """

    template_fields: Sequence[str] = ("azureml_conn_id", "grants", "job", "job_conn_id", "probe_conn_id")
    template_fields_renderers: ClassVar[dict[str, str]] = {"grants": "json", "job": "json"}
    ui_color: ClassVar[str] = "#f3ecd8"

    def __init__(
        self,
        *,
        azureml_conn_id: str = "",
        grants: Sequence[Mapping[str, Any]] = (),
        job: str | Path | Mapping[str, Any] | None = None,
        job_conn_id: str = "",
        probe_conn_id: str = "",
        valid_for: float = 6 * HOUR,
        through: str = "assignment",
        minimum_wait: float = 120.0,
        poll_interval: float = 5.0,
        timeout: float = 900.0,
        deferrable: bool = False,
        access: str = "explain",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            azureml_conn_id=azureml_conn_id,
            poll_interval=poll_interval,
            timeout=timeout,
            deferrable=deferrable,
            access=access,
            **kwargs,
        )
        self.grants = grants
        self.job = job
        self.job_conn_id = job_conn_id
        self.probe_conn_id = probe_conn_id
        self.valid_for = valid_for
        self.through = through
        self.minimum_wait = minimum_wait

    def perform(self, context: Any) -> dict[str, Any]:
        """Grant, then wait."""
        from airflow_provider_azureml.operators.granting import grant

        return grant(self, context)

    def proceed(self, context: Any, event: dict[str, Any]) -> Any:
        """Airflow's entry after the wait in the triggerer."""
        from airflow_provider_azureml.operators.granting import proceed

        self.context = context
        return self.guarded(lambda: proceed(self, event))


class AzureMLRevokeAccessOperator(AzureMLBrokerOperator):
    """Take back what an `AzureMLGrantAccessOperator` granted. Use it as the teardown of that setup.

    An assignment is deleted with its last lease; what another run still needs, or no Airflow made, stays.
    Azure takes up to ten minutes to heed it. The result (XCom) is what came of each grant, by assignment.

    :param azureml_conn_id: the broker's connection; empty for the one that granted.
    :param granted: the result of the setup, e.g. `grant.output`.
    :param access: `explain` (default) appends cause and mend to errors about access; `off` does not.
    """

    template_fields: Sequence[str] = ("azureml_conn_id", "granted")
    template_fields_renderers: ClassVar[dict[str, str]] = {"granted": "json"}
    ui_color: ClassVar[str] = "#f3ecd8"

    def __init__(
        self, *, azureml_conn_id: str = "", granted: Any = None, access: str = "explain", **kwargs: Any
    ) -> None:
        super().__init__(azureml_conn_id=azureml_conn_id, access=access, **kwargs)
        self.granted = granted

    def guarded(self, work: Callable[[], Any]) -> Any:
        """The same; the broker is the one that granted, where nobody says another."""
        if not self.azureml_conn_id and isinstance(self.granted, Mapping):
            self.azureml_conn_id = str(self.granted.get("broker") or "")
        return super().guarded(work)

    def perform(self, context: Any) -> dict[str, str]:
        """Give back all leases; raises when one could not be given back, after all were tried."""
        from airflow_provider_azureml.operators.granting import revoke

        return revoke(self, self.granted)


class AzureMLGrantReaperOperator(AzureMLBrokerOperator):
    """End what was granted for a while and not given back; with `dry_run=False`, delete it.

    A scheduler that died, a run that was deleted or a `clear` can skip a teardown. Run this more often than
    the shortest `valid_for`. Only assignments are deleted whose description names this `[azureml]
    deployment_id`, which the broker itself made, whose time is over, and on which no run has a living lease.

    The result (XCom) is `{"dry_run", "seen", "ours", "due", "deleted", "kept", "failed", "used", "limit"}`,
    counts of assignments; `used` counts towards Azure's fixed `limit` of a subscription. The task fails when
    one could not be deleted, after it has tried all.

    :param azureml_conn_id: the broker's connection; empty for `[azureml] broker_conn_id`.
    :param scopes: ARM ids below which to look: the broker's resource groups, or the subscription.
    :param dry_run: True (default) only says in the log what would be deleted.
    :param access: `explain` (default) appends cause and mend to errors about access; `off` does not.
    """

    template_fields: Sequence[str] = ("azureml_conn_id", "scopes")
    ui_color: ClassVar[str] = "#f4e4e0"

    def __init__(
        self,
        *,
        azureml_conn_id: str = "",
        scopes: Sequence[str],
        dry_run: bool = True,
        access: str = "explain",
        **kwargs: Any,
    ) -> None:
        super().__init__(azureml_conn_id=azureml_conn_id, access=access, **kwargs)
        self.scopes = scopes
        self.is_dry_run = dry_run

    def perform(self, context: Any) -> dict[str, Any]:
        """One pass."""
        from airflow_provider_azureml.operators.granting import reap

        return reap(self)
