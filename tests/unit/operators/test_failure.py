# SPDX-License-Identifier: Apache-2.0
"""What a retry may help, and what stands in the log."""

from __future__ import annotations

import pickle

import pytest

from airflow_provider_azureml.compat import AirflowException, AirflowFailException
from airflow_provider_azureml.errors import (
    AzureMLError,
    ConfigurationError,
    DeniedError,
    JobCanceledError,
    JobFailedError,
    NotFoundError,
    ServiceError,
    UnreachableError,
)
from airflow_provider_azureml.operators.failure import as_airflows, check_access_mode, is_final, translated

MOUNT = JobFailedError("j", "Failed", "Error Code: ScriptExecution.StreamAccess.Authentication")
FINAL = [
    ConfigurationError("f", "p", "m"),
    DeniedError(403, "AuthorizationFailed", "no"),
    NotFoundError(404, "NotFound", "no"),
    JobCanceledError("j", "Canceled"),
    ServiceError(400, "UserError", "bad body"),
]
PASSING = [
    AzureMLError("a newer try"),
    JobFailedError("j", "Failed"),
    UnreachableError(503, "x", "later"),
    UnreachableError(0, "NoAnswer", "nobody"),
    ServiceError(409, "Conflict", "taken"),
]


def asked_never(text: str) -> str:
    raise AssertionError("an explanation is not wanted here")


@pytest.mark.parametrize("error", FINAL, ids=lambda error: type(error).__name__)
def test_what_would_end_the_same_way_again_is_not_retried(error: AzureMLError) -> None:
    assert is_final(error)
    with pytest.raises(AirflowFailException, match=r"."), translated("off", asked_never):
        raise error


@pytest.mark.parametrize("error", PASSING, ids=lambda error: str(error)[:20])
def test_what_may_pass_is_left_to_airflows_retries(error: AzureMLError) -> None:
    assert not is_final(error)
    with pytest.raises(AirflowException) as caught, translated("off", asked_never):
        raise error
    assert not isinstance(caught.value, AirflowFailException)
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("error", [*FINAL, *PASSING], ids=lambda error: str(error)[:20])
def test_what_is_raised_is_airflows_and_ours_at_once(error: AzureMLError) -> None:
    raised = as_airflows(error, "the text")
    assert isinstance(raised, AirflowException)
    assert isinstance(raised, type(error))
    assert (type(raised).__name__, str(raised)) == (type(error).__name__, "the text")
    assert vars(raised) == vars(error)
    assert str(pickle.loads(pickle.dumps(raised))) == "the text"


def test_a_mistake_in_an_argument_is_no_refusal_to_explain() -> None:
    with pytest.raises(AirflowFailException), translated("explain", asked_never):
        raise FINAL[0]


def test_a_refusal_is_explained() -> None:
    explained = "{}: because".format
    with pytest.raises(AirflowException) as caught, translated("explain", explained):
        raise MOUNT
    assert str(caught.value) == f"{MOUNT}: because"


def test_with_access_off_the_error_stands_alone() -> None:
    with pytest.raises(AirflowException) as caught, translated("off", asked_never):
        raise MOUNT
    assert str(caught.value) == str(MOUNT)


def test_a_refusal_names_the_connection_that_was_refused() -> None:
    with pytest.raises(AirflowException) as caught, translated("off", asked_never, "aml"):
        raise DeniedError(403, "AuthorizationFailed", "no")
    assert str(caught.value) == "As connection 'aml': 403 AuthorizationFailed: no"


@pytest.mark.parametrize(
    "error", [MOUNT, DeniedError(401, "AssertionExpired", "connection 'aml', file 'f' expired")]
)
def test_the_connection_is_named_once_and_only_where_it_matters(error: AzureMLError) -> None:
    with pytest.raises(AirflowException) as caught, translated("off", asked_never, "aml"):
        raise error
    assert str(caught.value) == str(error)


def test_errors_that_are_not_ours_pass_as_they_are() -> None:
    with pytest.raises(ZeroDivisionError), translated("explain", asked_never):
        _ = 1 / 0


def test_known_access_modes_are_taken() -> None:
    check_access_mode("verify", ("off", "explain", "verify"))


@pytest.mark.parametrize("access", ["verify", "grant", ""])
def test_an_access_mode_that_would_do_nothing_is_refused_with_those_that_do(access: str) -> None:
    with pytest.raises(ConfigurationError, match=r"Choose one of: off, explain\."):
        check_access_mode(access, ("off", "explain"))
