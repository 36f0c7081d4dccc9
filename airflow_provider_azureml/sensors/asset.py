# SPDX-License-Identifier: Apache-2.0
"""Waiting for a version of a model or of a data asset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_azureml.sensors.base import AzureMLBaseSensor

if TYPE_CHECKING:
    from airflow_provider_azureml.compat import BaseTrigger
    from airflow_provider_azureml.rest.flow import Flow
    from airflow_provider_azureml.triggers.state import Seen


class _AssetSensor(AzureMLBaseSensor):
    """The wait of both kinds."""

    kind: ClassVar[str]

    def __init__(
        self, *, version: str, newer_than: str, tags: Mapping[str, str] | None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.version = version
        self.newer_than = newer_than
        self.tags = tags

    @property
    def asset(self) -> str:
        """The asset's name."""
        return str(getattr(self, self.kind))

    @property
    def awaited(self) -> str:
        """What is waited for, as messages call it."""
        return f"{self.kind.capitalize()} {self.asset}"

    def check(self) -> None:
        """Raise ConfigurationError where two parameters exclude each other."""
        from airflow_provider_azureml.errors import ConfigurationError

        if self.version and self.newer_than:
            problem = f"is given beside version '{self.version}'."
            raise ConfigurationError("newer_than", problem, "Leave one of the two out.")

    def look(self) -> Flow[Seen]:
        """Ask once."""
        from airflow_provider_azureml.triggers.asset import seen

        wanted = (str(self.version), str(self.newer_than), self.tags or {})
        return seen(self.hook.workspace, self.kind, self.asset, *wanted)

    def trigger(self, deadline: float) -> BaseTrigger:
        """What waits in the triggerer."""
        from airflow_provider_azureml.triggers.asset import AzureMLAssetTrigger

        return AzureMLAssetTrigger(
            self.azureml_conn_id,
            self.kind,
            self.asset,
            str(self.version),
            str(self.newer_than),
            self.tags,
            self.poll_interval,
            deadline,
        )


class AzureMLModelSensor(_AssetSensor):
    """Wait until a version of a model is registered; returns `{"name", "version", "id", "uri", "tags"}`.

    Of several versions that fit, the newest is returned. A model that nobody registered yet may come.

    :param azureml_conn_id: the connection to look with.
    :param model: the model's name.
    :param version: that version; empty for any.
    :param newer_than: only versions that are newer than this one count; empty for any.
    :param tags: only versions with all of these tags count.
    :param deferrable: wait in the triggerer, not in a worker slot.
    :param poll_interval: seconds between two looks (Airflow's `poke_interval`).
    """

    template_fields: Sequence[str] = ("azureml_conn_id", "model", "version", "newer_than", "tags")
    kind = "model"

    def __init__(
        self,
        *,
        azureml_conn_id: str = "azureml_default",
        model: str,
        version: str = "",
        newer_than: str = "",
        tags: Mapping[str, str] | None = None,
        deferrable: bool = False,
        poll_interval: float = 30.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            azureml_conn_id=azureml_conn_id,
            version=version,
            newer_than=newer_than,
            tags=tags,
            deferrable=deferrable,
            poll_interval=poll_interval,
            **kwargs,
        )
        self.model = model


class AzureMLDataSensor(_AssetSensor):
    """Wait until a version of a data asset is registered; returns `{"name", "version", "id", "uri", "tags"}`.

    Of several versions that fit, the newest is returned. An asset that nobody registered yet may come.

    :param azureml_conn_id: the connection to look with.
    :param data: the data asset's name.
    :param version: that version; empty for any.
    :param newer_than: only versions that are newer than this one count; empty for any.
    :param tags: only versions with all of these tags count.
    :param deferrable: wait in the triggerer, not in a worker slot.
    :param poll_interval: seconds between two looks (Airflow's `poke_interval`).
    """

    template_fields: Sequence[str] = ("azureml_conn_id", "data", "version", "newer_than", "tags")
    kind = "data"

    def __init__(
        self,
        *,
        azureml_conn_id: str = "azureml_default",
        data: str,
        version: str = "",
        newer_than: str = "",
        tags: Mapping[str, str] | None = None,
        deferrable: bool = False,
        poll_interval: float = 30.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            azureml_conn_id=azureml_conn_id,
            version=version,
            newer_than=newer_than,
            tags=tags,
            deferrable=deferrable,
            poll_interval=poll_interval,
            **kwargs,
        )
        self.data = data
