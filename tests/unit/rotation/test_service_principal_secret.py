# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from airflow_provider_azureml.errors import NotFoundError, ServiceError, UnreachableError
from airflow_provider_azureml.rest.graph import NewPassword, Password
from airflow_provider_azureml.rotation.plan import PREFIX, Done, SecretVersion, Wait
from airflow_provider_azureml.rotation.service_principal_secret import Proof, Rotation, advance, prove

T = datetime(2026, 1, 1, tzinfo=timezone.utc)


class Killed(BaseException):
    """What a SIGKILL looks like from inside."""


class FakeWorld:
    """Entra and Key Vault in memory. `kill_after` dies right after the n-th change."""

    def __init__(self, spread: float = 0.0) -> None:
        self.time, self.spread, self.count = T, spread, 0
        self.kill_after = -1
        self.entra: dict[str, tuple[Password, str, datetime]] = {
            "hand": (Password("hand", "portal", T + timedelta(days=900)), "seed", T - timedelta(days=1))
        }
        self.vault: list[tuple[SecretVersion, str]] = [(SecretVersion("v0", True, T, {}), "seed")]
        self.trouble: list[str] = []

    def _changed(self) -> None:
        self._check()
        if self.count == self.kill_after:
            self.kill_after = -1
            raise Killed
        self.count += 1

    def _check(self) -> None:
        """The invariant, after every single change."""
        enabled = [secret for item, secret in self.vault if item.enabled]
        known = {secret for _, secret, _ in self.entra.values()}
        if enabled[-1] not in known:
            self.trouble.append("the latest enabled version does not log in")
        if sum(item.display_name.startswith(PREFIX) for item, _, _ in self.entra.values()) > 2:
            self.trouble.append("more than two of our passwords live")
        if "hand" not in self.entra or not self.vault[0][0].enabled:
            self.trouble.append("something that is not ours was touched")

    def now(self) -> datetime:
        return self.time

    def passwords(self) -> list[Password]:
        return [item for item, _, _ in self.entra.values()]

    def versions(self) -> list[SecretVersion]:
        return [item for item, _ in self.vault]

    def add_password(self, display_name: str, ends_at: datetime) -> NewPassword:
        key = f"k{len(self.entra)}-{self.count}"
        self.entra[key] = (Password(key, display_name, ends_at), f"TOPSECRET-{key}", self.time)
        self._changed()
        return NewPassword(key, ends_at, f"TOPSECRET-{key}")

    def remove_password(self, key_id: str) -> None:
        if key_id not in self.entra:
            raise NotFoundError(404, "Request_BadRequest", "No password credential found with keyId")
        del self.entra[key_id]
        self._changed()

    def publish(self, secret: str, ends_at: datetime, tags: Mapping[str, str]) -> str:
        item = SecretVersion(f"v{len(self.vault)}", True, self.time, dict(tags))
        self.vault.append((item, secret))
        self._changed()
        return item.version

    def latest(self) -> str:
        return self.vault[-1][1]

    def disable(self, version: str) -> None:
        self.vault = [
            (replace(item, enabled=item.enabled and item.version != version), secret)
            for item, secret in self.vault
        ]
        self._changed()

    def signs_in(self, secret: str) -> bool:
        ages = [self.time - made for _, known, made in self.entra.values() if known == secret]
        return bool(ages) and ages[0] >= timedelta(seconds=self.spread)

    def pause(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class SentTwice(FakeWorld):
    """The answer to each PUT is lost, so that it is sent again: two versions with the same tags.

    :param later: seconds between the two.
    :param turn: in which order the vault lists its versions, -1 for newest first.
    """

    def __init__(self, later: float, turn: int) -> None:
        super().__init__()
        self.later, self.turn = later, turn

    def publish(self, secret: str, ends_at: datetime, tags: Mapping[str, str]) -> str:
        super().publish(secret, ends_at, tags)
        self.time += timedelta(seconds=self.later)
        return super().publish(secret, ends_at, tags)

    def versions(self) -> list[SecretVersion]:
        return super().versions()[:: self.turn]

    def disable(self, version: str) -> None:
        if version == self.vault[-1][0].version:
            raise ServiceError(409, "LatestVersion", version)
        super().disable(version)


def rotation(rid: str = "r1") -> Rotation:
    return Rotation("app", rid, timedelta(hours=1), timedelta(days=90))


def finish(world: FakeWorld, rid: str) -> Done:
    """Advance through all waits."""
    while isinstance(state := advance(world, rotation(rid)), Wait):
        world.time = state.until
    return state


def ours(world: FakeWorld) -> list[str]:
    return [key for key, (item, _, _) in world.entra.items() if item.display_name.startswith(PREFIX)]


def test_three_nights_leave_one_password_and_a_version_that_works() -> None:
    world = FakeWorld()
    for night in ("r1", "r2", "r3"):
        done = finish(world, night)
        assert done.current.tags["rid"] == night
        world.time += timedelta(days=1)
    assert len(ours(world)) == 1
    assert [item.enabled for item, _ in world.vault] == [True, False, False, True]
    assert world.trouble == []


@pytest.mark.parametrize("kill_after", range(4))  # add, publish, disable, remove
def test_a_kill_after_any_change_is_mended_by_running_again(kill_after: int) -> None:
    world = FakeWorld(spread=20.0)
    finish(world, "r1")
    world.time += timedelta(days=1)
    world.count, world.kill_after = 0, kill_after
    with pytest.raises(Killed):
        finish(world, "r2")
    done = finish(world, "r2")
    assert done.current.tags["rid"] == "r2"
    assert ours(world) == [done.current.key_id]
    assert world.signs_in(world.latest())
    assert world.trouble == []


@pytest.mark.parametrize("later", [0.0, 4.0])
@pytest.mark.parametrize("turn", [1, -1])
def test_a_version_that_was_written_twice_costs_nobody_the_password_it_holds(later: float, turn: int) -> None:
    world = SentTwice(later, turn)
    for night in ("r1", "r2", "r3"):
        done = finish(world, night)
        assert done.current.tags["rid"] == night
        assert ours(world) == [done.current.key_id]
        assert world.signs_in(world.latest())
        world.time += timedelta(days=1)
    assert [item.enabled for item, _ in world.vault] == [True, False, False, False, False, True, True]
    assert world.trouble == []


def test_nothing_is_published_before_it_signed_in_three_times_in_a_row() -> None:
    world = FakeWorld(spread=60.0)
    advance(world, rotation())
    assert world.vault[-1][0].created_at - T == timedelta(seconds=80)


def test_a_password_that_never_works_is_removed_and_never_published() -> None:
    world = FakeWorld(spread=10_000.0)
    with pytest.raises(UnreachableError, match="did not sign in") as caught:
        advance(world, rotation())
    assert ours(world) == []
    assert len(world.vault) == 1
    assert "TOPSECRET" not in str(caught.value) + repr(caught.value)


def test_nothing_is_retired_while_consumers_read_something_that_does_not_work() -> None:
    world = FakeWorld()
    finish(world, "r1")
    wait = advance(world, rotation("r2"))
    assert isinstance(wait, Wait)
    world.time = wait.until
    item, _ = world.vault[-1]
    world.vault[-1] = (item, "overwritten by somebody")
    with pytest.raises(UnreachableError):
        advance(world, rotation("r2"))
    assert len(ours(world)) == 2


def test_a_password_that_is_already_gone_is_not_an_error() -> None:
    world = FakeWorld()
    world.entra["lost"] = (Password("lost", PREFIX + "x", T + timedelta(days=1)), "s", T)
    listed = world.passwords

    def passwords() -> list[Password]:
        """Graph lists it once more after it is gone."""
        if "lost" in world.entra:
            world.entra.pop("lost")
            return [*listed(), Password("lost", PREFIX + "x", T + timedelta(days=1))]
        return listed()

    world.passwords = passwords
    assert isinstance(advance(world, rotation()), Done)
    assert "lost" not in world.entra


def test_a_row_of_successes_starts_anew_after_a_failure() -> None:
    world = FakeWorld()
    answers = iter([True, True, False, True, True, True])
    world.signs_in = lambda secret: next(answers)
    prove(world, "s", Proof(3, 10.0, 300.0))
    assert world.time == T + timedelta(seconds=50)
