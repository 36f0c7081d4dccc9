# SPDX-License-Identifier: Apache-2.0
"""The living jobs of one deployment, among all jobs of a workspace."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from airflow_provider_azureml.naming import DEPLOYMENT, OWNER
from airflow_provider_azureml.rest.job import Job
from airflow_provider_azureml.rest.living import attempt_number, living
from tests.unit.canned import CannedHook, arm_job


def entry(name: str, status: str, deployment: str = "prod", owner: str = "o") -> dict[str, Any]:
    return arm_job(name, status, properties={DEPLOYMENT: deployment, OWNER: owner})


def listed(*pages: list[Any], deployment: str = "prod") -> tuple[CannedHook, Any]:
    link = "https://management.azure.com/sub/jobs?$skip=2"
    answers = [{"value": page, "nextLink": link} for page in pages[:-1]] + [{"value": pages[-1]}]
    hook = CannedHook().on("GET", "/jobs", *answers)
    return hook, hook.run(living(hook.workspace, deployment))


def test_every_page_is_read_and_only_living_jobs_are_kept() -> None:
    hook, found = listed(
        [entry("o-2", "Completed"), entry("o-1", "Running")], [entry("o-0", "Failed"), entry("p-0", "Queued")]
    )
    assert [job.name for job in found.jobs] == ["o-1", "p-0"]
    assert len(hook.requests) == 2


def test_a_word_that_nobody_has_seen_is_a_living_job() -> None:
    assert [job.name for job in listed([entry("o-0", "Thinking")])[1].jobs] == ["o-0"]


def test_the_latest_attempt_is_known_even_when_it_has_ended() -> None:
    assert listed([entry("o-10", "Failed"), entry("o-9", "Running")])[1].highest == {"o": 10}


def test_the_deployment_is_the_filter_of_the_list() -> None:
    hook, _ = listed([])
    query = parse_qs(urlsplit(hook.requests[0].url).query)
    assert (query["properties"], query["listViewType"]) == (["airflow.deployment=prod"], ["All"])


def test_a_comma_in_a_deployment_does_not_become_another_filter() -> None:
    hook, found = listed([entry("o-0", "Running", "a,b"), entry("p-0", "Running", "a")], deployment="a,b")
    query = parse_qs(urlsplit(hook.requests[0].url).query)
    assert query["properties"] == ["airflow.deployment"]
    assert [job.name for job in found.jobs] == ["o-0"]


@pytest.mark.parametrize(
    "garbage",
    [
        None,
        "text",
        {},
        {"name": "o-0"},
        {"name": "o-0", "properties": None},
        {"name": "o-0", "properties": {"properties": None}},
        {"properties": {"properties": {DEPLOYMENT: "prod"}}},
        entry("o-0", "Running", "another"),
    ],
)
def test_an_entry_that_cannot_be_read_or_is_another_deployments_is_passed_over(garbage: Any) -> None:
    found = listed([garbage, entry("p-0", "Running")])[1]
    assert [job.name for job in found.jobs] == ["p-0"]


@pytest.mark.parametrize(
    "name, owner, number",
    [("o-0", "o", 0), ("o-12", "o", 12), ("o-x", "o", -1), ("o", "o", -1), ("x-1", "o", -1), ("-1", "", -1)],
)
def test_the_number_of_an_attempt_is_what_its_name_says_behind_the_owner(
    name: str, owner: str, number: int
) -> None:
    assert attempt_number(Job(name, "Running", "Command", properties={OWNER: owner})) == number
