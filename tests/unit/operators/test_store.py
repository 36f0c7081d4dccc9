# SPDX-License-Identifier: Apache-2.0
"""What is left in Airflow's task state store."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

import pytest

from airflow_provider_azureml.compat import AirflowException
from airflow_provider_azureml.operators.store import (
    AT_MOST,
    CANCEL,
    JOB,
    show_job,
    wish_cancel,
    wished_cancel,
)

LOG = logging.getLogger("store")


class Store(dict[str, Any]):
    """Airflow's, without its supervisor."""

    def set(self, key: str, value: Any) -> None:
        self[key] = value


class Broken:
    def get(self, key: str) -> Any:
        raise AirflowException("no supervisor")

    def set(self, key: str, value: Any) -> None:
        raise AirflowException("no supervisor")


def test_people_see_the_tasks_job() -> None:
    store = Store()
    show_job({"task_state_store": store}, "j-2", 2, "https://ml.azure.com/j-2", LOG)
    assert store[JOB] == {"name": "j-2", "attempt": 2, "studio_url": "https://ml.azure.com/j-2"}


def test_the_next_try_reads_which_job_is_still_to_be_cancelled() -> None:
    store = Store()
    wish_cancel({"task_state_store": store}, "j-2", "killed", LOG)
    assert set(store[CANCEL]) == {"name", "reason", "at"}
    assert wished_cancel({"task_state_store": store}, LOG) == "j-2"


@pytest.mark.parametrize("context", [{}, {"task_state_store": None}, {"task_state_store": Store()}])
def test_where_there_is_no_store_or_nothing_in_it_no_cancel_is_outstanding(context: dict[str, Any]) -> None:
    assert wished_cancel(context, LOG) == ""


def test_an_airflow_without_a_store_is_no_trouble(caplog: pytest.LogCaptureFixture) -> None:
    show_job({}, "j", 0, "", LOG)
    wish_cancel({}, "j", "killed", LOG)
    assert caplog.text == ""


def test_a_store_that_fails_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    context = {"task_state_store": Broken()}
    show_job(context, "j", 0, "", LOG)
    wish_cancel(context, "j", "killed", LOG)
    assert wished_cancel(context, LOG) == ""
    assert [line.levelname for line in caplog.records] == ["WARNING"] * 3


def test_a_value_of_somebody_elses_is_no_wish() -> None:
    assert wished_cancel({"task_state_store": Store({CANCEL: "j"})}, LOG) == ""


def test_a_store_that_hangs_does_not_hold_up_the_handler_of_sigterm() -> None:
    release = threading.Event()

    class Hanging(Store):
        def set(self, key: str, value: Any) -> None:
            release.wait(30)

    began = time.monotonic()
    wish_cancel({"task_state_store": Hanging()}, "j", "killed", LOG)
    assert time.monotonic() - began < AT_MOST + 1.0
    release.set()
