# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_azureml.errors import DeniedError, ServiceError
from airflow_provider_azureml.rest.flow import Request
from airflow_provider_azureml.triggers.arm import BARREN, Arm
from tests.unit.canned import DENIED, CannedHook, arm_job

DEPLOYMENT = "AIRFLOW__AZUREML__DEPLOYMENT_ID"


def pages(*each: list[str]) -> Any:
    """ARM's list as pages of jobs by name, all of them Running."""

    def answer(request: Request) -> dict[str, Any]:
        number = int(request.url.partition("skip=")[2] or 0)
        more = f"{request.url.partition('&$skip')[0]}&$skip={number + 1}" if number + 1 < len(each) else None
        return {"value": [arm_job(name, "Running") for name in each[number]], "nextLink": more}

    return answer


async def statuses(hook: CannedHook, *names: str) -> dict[str, str]:
    return await Arm(hook).statuses(hook.workspace, names)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DEPLOYMENT, "prod")


async def test_the_list_is_that_of_this_deployment_and_other_jobs_in_it_are_passed_over() -> None:
    hook = CannedHook().on("GET", "/jobs", pages(["a", "x", "b"]))
    assert await statuses(hook, "a", "b") == {"a": "Running", "b": "Running"}
    assert "properties=airflow.deployment%3Dprod" in hook.requests[0].url


async def test_a_deployment_whose_name_would_be_two_filters_is_looked_for_without_it(monkeypatch) -> None:
    monkeypatch.setenv(DEPLOYMENT, "a,b")
    hook = CannedHook().on("GET", "/jobs", pages(["a"]))
    await statuses(hook, "a")
    assert hook.requests[0].url.endswith("properties=airflow.deployment")


async def test_it_reads_no_further_than_to_the_last_wanted_job() -> None:
    hook = CannedHook().on("GET", "/jobs", pages(["a"], ["b"], ["c"], ["d"]))
    assert len(await statuses(hook, "a", "b")) == 2
    assert len(hook.requests) == 2


async def test_it_gives_up_after_some_pages_without_a_wanted_job() -> None:
    hook = CannedHook().on("GET", "/jobs", pages(["a"], *([["x"]] * 50)))
    assert await statuses(hook, "a", "old") == {"a": "Running"}
    assert len(hook.requests) == 1 + BARREN


async def test_a_job_without_a_status_spoils_no_page() -> None:
    value = [{"name": "odd", "properties": None}, arm_job("a", "Running")]
    hook = CannedHook().on("GET", "/jobs", {"value": value})
    assert await statuses(hook, "odd", "a") == {"a": "Running"}


@pytest.mark.parametrize("answer", [DENIED, (200, []), {"value": [7]}])
async def test_a_list_that_is_refused_or_illegible_is_an_error(answer: Any) -> None:
    hook = CannedHook().on("GET", "/jobs", answer)
    with pytest.raises(ServiceError):
        await statuses(hook, "a")


async def test_one_job_is_asked_for_by_its_name() -> None:
    hook = CannedHook().on("GET", "/jobs/a", arm_job("a", "Queued"), DENIED)
    arm = Arm(hook)  # type: ignore[arg-type]
    assert await arm.status(hook.workspace, "a") == "Queued"
    with pytest.raises(DeniedError):
        await arm.status(hook.workspace, "a")


async def test_each_request_is_paid_for_from_the_quota() -> None:
    hook = CannedHook().on("GET", "/jobs", pages(["a"], ["b"])).on("GET", "/jobs/c", arm_job("c", "Queued"))
    before = hook.quota._level()
    await statuses(hook, "a", "b")
    await Arm(hook).status(hook.workspace, "c")  # type: ignore[arg-type]
    assert 2.9 <= before - hook.quota._level() <= 3.1
