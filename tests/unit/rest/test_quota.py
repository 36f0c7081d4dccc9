# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from airflow_provider_azureml.rest.flow import Response
from airflow_provider_azureml.rest.quota import REFILL, RESERVE, SIZE, Quota


class Clock:
    """Time that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def polls(quota: Quota, clock: Clock, seconds: float) -> int:
    """How many reads go out in so many seconds when there are always more."""
    count, end = 0, clock.now + seconds
    while (pause := quota.wait()) <= end - clock.now:
        clock.now += pause
        if quota.wait() <= 0:
            quota.spend()
            count += 1
    clock.now = end
    return count


def told(**headers: str) -> Response:
    return Response(200, {f"x-ms-ratelimit-remaining-{k.replace('_', '-')}": v for k, v in headers.items()})


def test_a_full_bucket_is_used_down_to_the_reserve_and_then_half_of_what_flows_in() -> None:
    clock = Clock()
    quota = Quota(clock)
    assert polls(quota, clock, 0.0) == SIZE - RESERVE
    assert abs(polls(quota, clock, 60.0) - 60 * REFILL) <= 1


def test_what_the_service_says_counts_more_than_what_we_think() -> None:
    clock = Clock()
    quota = Quota(clock)
    quota.see(told(subscription_reads="20", subscription_global_reads="3700"))
    assert quota.wait() == (RESERVE + 1 - 20) / REFILL
    quota.see(told(subscription_reads="249"))
    assert quota.wait() == 0.0


def test_the_lowest_of_all_limits_counts() -> None:
    quota = Quota(Clock())
    quota.see(told(subscription_reads="249", tenant_reads="10"))
    assert quota.wait() > 0


def test_other_limits_and_odd_values_say_nothing() -> None:
    quota = Quota(Clock())
    for headers in (
        {"subscription_writes": "1"},
        {"subscription_reads": "many"},
        {"subscription_reads": ""},
        {},
    ):
        quota.see(told(**headers))
        assert quota.wait() == 0.0


def test_a_bucket_larger_than_documented_is_used_as_it_is() -> None:
    clock = Clock()
    quota = Quota(clock)
    quota.see(told(subscription_reads="11999"))
    assert polls(quota, clock, 0.0) == 11999 - RESERVE
