# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import inspect
import pickle

import pytest

from airflow_provider_azureml import errors
from airflow_provider_azureml.errors import (
    AzureMLError,
    ConfigurationError,
    JobCanceledError,
    JobFailedError,
    ServiceError,
    said,
)


def kinds() -> list[type[Exception]]:
    return [kind for _, kind in inspect.getmembers(errors, inspect.isclass)]


def test_the_tree_is_small_has_one_root_and_is_drawn_at_the_top() -> None:
    assert len(kinds()) <= 12
    assert all(issubclass(kind, AzureMLError) for kind in kinds())
    assert all(kind.__name__ in (errors.__doc__ or "") for kind in kinds())


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ConfigurationError("extra 'a'", "is missing.", "Add it."), "extra 'a': is missing. Add it."),
        (ServiceError(403, "X", "no", "r1", "GET h"), "403 X: no [GET h] (request id r1)"),
        (ServiceError(0, "NoAnswer", "silence"), "0 NoAnswer: silence"),
        (JobFailedError("a-0", "Failed", "exit 2"), "Job a-0 ended as Failed: exit 2"),
        (JobCanceledError("a-0", "Canceled"), "Job a-0 ended as Canceled"),
        (JobFailedError("a-0", "CancelRequested", "too late"), "Job a-0 is CancelRequested: too late"),
    ],
)
def test_an_error_reads_as_one_sentence(error: AzureMLError, text: str) -> None:
    assert str(error) == text


@pytest.mark.parametrize(
    "error", [ServiceError(403, "X", "no", "r1", "GET h", 3.0), JobFailedError("a", "Failed", "e")]
)
def test_an_error_survives_the_way_between_processes(error: AzureMLError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), vars(copy)) == (type(error), vars(error))


def test_a_foreign_error_is_told_with_its_class() -> None:
    assert said(KeyError("a")) == "KeyError: 'a'"
    assert said(ConfigurationError("extra 'a'", "is missing.", "Add it.")) == "extra 'a': is missing. Add it."
