# SPDX-License-Identifier: Apache-2.0
"""Rotating a service principal's secret between Entra and Key Vault (the work: `rotating.py`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from airflow_provider_azureml.operators.base import AzureMLBaseOperator

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

    def perform(self, context: Any) -> dict[str, Any]:
        """Do what is due; wait for the overlap; do the rest."""
        from airflow_provider_azureml.operators.rotating import rotate

        return rotate(self, context)

    def proceed(self, context: Any, event: dict[str, Any]) -> Any:
        """The overlap should be over; the state is read again, so the event decides nothing."""
        return self.execute(context)
