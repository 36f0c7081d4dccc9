# SPDX-License-Identifier: Apache-2.0
"""Reads for an examination: as the connection itself, and as one that may read more.

What is refused is kept as the reason why something is not known; it is never a verdict.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

from airflow_provider_azureml.compat import AirflowException
from airflow_provider_azureml.connection import Settings
from airflow_provider_azureml.errors import AzureMLError, ConfigurationError
from airflow_provider_azureml.hooks.azureml import AzureMLHook
from airflow_provider_azureml.identity.claims import Identity
from airflow_provider_azureml.rest.flow import Flow

T = TypeVar("T")


@dataclass(frozen=True)
class Read(Generic[T]):
    """What was asked for, or why it is not to be had.

    :param error: what was raised.
    """

    value: T | None = None
    error: AzureMLError | None = None

    @property
    def problem(self) -> str:
        """Why there is no value, in one line; empty when there is one."""
        if self.error is None:
            return ""
        code = getattr(self.error, "code", "")
        return f"{getattr(self.error, 'status', '')} {code}".strip() or str(self.error)


class Examination:
    """Two hooks: the patient's, and the one whose eyes are used.

    :param conn_id: the connection that is examined.
    :param reader_conn_id: a connection that may read what the first one may not; the first one when empty.
    """

    def __init__(self, conn_id: str, reader_conn_id: str = "", hook: AzureMLHook | None = None) -> None:
        self.hook = hook or AzureMLHook(conn_id)
        self.reader = AzureMLHook(reader_conn_id) if reader_conn_id else self.hook

    @cached_property
    def settings(self) -> Settings:
        """The connection. Raises ConfigurationError, also when Airflow has none of this name."""
        try:
            return self.hook.settings
        except AirflowException as error:
            raise ConfigurationError("CONN", str(error), "See: airflow connections list") from error

    @property
    def has_reader(self) -> bool:
        """Whether somebody else reads."""
        return self.reader is not self.hook

    @cached_property
    def signed_in(self) -> Read[Identity]:
        """Who the connection becomes, or why it does not."""
        return _identity(self.hook)

    @cached_property
    def as_reader(self) -> Read[Identity]:
        """Who the reader becomes."""
        return _identity(self.reader)

    def own(self, flow: Flow[T]) -> Read[T]:
        """Read as the connection itself."""
        return _run(self.hook, flow)

    def see(self, flow: Flow[T]) -> Read[T]:
        """Read as whoever may read more."""
        return _run(self.reader, flow)

    def mask(self, secret: str) -> None:
        """Keep it out of every log."""
        from airflow_provider_azureml.compat import mask_secret

        mask_secret(secret)


def _run(hook: AzureMLHook, flow: Flow[Any]) -> Read[Any]:
    try:
        return Read(hook.run(flow))
    except AzureMLError as error:
        return Read(None, error)


def _identity(hook: AzureMLHook) -> Read[Identity]:
    try:
        return Read(hook.identity())
    except AzureMLError as error:
        return Read(None, error)
