# SPDX-License-Identifier: Apache-2.0
"""The cloud's clock: held, moved ahead, and wrong in one place."""

from __future__ import annotations

import base64
import json
import time
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from azure_sandbox.kernel.clock import CloudClock, ManualClock


def date_of(answer: Any) -> float:
    return parsedate_to_datetime(answer.headers["date"]).timestamp()


def test_a_held_clock_stands_still_and_goes_on_from_there(cloud: Any) -> None:
    before = cloud.clock(freeze=True)
    time.sleep(0.05)
    assert cloud.sandbox.control("GET", "/clock").json() == before
    assert cloud.clock(advance=100)["time"] == pytest.approx(before["time"] + 100)
    after = cloud.clock(freeze=False)
    assert before["time"] + 100 <= after["time"] < before["time"] + 110
    assert after["frozen"] is False


def test_a_token_expires_when_the_clock_has_moved_on(cloud: Any) -> None:
    headers = cloud.sandbox.bearer("admin")
    cloud.clock(advance=90_000)
    url = f"https://management.azure.com{cloud.workspace}?api-version=2024-10-01"
    answer = cloud.sandbox.http.get(url, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "ExpiredAuthenticationToken")


def test_one_component_may_be_wrong_about_the_time(cloud: Any) -> None:
    now = cloud.clock(freeze=True, skew={"management": 600})["time"]
    assert date_of(cloud.arm("GET", cloud.workspace)) == pytest.approx(now + 600, abs=1)
    url = f"https://eastus.api.azureml.ms/history/v1.0{cloud.workspace}/runs/none"
    answer = cloud.sandbox.http.get(url, headers=cloud.sandbox.bearer("admin"))
    assert date_of(answer) == pytest.approx(now, abs=1)


def test_entras_tokens_carry_the_time_that_entra_believes_in(cloud: Any) -> None:
    now = cloud.clock(freeze=True, skew={"entra": -600})["time"]
    payload = cloud.sandbox.token("admin").split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    assert claims["iat"] == pytest.approx(now - 600, abs=1)


def test_a_service_that_is_ahead_takes_a_good_token_for_an_expired_one(cloud: Any) -> None:
    cloud.clock(skew={"management": 90_000})
    answer = cloud.arm("GET", cloud.workspace)
    assert answer.json()["error"]["code"] == "ExpiredAuthenticationToken"


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"freeze": 1}, "freeze"),
        ({"advance": -1}, "advance"),
        ({"advance": True}, "advance"),
        ({"skew": {"mars": 1}}, "mars"),
        ({"skew": 5}, "skew"),
        ({"skew": {"entra": "late"}}, "skew.entra"),
        ({"rewind": 1}, "rewind"),
    ],
)
def test_a_malformed_change_is_a_400_and_changes_nothing(
    cloud: Any, wrong: dict[str, Any], named: str
) -> None:
    before = cloud.clock(freeze=True)
    answer = cloud.sandbox.control("POST", "/clock", json={"skew": {"graph": 1}, "advance": 5, **wrong})
    assert answer.status_code == 400
    assert named in answer.json()["error"]["message"]
    assert cloud.sandbox.control("GET", "/clock").json() == before


def test_a_clock_of_the_tests_own_moves_the_clouds() -> None:
    base = ManualClock(1000.0)
    clock = CloudClock(base)
    base.advance(5)
    clock.freeze()
    base.advance(5)
    assert clock.time() == 1005.0
    clock.thaw()
    base.advance(1)
    assert clock.time() == 1006.0
