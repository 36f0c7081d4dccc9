# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from airflow_provider_azureml.rest.graph import Password
from airflow_provider_azureml.rotation.plan import (
    PREFIX,
    DisableVersion,
    Done,
    Mint,
    RemovePassword,
    SecretVersion,
    Step,
    Wait,
    next_step,
    order,
    rotation_id,
)

T = datetime(2026, 1, 1, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
OVERLAP = timedelta(hours=2)


def password(key: str, rid: str = "r0", ends: datetime = T + 90 * 24 * HOUR) -> Password:
    return Password(key, PREFIX + rid, ends)


def version(
    name: str, key: str = "", rid: str = "", at: datetime = T, enabled: bool = True, prev: str = ""
) -> SecretVersion:
    tags = {"keyId": key, "rid": rid, "prevVersion": prev}
    return SecretVersion(name, enabled, at, {tag: value for tag, value in tags.items() if value})


HAND_MADE = Password("hand", "portal", T + HOUR)


def step(
    passwords: list[Password], versions: list[SecretVersion], now: datetime = T + HOUR, rid: str = "r1"
) -> Step:
    return next_step(passwords, versions, now, rid, OVERLAP)


def test_the_first_rotation_follows_the_version_that_a_person_wrote() -> None:
    assert step([HAND_MADE], [version("v0")]) == Mint("v0", "")


def test_an_empty_vault_gets_its_first_version() -> None:
    assert step([], []) == Mint("", "")


def test_what_a_person_made_is_never_touched() -> None:
    done = step(
        [HAND_MADE, password("k1", "r1")], [version("v0"), version("v1", "k1", "r1", T + HOUR)], T + 50 * HOUR
    )
    assert isinstance(done, Done)
    assert done.current.version == "v1"


def test_a_version_that_a_person_wrote_stays_even_when_it_names_its_password() -> None:
    versions = [version("v0", "hand"), version("v1", "k1", "r1", T + HOUR)]
    for passwords in ([HAND_MADE, password("k1", "r1")], [password("k1", "r1")]):
        assert step(passwords, versions, T + 50 * HOUR) == Done(versions[1])


def test_a_password_that_never_reached_the_vault_goes_first() -> None:
    assert step([password("lost", "r1")], [version("v0")]) == RemovePassword(
        "lost", "no version of the secret holds it"
    )


def test_the_previous_version_lives_through_the_overlap_and_no_longer() -> None:
    passwords = [password("k0"), password("k1", "r1")]
    versions = [version("v0", "k0", "r0"), version("v1", "k1", "r1", T + HOUR)]
    assert step(passwords, versions) == Wait(T + HOUR + OVERLAP)
    assert step(passwords, versions, T + HOUR + OVERLAP) == DisableVersion("v0", "its overlap has ended")


def test_a_version_is_disabled_before_its_password_is_removed() -> None:
    versions = [version("v0", "k0", "r0", enabled=False), version("v1", "k1", "r1", T + HOUR)]
    assert step([password("k0"), password("k1", "r1")], versions) == RemovePassword(
        "k0", "its version v0 is disabled"
    )
    assert step([password("k1", "r1")], versions) == Done(versions[1])


def test_a_third_password_waits_until_the_first_is_gone() -> None:
    passwords = [password("k0"), password("k1", "r1")]
    versions = [version("v0", "k0", "r0"), version("v1", "k1", "r1", T + HOUR)]
    assert isinstance(step(passwords, versions, rid="r2"), Wait)
    assert isinstance(step(passwords, versions, T + 3 * HOUR, rid="r2"), DisableVersion)
    assert step([password("k1", "r1")], versions[1:], rid="r2") == Mint("v1", "k1")


def test_an_occasion_that_published_does_not_publish_again() -> None:
    versions = [version("v1", "k1", "r1", T, enabled=False), version("v2", "k2", "r2", T + HOUR)]
    assert step([password("k2", "r2")], versions) == Done(versions[1])


def test_an_older_version_whose_password_is_gone_or_over_is_switched_off_at_once() -> None:
    versions = [version("v0", "k0", "r0"), version("v1", "k1", "r1", T + HOUR)]
    for passwords in ([password("k1", "r1")], [password("k0", ends=T), password("k1", "r1")]):
        assert step(passwords, versions) == DisableVersion("v0", "its password no longer works")


def test_a_latest_version_that_is_dead_or_switched_off_is_replaced() -> None:
    assert step([], [version("v1", "k1", "r1")]) == Mint("v1", "k1")
    off = [version("v0"), version("v1", "", "r1", T + HOUR, enabled=False)]
    assert step([], off) == Mint("v0", "")


def test_a_new_password_that_graph_does_not_list_yet_is_not_taken_for_dead() -> None:
    fresh = version("v1", "k1", "r1", T + HOUR)
    assert step([], [fresh], T + HOUR + timedelta(minutes=5)) == Done(fresh)


def test_versions_of_the_same_second_are_told_apart_by_who_names_whom() -> None:
    old, new = version("zz", "k0"), version("aa", "k1", prev="zz")
    assert order([new, old]) == [old, new] == order([old, new])


#: A PUT that was sent again: two versions with the tags of one.
LIVING = [password("k0"), password("k1", "r1")]
TWINS = [version("t1", "k1", "r1", T + HOUR, prev="v0"), version("t2", "k1", "r1", T + HOUR, prev="v0")]


@pytest.mark.parametrize("turn", [1, -1])
def test_a_password_stays_while_one_enabled_version_of_several_holds_it(turn: int) -> None:
    off = version("t0", "k1", "r1", T, enabled=False)
    assert step(LIVING[1:], [off, TWINS[1]][::turn]) == Done(TWINS[1])
    newer = version("v2", "k2", "r2", T + 2 * HOUR)
    retired = [off, version("t2", "k1", "r1", T + HOUR, enabled=False), newer][::turn]
    found = step([*LIVING[1:], password("k2", "r2")], retired, T + 50 * HOUR, rid="r2")
    assert isinstance(found, RemovePassword)
    assert found.key_id == "k1"


@pytest.mark.parametrize("turn", [1, -1])
def test_a_twin_of_the_latest_version_is_retired_with_it_and_not_before(turn: int) -> None:
    versions = [version("v0", "k0", "r0"), *TWINS][::turn]
    assert step(LIVING, versions) == Wait(T + HOUR + OVERLAP)
    assert step(LIVING, versions, T + 50 * HOUR) == DisableVersion("v0", "its overlap has ended")
    assert isinstance(step(LIVING[1:], TWINS[::turn], T + 50 * HOUR), Done)
    newer = version("v2", "k2", "r2", T + 50 * HOUR, prev="t2")
    found = step([*LIVING[1:], password("k2", "r2")], [*TWINS, newer][::turn], T + 90 * HOUR, rid="r2")
    assert isinstance(found, DisableVersion)
    assert found.version in ("t1", "t2")


@pytest.mark.parametrize("turn", [1, -1])
def test_twins_whose_password_is_gone_get_a_successor_before_either_is_switched_off(turn: int) -> None:
    found = step([], TWINS[::turn], T + 2 * HOUR)
    assert isinstance(found, Mint)
    assert found.previous_key_id == "k1"


def test_a_rerun_of_the_same_occasion_has_the_same_id_and_another_has_not() -> None:
    assert rotation_id("a", "v", "n", "run1") == rotation_id("a", "v", "n", "run1")
    assert rotation_id("a", "v", "n", "run1") != rotation_id("a", "v", "n", "run2")
