# SPDX-License-Identifier: Apache-2.0
"""From our errors to Airflow's: what a retry may help, and what is written about it in the log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from airflow_provider_azureml.compat import AirflowException, AirflowFailException
from airflow_provider_azureml.errors import (
    AzureMLError,
    ConfigurationError,
    DeniedError,
    JobCanceledError,
    NotFoundError,
    ServiceError,
    UnreachableError,
)

# A second try of the same thing would end the same way.
FINAL = (ConfigurationError, DeniedError, NotFoundError, JobCanceledError)
ACCESS_MODES = ("off", "explain")
LATER_MODES = ("verify", "grant")


def check_access_mode(access: str) -> None:
    """Raise for a value of the `access` parameter that does nothing yet, or never will."""
    if access in LATER_MODES:
        problem = f"'{access}' needs the access manifest, which this version does not have."
        raise ConfigurationError("access", problem, "Use 'explain'.")
    if access not in ACCESS_MODES:
        raise ConfigurationError("access", f"'{access}' is unknown.", "Choose one of: off, explain.")


def is_final(error: AzureMLError) -> bool:
    """Whether no retry can help: the mistake is in the definition, the connection or the grants."""
    refused = isinstance(error, ServiceError) and not isinstance(error, UnreachableError)
    return isinstance(error, FINAL) or (refused and getattr(error, "status", 0) == 400)


@contextmanager
def translated(access: str, explained: Callable[[str], str], conn_id: str = "") -> Iterator[None]:
    """Raise Airflow's exceptions for ours, with the cause and the mend where access was refused.

    :param explained: the text of an error with its cause and mend, where they are known.
    :param conn_id: the connection that Azure's refusals are about; they do not name it.
    """
    try:
        yield
    except AzureMLError as error:
        text = _named(error, conn_id)
        text = text if access == "off" else explained(text)
        kind = AirflowFailException if is_final(error) else AirflowException
        raise kind(text) from error


def _named(error: AzureMLError, conn_id: str) -> str:
    """The error's text, with the connection that acted where the text does not name it."""
    text = str(error)
    wanted = conn_id and isinstance(error, ServiceError) and f"connection '{conn_id}'" not in text
    return f"As connection '{conn_id}': {text}" if wanted else text
