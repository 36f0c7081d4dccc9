# SPDX-License-Identifier: Apache-2.0
"""What state is a rotation in, and what is the next step? Pure: facts in, one step out.

Nothing is remembered between steps. A kill between any two of them therefore means "run again".
The order keeps one promise: at every instant the latest enabled version of the secret logs in, at
most two of our passwords live, and only what carries our mark is touched (identity.md 4.1).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from airflow_provider_azureml.rest.graph import Password

PREFIX = "airflow-rot:"
MAX_ALIVE = 2
REPLICATION = timedelta(minutes=15)
"""A new password may be missing from Graph's lists for minutes: that does not make it dead."""
_NAMESPACE = uuid.UUID("6f0f3b0e-5a3c-4c55-9d4e-1f0a3f3c9f10")


@dataclass(frozen=True)
class SecretVersion:
    """One version of a Key Vault secret, without its value."""

    version: str
    enabled: bool
    created_at: datetime
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def key_id(self) -> str:
        """The password it holds, empty when nobody wrote that down."""
        return self.tags.get("keyId", "")

    @property
    def is_ours(self) -> bool:
        """Whether a rotation published it; what a person wrote is never switched off."""
        return "rid" in self.tags


@dataclass(frozen=True)
class RemovePassword:
    """Remove one of our passwords: no enabled version holds it."""

    key_id: str
    reason: str


@dataclass(frozen=True)
class DisableVersion:
    """Disable a version that is not the latest."""

    version: str
    reason: str


@dataclass(frozen=True)
class Mint:
    """Make a password, prove that it works, publish it. `previous` is the version it follows."""

    previous: str
    previous_key_id: str


@dataclass(frozen=True)
class Wait:
    """The overlap is not over."""

    until: datetime


@dataclass(frozen=True)
class Done:
    """Nothing to do. `current` is the latest enabled version."""

    current: SecretVersion


Step = RemovePassword | DisableVersion | Mint | Wait | Done


def rotation_id(app_id: str, vault_url: str, secret_name: str, occasion: str) -> str:
    """The same for every try of one occasion (a DAG run): that makes a rerun the recovery."""
    return str(uuid.uuid5(_NAMESPACE, "|".join((app_id, vault_url, secret_name, occasion))))


def next_step(
    passwords: Sequence[Password],
    versions: Sequence[SecretVersion],
    now: datetime,
    rid: str,
    overlap: timedelta,
) -> Step:
    """Decide on the next step from what Entra and Key Vault say now."""
    ours = [password for password in passwords if password.display_name.startswith(PREFIX)]
    stray = _stray(ours, versions)
    if stray:
        return stray
    working = {password.key_id for password in passwords if password.ends_at > now}
    ordered = order(versions)
    alive = [version for version in ordered if version.enabled]
    older = _retirable(alive)
    for version in older:
        if version.key_id not in working:
            return DisableVersion(version.version, "its password no longer works")
    wanting = _lacks_secret(ordered, working, now, rid)
    living = [password for password in ours if password.key_id in working]
    if wanting and (len(living) < MAX_ALIVE or not older):
        return Mint(alive[-1].version, alive[-1].key_id) if alive else Mint("", "")
    if older:
        end = alive[-1].created_at + overlap
        return Wait(end) if now < end else DisableVersion(older[0].version, "its overlap has ended")
    return Done(alive[-1])


def _lacks_secret(ordered: Sequence[SecretVersion], working: Set[str], now: datetime, rid: str) -> bool:
    """Whether this occasion has published nothing yet, or consumers read something that is dead."""
    if not any(version.tags.get("rid") == rid for version in ordered):
        return True
    latest = ordered[-1]
    dead = bool(latest.key_id) and latest.key_id not in working
    return not latest.enabled or (dead and latest.created_at + REPLICATION < now)


def order(versions: Sequence[SecretVersion]) -> list[SecretVersion]:
    """Oldest first. Key Vault counts whole seconds, so a tie is settled by who names whom."""
    followed = {version.tags.get("prevVersion") for version in versions}
    return sorted(versions, key=lambda item: (item.created_at, item.version not in followed))


def _retirable(alive: Sequence[SecretVersion]) -> list[SecretVersion]:
    """Versions of ours that hold something else than the latest one does, oldest first.

    A PUT that was sent again makes twins with one password. Which of two twins of the same second Key
    Vault takes for the latest is not to be seen here; both go when their successor does.
    """
    latest = alive[-1].key_id if alive else ""
    return [item for item in alive[:-1] if item.is_ours and (not latest or item.key_id != latest)]


def _stray(ours: Sequence[Password], versions: Sequence[SecretVersion]) -> RemovePassword | None:
    """A password that no version holds cannot be recovered; one of disabled versions only is retired."""
    for password in ours:
        holders = [version for version in versions if version.key_id == password.key_id]
        if not holders:
            return RemovePassword(password.key_id, "no version of the secret holds it")
        if not any(holder.enabled for holder in holders):
            return RemovePassword(password.key_id, f"its version {holders[-1].version} is disabled")
    return None
