# SPDX-License-Identifier: Apache-2.0
"""What a check found, and the nine planes in which an identity has to be known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["present", "MISSING", "unknown", "not used"]
PLANES: dict[int, str] = {
    1: "assertion",
    2: "federated trust",
    3: "service principal",
    4: "token",
    5: "workspace",
    6: "run identity",
    7: "data",
    8: "account settings",
    9: "vault and registry",
}
"""In the order in which a request passes them."""


@dataclass(frozen=True)
class Finding:
    """One plane, looked at.

    :param id: what was looked at, for programs.
    :param level: `MISSING` where the identity, or what it needs, is not there.
    :param hint: the command that mends it; empty when nothing is to be mended.
    """

    id: str
    level: Level
    plane: int
    message: str
    hint: str = ""

    @property
    def is_problem(self) -> bool:
        """Whether something has to be mended."""
        return self.level == "MISSING"


def present(id: str, plane: int, message: str) -> Finding:
    """All is there."""
    return Finding(id, "present", plane, message)


def missing(id: str, plane: int, message: str, hint: str) -> Finding:
    """Something is not there."""
    return Finding(id, "MISSING", plane, message, hint)


def unknown(id: str, plane: int, message: str, hint: str = "") -> Finding:
    """It could not be read: that says nothing about the identity."""
    return Finding(id, "unknown", plane, message, hint)


def unused(id: str, plane: int, message: str) -> Finding:
    """The plane does not concern this identity."""
    return Finding(id, "not used", plane, message)
