# SPDX-License-Identifier: Apache-2.0
"""From our errors to Airflow's: what a retry may help, and what is written about it in the log."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

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


def check_access_mode(access: str, modes: Sequence[str]) -> None:
    """Raise for a value of the `access` parameter that an operator does not have."""
    if access not in modes:
        raise ConfigurationError("access", f"'{access}' is unknown.", f"Choose one of: {', '.join(modes)}.")


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
        if access != "off" and not isinstance(error, ConfigurationError):
            text = explained(text)
        raise as_airflows(error, text) from error


def as_airflows(error: AzureMLError, text: str) -> AirflowException:
    """Airflow's exception for an error of ours; it is of our class, too.

    So a rule of a retry policy, and whoever catches it, can ask for either. A final one is no matter
    for a retry policy: Airflow does not ask one about an AirflowFailException.
    """
    found = _both(type(error), AirflowFailException if is_final(error) else AirflowException)(text)
    vars(found).update(vars(error))
    return found


def _both(ours: type[AzureMLError], airflows: type[AirflowException]) -> type[AirflowException]:
    """The class of both. What is said is the text alone; elsewhere it is unpickled as Airflow's."""

    def say(self: AirflowException, text: str) -> None:
        self.args = (text,)

    def said(self: AirflowException) -> str:
        return str(self.args[0])

    def reduced(self: AirflowException) -> tuple[Any, ...]:
        return airflows, self.args

    methods = {"__init__": say, "__str__": said, "__reduce__": reduced}
    return type(
        ours.__name__, (ours, airflows), {**methods, "__module__": ours.__module__, "__doc__": ours.__doc__}
    )


def _named(error: AzureMLError, conn_id: str) -> str:
    """The error's text, with the connection that acted where the text does not name it."""
    text = str(error)
    wanted = conn_id and isinstance(error, ServiceError) and f"connection '{conn_id}'" not in text
    return f"As connection '{conn_id}': {text}" if wanted else text
