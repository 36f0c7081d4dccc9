# SPDX-License-Identifier: Apache-2.0
"""Rotating a service principal's secret between Entra and Key Vault."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from functools import cached_property
from typing import Any, ClassVar

from airflow_provider_azureml.errors import ConfigurationError
from airflow_provider_azureml.hooks.keyvault import AzureKeyVaultHook
from airflow_provider_azureml.hooks.service_principal_secret import RotationWorld
from airflow_provider_azureml.operators.base import AzureMLBaseOperator
from airflow_provider_azureml.rotation.plan import (
    PREFIX,
    DisableVersion,
    Done,
    RemovePassword,
    Step,
    Wait,
    rotation_id,
)
from airflow_provider_azureml.rotation.service_principal_secret import Proof, Rotation, advance
from airflow_provider_azureml.triggers.moment import AzureMLMomentTrigger

DAY = 86400.0


class AzureMLRotateSecretOperator(AzureMLBaseOperator):
    """Gives an application a new secret, publishes it in Key Vault, retires the one before.

    At every instant the latest enabled version of the secret works. A task that was killed anywhere
    is mended by running it again; cleared after its success, it does nothing: one rotation per DAG
    run. Let no two runs rotate the same secret at once (`max_active_runs=1`, or a pool of one).

    The connection's identity owns the application (Graph `Application.ReadWrite.OwnedBy`) and may
    write secrets of the vault (Key Vault Secrets Officer). Times are seconds.

    :param azureml_conn_id: the connection whose identity rotates.
    :param application_id: client id of the application.
    :param secret_name: name of the secret in Key Vault.
    :param vault_url: the vault; the connection's `vault_url` when empty.
    :param overlap: how long old and new both work, for consumers that still hold the old one.
    :param valid_for: after which time Entra ends the new password by itself.
    :param poll_interval: between two sign-ins that prove the new password.
    :param deferrable: wait for the end of the overlap in the triggerer.
    """

    template_fields: Sequence[str] = ("azureml_conn_id", "application_id", "vault_url", "secret_name")
    ui_color: ClassVar[str] = "#e8f0d8"

    def __init__(
        self,
        *,
        azureml_conn_id: str,
        application_id: str,
        secret_name: str,
        vault_url: str = "",
        overlap: float = DAY,
        valid_for: float = 90 * DAY,
        poll_interval: float = 10.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(azureml_conn_id=azureml_conn_id, poll_interval=poll_interval, **kwargs)
        self.application_id = application_id
        self.secret_name = secret_name
        self.vault_url = vault_url
        self.overlap = overlap
        self.valid_for = valid_for

    @cached_property
    def hook(self) -> AzureKeyVaultHook:
        """Key Vault, and Graph as the same identity."""
        return AzureKeyVaultHook(self.azureml_conn_id, vault_url=self.vault_url)

    def perform(self, context: Any) -> dict[str, Any]:
        """Do what is due; wait for the overlap; do the rest."""
        rotation, world = self._rotation(context), self._world()
        while isinstance(state := advance(world, rotation, self._note), Wait):
            if self.deferrable:
                trigger = AzureMLMomentTrigger(moment=state.until.timestamp())
                self.defer(trigger=trigger, method_name="proceed")
            self._sleep((state.until - datetime.now(timezone.utc)).total_seconds())
        return self._result(state, world)

    def proceed(self, context: Any, event: dict[str, Any]) -> Any:
        """The overlap should be over; the state is read again, so the event decides nothing."""
        return self.execute(context)

    def _rotation(self, context: Any) -> Rotation:
        if not 0 <= self.overlap < self.valid_for:
            mend = "Make it at least 0, and shorter than valid_for."
            raise ConfigurationError("overlap", f"{self.overlap} does not fit.", mend)
        ti = context["ti"]
        occasion = "|".join((ti.dag_id, ti.run_id, ti.task_id, str(ti.map_index)))
        return Rotation(
            app_id=self.application_id,
            rid=rotation_id(self.application_id, self.hook.vault_url, self.secret_name, occasion),
            overlap=timedelta(seconds=self.overlap),
            valid_for=timedelta(seconds=self.valid_for),
            proof=Proof(interval=self.poll_interval),
        )

    def _world(self) -> RotationWorld:
        return RotationWorld(self.hook, self.application_id, self.secret_name, self._sleep)

    def _note(self, step: Step) -> None:
        """One line per step, for the person who reads the task's log."""
        if isinstance(step, Wait):
            self.log.info("Old and new secret both work until %s", step.until.isoformat())
        elif isinstance(step, RemovePassword):
            self.log.info("Removing password %s: %s", step.key_id, step.reason)
        elif isinstance(step, DisableVersion):
            self.log.info("Disabling version %s: %s", step.version, step.reason)
        elif isinstance(step, Done):
            self.log.info("The latest version is %s", step.current.version)
        else:
            self.log.info("Making a password, proving it, publishing it after version %s", step.previous)

    def _result(self, done: Done, world: RotationWorld) -> dict[str, Any]:
        foreign = [item.key_id for item in world.passwords() if not item.display_name.startswith(PREFIX)]
        if foreign:
            self.log.warning("Passwords that no rotation made stay as they are: %s", ", ".join(foreign))
        return {
            "vault_url": self.hook.vault_url,
            "secret_name": self.secret_name,
            "version": done.current.version,
            "key_id": done.current.key_id,
            "created_at": done.current.created_at.isoformat(),
            "foreign_key_ids": foreign,
        }
