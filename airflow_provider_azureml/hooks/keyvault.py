# SPDX-License-Identifier: Apache-2.0
"""Azure Key Vault secrets, as the identity of an `azureml` connection."""

from __future__ import annotations

from airflow_provider_azureml.hooks.azureml import AzureMLHook


class AzureKeyVaultHook(AzureMLHook):
    """Secrets of the connection's `vault_url`. What it reads is masked in task logs."""

    def get_secret(self, name: str, version: str = "") -> str:
        """Value of the latest, or of one, version."""
        raise NotImplementedError
