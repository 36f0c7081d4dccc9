# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from airflow_provider_azureml.connection import Settings, parse
from airflow_provider_azureml.errors import ConfigurationError, ServiceError
from airflow_provider_azureml.hooks.session import SETTINGS_AGE, SharedSession, quota_of, shared_session

GUID = "11111111-2222-3333-4444-555555555555"


def settings(group: str = "rg") -> Settings:
    extra = {"auth": "managed_identity", "client_id": GUID, "resource_group": group}
    return parse("c1", "azureml", None, None, None, extra)


class Lookup:
    """A connection store that is slow, counts, and may fail."""

    def __init__(self, *answers: Settings | Exception) -> None:
        self.answers = list(answers)
        self.count = 0

    async def __call__(self) -> Settings:
        self.count += 1
        await asyncio.sleep(0.01)
        answer = self.answers[min(self.count, len(self.answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer


def mask(secret: str) -> None:
    raise AssertionError("nothing is secret here")


async def use(shared: SharedSession, load: Lookup, hold: float = 0.02) -> object:
    async with shared.use(load, mask) as session:
        await asyncio.sleep(hold)
        return session


async def test_a_thousand_triggers_look_the_connection_up_once() -> None:
    load, shared = Lookup(settings()), SharedSession()
    sessions = await asyncio.gather(*(use(shared, load) for _ in range(1000)))
    assert load.count == 1
    assert len(set(map(id, sessions))) == 1


async def test_the_session_closes_with_its_last_user_and_the_settings_outlive_it() -> None:
    load, shared = Lookup(settings()), SharedSession()
    first, second = await use(shared, load), await use(shared, load)
    assert first is not second
    assert load.count == 1


async def test_an_edited_connection_is_noticed_after_a_while_without_harm_to_its_users() -> None:
    now = [0.0]
    load, shared = Lookup(settings("old"), settings("new")), SharedSession(lambda: now[0])
    async with shared.use(load, mask) as old:
        now[0] = SETTINGS_AGE + 1
        async with shared.use(load, mask) as new:
            assert (old.workspace.resource_group, new.workspace.resource_group) == ("old", "new")


async def test_an_unchanged_connection_keeps_its_session() -> None:
    now = [0.0]
    load, shared = Lookup(settings()), SharedSession(lambda: now[0])
    async with shared.use(load, mask) as old:
        now[0] = SETTINGS_AGE + 1
        async with shared.use(load, mask) as new:
            assert old is new
    assert load.count == 2


async def test_a_failed_lookup_fails_all_who_wait_and_is_then_tried_again() -> None:
    load, shared = Lookup(ConfigurationError("f", "p", "m"), settings()), SharedSession()
    failures = await asyncio.gather(*(use(shared, load) for _ in range(20)), return_exceptions=True)
    assert {type(failure) for failure in failures} == {ConfigurationError}
    assert load.count == 1
    await use(shared, load)
    assert load.count == 2


async def test_a_cancelled_trigger_does_not_fail_the_others() -> None:
    load, shared = Lookup(settings()), SharedSession()
    first = asyncio.create_task(use(shared, load))
    second = asyncio.create_task(use(shared, load))
    await asyncio.sleep(0)
    first.cancel()
    assert await second is not None
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_sessions_are_shared_by_connection_and_not_between_them() -> None:
    assert shared_session("a") is shared_session("a")
    assert shared_session("a") is not shared_session("b")


async def test_a_lookup_that_fails_later_leaves_the_settings_as_they_were() -> None:
    now = [0.0]
    away = ServiceError(0, "NoConnection", "Airflow is away")
    load, shared = Lookup(settings(), away, away, settings("new")), SharedSession(lambda: now[0])
    async with shared.use(load, mask) as old:
        for _ in range(2):
            now[0] += SETTINGS_AGE + 1
            async with shared.use(load, mask) as same:
                assert same is old
        now[0] += SETTINGS_AGE + 1
        async with shared.use(load, mask) as new:
            assert new.workspace.resource_group == "new"
    assert load.count == 4


async def test_refused_settings_are_read_again_once_and_the_next_user_gets_what_they_are_now() -> None:
    load, shared = Lookup(settings("old"), settings("new")), SharedSession()
    async with shared.use(load, mask) as old:
        renew = old.driver._renew
        assert renew is not None
        await renew()
        async with shared.use(load, mask) as new:
            assert new.workspace.resource_group == "new"
    assert load.count == 2


async def test_a_principal_has_one_quota_and_another_has_its_own() -> None:
    assert quota_of(settings()) is quota_of(settings("other group, same principal"))
    other = replace(settings(), client_id="another")
    assert quota_of(settings()) is not quota_of(other)
