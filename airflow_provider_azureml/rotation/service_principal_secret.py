# SPDX-License-Identifier: Apache-2.0
"""Rotation of an application's secret between Entra and Key Vault: the steps of `plan.py`, done.

The secret's bytes pass from Graph's answer to Key Vault in the memory of one call, and nowhere
else: no record, log line or exception holds them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from airflow_provider_azureml.errors import AzureMLError, DeniedError, ServiceError, UnreachableError
from airflow_provider_azureml.rest.graph import NewPassword, Password
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
)

MAX_STEPS = 25


class World(Protocol):
    """Entra, Key Vault and the clock, as far as rotation needs them."""

    def now(self) -> datetime:
        """The time, with a zone."""

    def passwords(self) -> Sequence[Password]:
        """The application's passwords in Entra."""

    def versions(self) -> Sequence[SecretVersion]:
        """The secret's versions in Key Vault."""

    def add_password(self, display_name: str, ends_at: datetime) -> NewPassword:
        """Make a password."""

    def remove_password(self, key_id: str) -> None:
        """Remove a password."""

    def publish(self, secret: str, ends_at: datetime, tags: Mapping[str, str]) -> str:
        """Write a version, which is the latest at once; returns it."""

    def latest(self) -> str:
        """The secret as its consumers read it."""

    def disable(self, version: str) -> None:
        """Switch off a version that is not the latest."""

    def signs_in(self, secret: str) -> bool:
        """Whether Entra knows the secret, asked without any cache."""

    def pause(self, seconds: float) -> None:
        """Wait."""


@dataclass(frozen=True)
class Proof:
    """When a new password counts as working; Entra spreads it slowly and gives no promise.

    :param successes: sign-ins in a row.
    :param interval: seconds between two of them.
    :param deadline: seconds after which it counts as not working.
    """

    successes: int = 3
    interval: float = 10.0
    deadline: float = 300.0


@dataclass(frozen=True)
class Rotation:
    """What to rotate, and how. `rid` names the occasion: a rerun with the same one goes on."""

    app_id: str
    rid: str
    overlap: timedelta
    valid_for: timedelta
    proof: Proof = field(default_factory=Proof)


def advance(
    world: World, rotation: Rotation, note: Callable[[Step], None] = lambda step: None
) -> Wait | Done:
    """Do step after step until there is nothing to do but to wait, or nothing at all.

    Before each step the state is read again. Raises UnreachableError when the new password never works
    (it is removed) or when the published one does not (nothing is retired then).
    """
    for _ in range(MAX_STEPS):
        step = next_step(world.passwords(), world.versions(), world.now(), rotation.rid, rotation.overlap)
        note(step)
        if isinstance(step, Wait):
            return step
        if isinstance(step, Done):
            prove(world, world.latest(), Proof(1, rotation.proof.interval, rotation.proof.deadline))
            return step
        _do(world, rotation, step)
    raise ServiceError(0, "NotSettling", f"Rotation is not settled after {MAX_STEPS} steps")


def prove(world: World, secret: str, proof: Proof) -> None:
    """Sign in until it worked often enough in a row. Raises UnreachableError at the deadline."""
    end = world.now() + timedelta(seconds=proof.deadline)
    row = 0
    while True:
        row = row + 1 if world.signs_in(secret) else 0
        if row >= proof.successes:
            return
        if world.now() >= end:
            message = f"The secret did not sign in reliably within {proof.deadline:.0f} s"
            raise UnreachableError(0, "SecretNotWorking", message)
        world.pause(proof.interval)


def _do(world: World, rotation: Rotation, step: Mint | RemovePassword | DisableVersion) -> None:
    if isinstance(step, Mint):
        _mint(world, rotation, step)
    elif isinstance(step, RemovePassword):
        _remove(world, rotation, step.key_id)
    else:
        # Nothing is retired before its successor is seen working, as consumers read it.
        prove(world, world.latest(), Proof(1, rotation.proof.interval, rotation.proof.deadline))
        world.disable(step.version)


def _mint(world: World, rotation: Rotation, step: Mint) -> None:
    made = world.add_password(PREFIX + rotation.rid, world.now() + rotation.valid_for)
    try:
        prove(world, made.secret, rotation.proof)
    except AzureMLError:
        world.remove_password(made.key_id)
        raise
    tags = {
        "rid": rotation.rid,
        "keyId": made.key_id,
        "appId": rotation.app_id,
        "prevKeyId": step.previous_key_id,
        "prevVersion": step.previous,
    }
    world.publish(made.secret, made.ends_at, {name: value for name, value in tags.items() if value})


def _remove(world: World, rotation: Rotation, key_id: str) -> None:
    """Removing what is gone is an error in Graph; what counts is that it is gone."""
    try:
        world.remove_password(key_id)
    except ServiceError as error:
        if isinstance(error, DeniedError):
            raise
        world.pause(rotation.proof.interval)
