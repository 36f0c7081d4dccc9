# SPDX-License-Identifier: Apache-2.0
"""The button that opens a job in Studio."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_azureml.links import STUDIO_URL, AzureMLStudioLink

URL = "https://ml.azure.com/runs/j"


class Supervisor:
    """Airflow's side of the task's pipe: answers every XCom with one value."""

    def __init__(self, value: Any) -> None:
        self.value = value
        self.asked: list[Any] = []

    def send(self, message: Any) -> Any:
        from airflow.sdk.execution_time.comms import XComResult

        self.asked.append(message)
        return XComResult(key=message.key, value=self.value)


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch) -> Any:
    def answer(value: Any) -> Supervisor:
        made = Supervisor(value)
        monkeypatch.setattr("airflow.sdk.execution_time.task_runner.SUPERVISOR_COMMS", made, raising=False)
        return made

    return answer


KEY = SimpleNamespace(dag_id="d", task_id="t", run_id="r", map_index=-1)


def test_the_address_is_the_one_that_the_task_left(supervisor) -> None:
    airflow = supervisor(URL)
    assert AzureMLStudioLink().get_link(object(), ti_key=KEY) == URL
    (asked,) = airflow.asked
    assert (asked.dag_id, asked.run_id, asked.task_id, asked.key) == ("d", "r", "t", STUDIO_URL)


def test_before_there_is_a_job_the_button_is_dead_and_nobody_is_asked(supervisor) -> None:
    airflow = supervisor(URL)
    assert AzureMLStudioLink().get_link(SimpleNamespace(owned_job=None), ti_key=KEY) == ""
    assert airflow.asked == []


def test_a_task_that_left_no_address_has_a_dead_button(supervisor) -> None:
    supervisor(None)
    assert AzureMLStudioLink().get_link(SimpleNamespace(owned_job=("j", "me")), ti_key=KEY) == ""


def test_the_address_is_pushed_for_us_and_for_airflows_own_page() -> None:
    pushed: dict[str, str] = {}
    ti = SimpleNamespace(xcom_push=lambda key, value: pushed.update({key: value}))
    link = AzureMLStudioLink()
    link.push({"ti": ti}, URL)
    assert pushed == {STUDIO_URL: URL, link.xcom_key: URL}
