# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from airflow_provider_azureml.access import grant as decide
from airflow_provider_azureml.access.grant import CLOSING, Close, Nothing, Wait, Write
from airflow_provider_azureml.errors import ConfigurationError
from airflow_provider_azureml.rest.assignment import Made, Mark
from airflow_provider_azureml.rest.lease import Lease, Register, Seen

NOW = 1000.0
MINE, OTHER = Lease("mine", "1", 2000.0), Lease("other", "2", 1500.0)
ENDED = Lease("ended", "3", 900.0)
NOTES = {"scope": "/s"}


def seen(*leases, closing="", age=0.0, generation=0):
    return Seen(Register(leases, closing, NOTES, generation), "e", NOW, age)


TAKING = {
    "into an empty register": (seen(), Write(Register((MINE,), "", NOTES))),
    "beside others": (seen(OTHER), Write(Register((OTHER, MINE), "", NOTES))),
    "again, by a later try": (seen(Lease("mine", "0", 1100.0)), Write(Register((MINE,), "", NOTES))),
    "where others have ended": (seen(ENDED), Write(Register((MINE,), "", NOTES))),
    "while somebody deletes": (seen(OTHER, closing="2", age=CLOSING - 1), Wait()),
    "after somebody died deleting": (
        seen(OTHER, closing="2", age=CLOSING),
        Write(Register((OTHER, MINE), "", NOTES, 1)),
    ),
    "after our own try died deleting": (seen(MINE, closing="1"), Write(Register((MINE,), "", NOTES))),
}
GIVING = {
    "the last one": (seen(MINE), Close(Register((MINE,), "1", NOTES))),
    "while others live": (seen(MINE, OTHER), Write(Register((OTHER,), "", NOTES))),
    "while others have ended": (seen(MINE, ENDED), Close(Register((MINE,), "1", NOTES))),
    "one that is not there": (seen(OTHER), Nothing()),
    "from an empty register": (seen(), Nothing()),
    "of an older try": (seen(Lease("mine", "newer", 2000.0)), Nothing()),
    "again, after a crash": (seen(MINE, closing="1"), Close(Register((MINE,), "1", NOTES))),
    "while another deletes": (seen(MINE, closing="2"), Wait()),
    "after another died deleting": (
        seen(MINE, closing="2", age=CLOSING),
        Close(Register((MINE,), "1", NOTES, 1)),
    ),
    "after its own time": (
        seen(Lease("mine", "1", 900.0)),
        Close(Register((Lease("mine", "1", 900.0),), "1", NOTES)),
    ),
}
REAPING = {
    "nobody's": (seen(), Close(Register((), "r", NOTES))),
    "one whose leases have ended": (seen(ENDED), Close(Register((), "r", NOTES))),
    "one with a living lease": (seen(ENDED, OTHER), Nothing()),
    "one that somebody deletes": (seen(closing="x"), Wait()),
    "one that somebody died deleting": (seen(closing="x", age=CLOSING), Close(Register((), "r", NOTES, 1))),
}


@pytest.mark.parametrize("case", TAKING)
def test_a_lease_is_taken(case) -> None:
    register, expected = TAKING[case]
    assert decide.take(register, MINE, NOTES) == expected


@pytest.mark.parametrize("case", GIVING)
def test_a_lease_is_given_back(case) -> None:
    register, expected = GIVING[case]
    assert decide.give_back(register, "mine", "1") == expected


@pytest.mark.parametrize("case", REAPING)
def test_the_reaper_closes(case) -> None:
    register, expected = REAPING[case]
    assert decide.close(register, "r") == expected


def made(description, created_by="broker", scope="/subscriptions/s/x"):
    return Made("i", "n", scope, "p", "r", "", description, created_by)


OURS = str(Mark("d", NOW - 1))


@pytest.mark.parametrize(
    "assignment, is_due",
    [
        (made(OURS), True),
        (made(OURS, "BROKER"), True),
        (made(str(Mark("d", NOW + 1))), False),
        (made(str(Mark("other", NOW - 1))), False),
        (made(OURS, "a person"), False),
        (made(OURS, ""), False),
        (made(""), False),
        (made(f"{OURS} edited"), False),
    ],
)
def test_only_what_our_broker_made_and_what_is_over_is_due(assignment, is_due) -> None:
    assert decide.is_due(assignment, "d", "broker", NOW) is is_due


@pytest.mark.parametrize(
    "description, how", [("by hand", "standing"), (OURS, "leased"), (str(Mark("other", NOW)), "foreign")]
)
def test_what_is_there_already_is_held_as_what_it_is(description, how) -> None:
    assert decide.held_as(made(description), "d") == how


@pytest.mark.parametrize("seconds", [0, 299.9, 8 * 86400])
def test_a_time_that_azure_or_reason_forbids_is_refused(seconds) -> None:
    with pytest.raises(ConfigurationError, match="valid_for"):
        decide.lease_seconds(seconds)
    assert decide.lease_seconds(300) == 300


def test_only_the_subscriptions_own_assignments_count_towards_its_limit() -> None:
    found = [
        made("", scope=scope)
        for scope in ("/subscriptions/s", "/subscriptions/S/x", "/", "/subscriptions/s2")
    ]
    assert decide.assignments_used(found, "s") == 2
