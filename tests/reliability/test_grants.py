# SPDX-License-Identifier: Apache-2.0
"""Leased grants, killed at every request: none leaks past one pass of the reaper, none is lost to who needs it.

What happened is read from the sandbox's ledger, not from the answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_azureml.access import leasing
from airflow_provider_azureml.access.grant import LEASED, STANDING
from airflow_provider_azureml.rest import assignment
from airflow_provider_azureml.rest.flow import Flow
from tests.reliability.granting import AFTER, BEFORE, HOUR, READER, Killed, Run, Town, town
from tests.reliability.tally import TALLY

Work = Callable[[Town], Flow[Any]]
FIRST, SECOND = ("first", "1"), ("second", "2")


@pytest.fixture(scope="module")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with town(tmp_path_factory.mktemp("grants")) as made:
        yield made


@pytest.fixture(autouse=True)
def is_quiet(azure: Town) -> None:
    """Nobody holds anything when a test begins."""
    settle(azure)


def settle(azure: Town) -> None:
    azure.clock.advance(30 * HOUR)
    azure.reap()
    azure.effects()
    assert azure.held(azure.grant()) == []


def take(who: tuple[str, str]) -> Work:
    return lambda azure: leasing.take(azure.desk, azure.grant(), *who, HOUR)


def give_back(who: tuple[str, str]) -> Work:
    return lambda azure: leasing.give_back(azure.desk, azure.grant(), *who)


def strikes(azure: Town, prepare: Callable[[], Any], work: Work) -> Iterator[tuple[int, str]]:
    """Each request of a piece of work, before and after, from a fresh start each time."""
    prepare()
    counted = Run(azure)
    counted.drive(work(azure))
    for number in range(len(counted.requests)):
        for phase in (BEFORE, AFTER):
            settle(azure)
            prepare()
            with suppress(Killed):
                Run(azure, (number, phase)).drive(work(azure))
                raise AssertionError("it was not killed")
            yield number, phase


def hold(azure: Town, *whom: tuple[str, str]) -> Callable[[], None]:
    def begin() -> None:
        for who in whom:
            assert Run(azure).drive(take(who)(azure)).how == LEASED

    return begin


CELLS = {
    "alone, take": ((), take(FIRST)),
    "alone, give back": ((FIRST,), give_back(FIRST)),
    "shared, take": ((SECOND,), take(FIRST)),
    "shared, give back": ((FIRST, SECOND), give_back(FIRST)),
}


@pytest.mark.parametrize("cell", CELLS)
def test_a_run_that_was_killed_leaves_nothing_past_one_pass_of_the_reaper(cell: str, azure: Town) -> None:
    held, work = CELLS[cell]
    points = 0
    for where in strikes(azure, hold(azure, *held), work):
        if SECOND in held:
            assert "deleted" not in [each.effect for each in azure.effects()], where
            assert len(azure.held(azure.grant())) == 1, where
            assert Run(azure).drive(give_back(SECOND)(azure)), where
        azure.clock.advance(2 * HOUR)
        azure.reap()
        assert azure.held(azure.grant()) == [], where
        points += 1
    TALLY.say(f"grants, {cell}: killed at {points} points: 0 left after one pass, 0 revoked under a lease")


@pytest.mark.parametrize("cell", CELLS)
def test_the_next_try_of_a_killed_one_needs_no_reaper(cell: str, azure: Town) -> None:
    held, work = CELLS[cell]
    retry = ("first", "1b") if work is CELLS[cell][1] and "take" in cell else FIRST
    for where in strikes(azure, hold(azure, *held), work):
        if "take" in cell:
            assert Run(azure).drive(take(retry)(azure)).how == LEASED, where
        Run(azure).drive(give_back(retry)(azure))
        assert len(azure.held(azure.grant())) == (SECOND in held), where
        if SECOND in held:
            Run(azure).drive(give_back(SECOND)(azure))
            assert azure.held(azure.grant()) == [], where


@pytest.mark.parametrize("cell", ["alone, give back", "shared, give back", "alone, take"])
def test_another_run_that_acts_in_the_middle_keeps_its_grant(cell: str, azure: Town) -> None:
    """It comes while the first one is held up at a request, for longer than it is waited for."""
    held, work = CELLS[cell]
    third = ("third", "3")
    points = 0
    for number in range(40):
        settle(azure)
        hold(azure, *held)()

        def meanwhile(now: int, number: int = number) -> None:
            if now == number:
                assert Run(azure).drive(take(third)(azure)).how == LEASED

        late = Run(azure, meanwhile=meanwhile)
        late.drive(work(azure))
        if len(late.requests) <= number:
            break
        assert len(azure.held(azure.grant())) == 1, number
        for who in (FIRST, SECOND, third):
            Run(azure).drive(give_back(who)(azure))
        assert azure.held(azure.grant()) == [], number
        points += 1
    assert points >= 2
    TALLY.say(f"grants, {cell}: another run came in at {points} points: 0 revoked under its lease")


@pytest.mark.parametrize("cell", CELLS)
def test_requests_whose_answers_were_lost_are_repeated_without_harm(cell: str, azure: Town) -> None:
    held, work = CELLS[cell]
    hold(azure, *held)()
    run = Run(azure, repeats=True)
    run.drive(work(azure))
    for who in (FIRST, SECOND):
        Run(azure, repeats=True).drive(give_back(who)(azure))
    assert azure.held(azure.grant()) == []


@pytest.mark.parametrize("who", ["a person", "another deployment"])
def test_what_was_there_before_is_adopted_and_never_deleted(who: str, azure: Town) -> None:
    grant, description = (
        azure.grant("models"),
        {"a person": "by hand"}.get(who, "airflow-jit v1 x exp=2020-01-01T00:00:00Z"),
    )
    if not azure.held(grant):
        put = {"properties": {"principalId": grant.principal_id, "description": description}}
        role = f"{azure.sandbox.cloud.subscription_scope()}/providers/Microsoft.Authorization/roleDefinitions/{grant.role}"
        put["properties"]["roleDefinitionId"] = role
        name = grant.name if who == "another deployment" else "11111111-2222-4333-8444-555555555555"
        azure.put(grant, name, put)
    azure.effects()
    taken = Run(azure).drive(leasing.take(azure.desk, grant, *FIRST, HOUR))
    assert taken.how == (STANDING if who == "a person" else "foreign")
    Run(azure).drive(leasing.give_back(azure.desk, grant, *FIRST))
    azure.clock.advance(2 * HOUR)
    azure.reap()
    assert azure.effects() == []
    assert len(azure.held(grant)) == 1
    azure.delete(azure.held(grant)[0])


@pytest.mark.parametrize("work", [take(FIRST), give_back(FIRST)], ids=["take", "give back"])
def test_a_standing_grant_outlives_every_crash(work: Work, azure: Town) -> None:
    grant = azure.grant()
    role = f"{azure.sandbox.cloud.subscription_scope()}/providers/Microsoft.Authorization/roleDefinitions/{READER}"
    properties = {"principalId": grant.principal_id, "roleDefinitionId": role}
    azure.put(grant, "11111111-2222-4333-8444-666666666666", {"properties": properties})
    (standing,) = azure.held(grant)
    counted = Run(azure)
    counted.drive(work(azure))
    for number in range(len(counted.requests)):
        for phase in (BEFORE, AFTER):
            azure.clock.advance(2 * HOUR)
            azure.effects()
            with suppress(Killed):
                Run(azure, (number, phase)).drive(work(azure))
            azure.clock.advance(2 * HOUR)
            azure.reap()
            assert azure.effects() == [], (number, phase)
    azure.delete(standing)
    TALLY.say(
        f"grants, beside a standing one: killed at {2 * len(counted.requests)} points: 0 made, 0 deleted"
    )


def test_the_reaper_that_was_killed_leaves_the_rest_to_the_next_pass(azure: Town) -> None:
    def due() -> None:
        hold(azure, FIRST)()
        azure.clock.advance(2 * HOUR)

    def work(azure: Town) -> Flow[Any]:
        return leasing.reap(azure.desk, azure.held(azure.grant())[0])

    points = 0
    for where in strikes(azure, due, work):
        azure.clock.advance(300)
        azure.reap()
        assert azure.held(azure.grant()) == [], where
        assert Run(azure).drive(take(SECOND)(azure)).how == LEASED, where
        points += 1
    TALLY.say(f"grants, reaper: killed at {points} points: 0 left after the next pass")


def test_the_reaper_leaves_what_a_lease_protects_whatever_the_description_says(azure: Town) -> None:
    hold(azure, FIRST)()
    azure.clock.advance(HOUR / 2)
    hold(azure, SECOND)()
    (made,) = azure.held(azure.grant())
    assert Run(azure).drive(leasing.reap(azure.desk, made)) == leasing.KEPT
    assert len(azure.held(azure.grant())) == 1


def test_a_role_that_azure_refuses_leaves_no_lease_behind(azure: Town) -> None:
    grant = assignment.Grant(
        azure.object_id("run-train"), "deadbeef-0000-4000-8000-000000000000", azure.grant().scope
    )
    run = Run(azure)
    with pytest.raises(Exception, match="RoleDefinitionDoesNotExist"):
        run.drive(leasing.take(azure.desk, grant, *FIRST, HOUR))
    assert run.drive(leasing.give_back(azure.desk, grant, *FIRST)) == leasing.NOT_HELD


def test_what_pim_granted_ends_without_anybody_and_a_killed_run_leaves_nothing_that_lasts(
    azure: Town,
) -> None:
    desk = replace(azure.desk, is_scheduled=True, justification="why")
    works: dict[str, Callable[[], Flow[Any]]] = {
        "take": lambda: leasing.take(desk, azure.grant(), *FIRST, HOUR),
        "give back": lambda: leasing.give_back(desk, azure.grant(), *FIRST),
    }
    for name, work in works.items():
        points = 0
        while True:
            settle(azure)
            if name == "give back":
                assert Run(azure).drive(works["take"]()).how == LEASED
                azure.clock.advance(600)
            run = Run(azure, (points // 2, (BEFORE, AFTER)[points % 2]))
            try:
                run.drive(work())
            except Killed:
                points += 1
            else:
                break
            azure.clock.advance(2 * HOUR)
            assert azure.held(azure.grant()) == [], (name, points)
        assert points >= 6
        TALLY.say(
            f"grants by PIM, {name}: killed at {points} points: 0 left after their time, without a reaper"
        )
