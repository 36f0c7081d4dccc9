# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_azureml.errors import ConfigurationError, DeniedError, ServiceError
from airflow_provider_azureml.hooks.examination import Examination, Read
from airflow_provider_azureml.rest import workspace as workspace_flows
from tests.unit.canned import DENIED, CannedHook


def examined(hook: Any) -> Examination:
    return Examination("azureml_train", hook=hook)


def test_a_refused_read_is_a_reason_and_no_verdict() -> None:
    hook = CannedHook().on("GET", "/workspaces/ws", DENIED)
    read = examined(hook).own(workspace_flows.get(hook.workspace))
    assert read.value is None
    assert read.problem == "403 AuthorizationFailed"
    assert examined(hook).see(workspace_flows.get(hook.workspace)).problem == read.problem


def test_what_was_read_has_no_problem() -> None:
    assert Read("x").problem == ""
    assert Read(None, ConfigurationError("f", "is bad.", "Mend it.")).problem == "f: is bad. Mend it."


def test_who_cannot_sign_in_is_remembered_with_the_reason() -> None:
    class Refused(CannedHook):
        def identity(self) -> Any:
            raise DeniedError(401, "AADSTS7000222", "expired")

    assert examined(CannedHook()).signed_in.value.app_id == "app-1"  # type: ignore[union-attr]
    found = examined(Refused())
    assert isinstance(found.signed_in.error, ServiceError)
    assert found.as_reader.error is not None
    assert not found.has_reader


def test_a_connection_that_airflow_does_not_have_is_one_clear_error() -> None:
    with pytest.raises(ConfigurationError, match="airflow connections list"):
        _ = Examination("there_is_none").settings
