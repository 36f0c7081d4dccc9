# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib
import time

from airflow_provider_azureml.triggers.moment import AzureMLMomentTrigger


async def test_it_fires_at_its_moment_and_not_before() -> None:
    moment = time.time() + 0.1
    events = [event async for event in AzureMLMomentTrigger(moment).run()]
    assert time.time() >= moment
    assert [event.payload for event in events] == [{"moment": moment}]


async def test_a_moment_in_the_past_fires_at_once() -> None:
    began = time.monotonic()
    assert len([event async for event in AzureMLMomentTrigger(0.0).run()]) == 1
    assert time.monotonic() - began < 0.1


def test_airflow_can_make_it_again() -> None:
    path, arguments = AzureMLMomentTrigger(12.5).serialize()
    module, name = path.rsplit(".", 1)
    assert getattr(importlib.import_module(module), name)(**arguments).moment == 12.5
