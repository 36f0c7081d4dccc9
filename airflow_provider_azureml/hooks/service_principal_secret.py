# SPDX-License-Identifier: Apache-2.0
"""The world in which a service principal's secret is rotated: Graph, Key Vault, Entra, the clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import cached_property

from airflow_provider_azureml.compat import mask_secret
from airflow_provider_azureml.connection import Settings
from airflow_provider_azureml.hooks.keyvault import AzureKeyVaultHook
from airflow_provider_azureml.identity.client_secret import with_secret
from airflow_provider_azureml.rest import graph
from airflow_provider_azureml.rest.azure_error import sign_in_error, translate
from airflow_provider_azureml.rest.graph import NewPassword, Password
from airflow_provider_azureml.rotation.plan import SecretVersion

CONTENT_TYPE = "application/vnd.airflow.azure-sp-secret"
NOT_YET = ("AADSTS7000215", "AADSTS700016")
"""What Entra says of a new password, or a new application, that has not spread to all its servers."""


@dataclass
class RotationWorld:
    """Implements `rotation.service_principal_secret.World` with one connection's identity.

    :param hook: for Key Vault, and for Graph as the same identity.
    :param app_id: client id of the application whose secret it is.
    :param secret_name: of the secret in the hook's vault.
    :param sleep: how to wait, in seconds.
    """

    hook: AzureKeyVaultHook
    app_id: str
    secret_name: str
    sleep: Callable[[float], None]

    def now(self) -> datetime:
        """The time."""
        return datetime.now(timezone.utc)

    def passwords(self) -> Sequence[Password]:
        """The application's passwords, from Graph."""
        return self.hook.run(graph.application(self.hook.settings.cloud, self.app_id)).passwords

    def versions(self) -> Sequence[SecretVersion]:
        """The secret's versions, from Key Vault."""
        return self.hook.list_versions(self.secret_name)

    def add_password(self, display_name: str, ends_at: datetime) -> NewPassword:
        """Make a password in Entra; it is masked before anybody else sees it."""
        cloud = self.hook.settings.cloud
        made = self.hook.run(graph.add_password(cloud, self.app_id, display_name, ends_at))
        mask_secret(made.secret)
        return made

    def remove_password(self, key_id: str) -> None:
        """Remove a password from Entra."""
        self.hook.run(graph.remove_password(self.hook.settings.cloud, self.app_id, key_id))

    def publish(self, secret: str, ends_at: datetime, tags: Mapping[str, str]) -> str:
        """Write the next version to Key Vault."""
        return self.hook.set_secret(
            self.secret_name, secret, expires_on=ends_at, tags=tags, content_type=CONTENT_TYPE
        )

    def latest(self) -> str:
        """The secret as its consumers read it."""
        return self.hook.get_secret(self.secret_name)

    def disable(self, version: str) -> None:
        """Switch off an older version."""
        self.hook.disable_version(self.secret_name, version)

    def signs_in(self, secret: str) -> bool:
        """Ask Entra for a token with this secret, through no cache."""
        from azure.core.exceptions import AzureError, ClientAuthenticationError

        scope = self._application.cloud.arm_scope
        with with_secret(self._application, secret) as credential:
            try:
                credential.get_token(scope)
            except ClientAuthenticationError as error:
                refusal = sign_in_error(error, f"sign in as {self.app_id}")
                if refusal.code in NOT_YET:
                    return False
                raise refusal from error
            except AzureError as error:
                raise translate(error, f"sign in as {self.app_id}") from error
        return True

    def pause(self, seconds: float) -> None:
        """Wait."""
        self.sleep(seconds)

    @cached_property
    def _application(self) -> Settings:
        """The application's own settings; it lives in the tenant of the identity that rotates."""
        own = self.hook.settings
        tenant = own.tenant_id or self.hook.identity().tenant_id
        return replace(own, auth="client_secret", tenant_id=tenant, client_id=self.app_id)
