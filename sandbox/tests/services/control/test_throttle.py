# SPDX-License-Identifier: Apache-2.0
"""Token buckets: Azure's sizes, what a refused caller is told, and what it may not do meanwhile."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from azure_sandbox.kernel.clock import ManualClock
from azure_sandbox.kernel.cloud import stable_guid
from azure_sandbox.testing import in_process
from sandbox.tests.services.control.conftest import SEED

REMAINING = "x-ms-ratelimit-remaining-subscription-"


def limit(cloud: Any, **limits: Any) -> dict[str, Any]:
    answer = cloud.sandbox.control("POST", "/throttle", json=limits)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def read(cloud: Any, who: str = "admin") -> Any:
    return cloud.arm("GET", cloud.workspace, who=who)


def test_without_limits_nothing_is_counted(cloud: Any) -> None:
    assert not any(name.startswith(REMAINING) for name in read(cloud).headers)
    assert cloud.sandbox.control("GET", "/throttle").json() == dict.fromkeys(
        ("reads", "writes", "deletes", "run_history")
    )


def test_azures_own_sizes_are_a_preset(frozen: Any) -> None:
    limits = limit(frozen, preset="azure")
    sizes = {
        kind: (limits[kind]["size"], limits[kind]["per_second"]) for kind in ("reads", "writes", "deletes")
    }
    assert sizes == {"reads": (250, 25), "writes": (200, 10), "deletes": (200, 10)}
    answer = read(frozen)
    assert (answer.headers[f"{REMAINING}reads"], answer.headers[f"{REMAINING}global-reads"]) == (
        "249",
        "3749",
    )


def test_a_bucket_of_that_size_serves_so_many_and_then_refuses(tmp_path: Path) -> None:
    with in_process(tmp_path / "cloud", SEED, ManualClock()) as sandbox:
        sandbox.throttle({"preset": "azure"})
        url = f"https://management.azure.com{sandbox.cloud.group_scope('rg')}?api-version=2022-09-01"
        headers = sandbox.bearer("admin")
        answers = [sandbox.request("GET", url, headers) for _ in range(253)]
    assert Counter(answer.status for answer in answers) == {200: 250, 429: 3}
    error = json.loads(answers[-1].body)["error"]
    assert (error["code"], answers[-1].headers["retry-after"]) == ("SubscriptionRequestsThrottled", "10")
    assert stable_guid("service-principal", "admin") in error["message"]


def test_who_asks_too_early_is_refused_again_and_told_what_is_left(frozen: Any) -> None:
    limit(frozen, reads={"size": 1, "per_second": 5, "retry_after": 8})
    assert read(frozen).status_code == 200
    assert read(frozen).headers["retry-after"] == "8"
    frozen.clock(advance=3)
    early = read(frozen)
    assert (early.status_code, early.headers["retry-after"]) == (429, "5")
    frozen.clock(advance=5)
    assert read(frozen).status_code == 200
    tally = frozen.sandbox.control("GET", "/throttle").json()["reads"]
    assert (tally["served"], tally["refused"], tally["too_early"]) == (2, 2, 1)


def test_tokens_come_back_with_time_up_to_the_size(frozen: Any) -> None:
    limit(frozen, reads={"size": 4, "per_second": 2})
    for _ in range(3):
        read(frozen)
    frozen.clock(advance=1)
    assert read(frozen).headers[f"{REMAINING}reads"] == "2"
    frozen.clock(advance=100)
    assert read(frozen).headers[f"{REMAINING}reads"] == "3"


def test_principals_and_kinds_of_operation_have_buckets_of_their_own(frozen: Any) -> None:
    one = {"size": 1, "per_second": 0.01}
    limit(frozen, reads=one, writes=one, deletes=one)
    assert [read(frozen).status_code for _ in range(2)] == [200, 429]
    assert read(frozen, who="other").status_code == 200
    tags = {"properties": {"image": "ubuntu"}}
    assert frozen.arm("PUT", "./environments/plain/versions/1", tags).status_code < 300
    assert frozen.arm("POST", "./jobs/none/cancel").status_code == 429
    assert frozen.arm("DELETE", "./jobs/none").status_code == 404


def test_all_principals_together_have_fifteen_times_as_much(frozen: Any) -> None:
    limit(frozen, reads={"size": 2, "per_second": 0.01})
    assert read(frozen).headers[f"{REMAINING}global-reads"] == "29"
    assert read(frozen, who="other").headers[f"{REMAINING}global-reads"] == "28"


def test_a_refusal_by_rbac_takes_a_token_and_says_what_is_left(frozen: Any) -> None:
    limit(frozen, deletes={"size": 9, "per_second": 1})
    answer = frozen.arm("DELETE", "./jobs/none", who="other")
    assert (answer.status_code, answer.headers[f"{REMAINING}deletes"]) == (403, "8")


def test_run_history_has_a_limit_only_where_one_is_set(frozen: Any) -> None:
    url = f"https://eastus.api.azureml.ms/history/v1.0{frozen.workspace}/runs/none"

    def ask() -> Any:
        return frozen.sandbox.http.get(url, headers=frozen.sandbox.bearer("admin"))

    limit(frozen, reads={"size": 1, "per_second": 1})
    assert {ask().status_code for _ in range(3)} == {404}
    limit(frozen, run_history={"size": 2, "per_second": 1, "retry_after": 4})
    assert [ask().status_code for _ in range(3)] == [404, 404, 429]
    assert ask().headers["retry-after"] == "4"
    limit(frozen, run_history=None)
    assert ask().status_code == 404


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"preset": "aws"}, "preset"),
        ({"lists": {"size": 1, "per_second": 1}}, "lists"),
        ({"reads": 5}, "reads"),
        ({"reads": {"size": 0, "per_second": 1}}, "reads.size"),
        ({"reads": {"size": 1}}, "reads.per_second"),
        ({"reads": {"size": 1, "per_second": 1, "retry_after": "x"}}, "reads.retry_after"),
        ({"reads": {"size": 1, "per_second": 1, "burst": 1}}, "burst"),
    ],
)
def test_a_malformed_limit_is_a_400_and_changes_nothing(
    cloud: Any, wrong: dict[str, Any], named: str
) -> None:
    answer = cloud.sandbox.control(
        "POST", "/throttle", json={"writes": {"size": 1, "per_second": 1}, **wrong}
    )
    assert answer.status_code == 400
    assert named in answer.json()["error"]["message"]
    assert cloud.sandbox.control("GET", "/throttle").json()["writes"] is None
