# SPDX-License-Identifier: Apache-2.0
"""The hook of every Azure ML operator: an Airflow connection becomes an identity and a driver."""

from __future__ import annotations

from typing import TypeVar

from airflow_provider_azureml.compat import BaseHook
from airflow_provider_azureml.connection import Settings
from airflow_provider_azureml.rest.flow import Flow
from airflow_provider_azureml.rest.workspace import Workspace

T = TypeVar("T")


class AzureMLHook(BaseHook):
    """Runs flows as the identity of a connection.

    :param azureml_conn_id: the connection.
    :param correlation_id: one GUID per task try; Azure's activity log shows it.
    """

    conn_name_attr = "azureml_conn_id"
    default_conn_name = "azureml_default"
    conn_type = "azureml"
    hook_name = "Azure Machine Learning"

    def __init__(self, azureml_conn_id: str = default_conn_name, correlation_id: str = "") -> None:
        super().__init__()
        self.azureml_conn_id = azureml_conn_id
        self.correlation_id = correlation_id

    @property
    def settings(self) -> Settings:
        """The connection, checked. Raises ConfigurationError."""
        raise NotImplementedError

    @property
    def workspace(self) -> Workspace:
        """The connection's workspace (sync code only; in a trigger: `await hook.aworkspace()`)."""
        raise NotImplementedError

    def run(self, flow: Flow[T]) -> T:
        """Drive a flow to its end."""
        raise NotImplementedError

    async def aworkspace(self) -> Workspace:
        """The workspace, looked up once per event loop and connection."""
        raise NotImplementedError

    async def arun(self, flow: Flow[T]) -> T:
        """Drive a flow to its end in an event loop.

        Wrap repeated calls in `async with hook.opened():`, which keeps one session open for all
        users of the same connection in this loop and closes it when the last one leaves.
        """
        raise NotImplementedError

    def test_connection(self) -> tuple[bool, str]:
        """Sign in, and say who we became: tenant, application, object id, and how."""
        raise NotImplementedError
