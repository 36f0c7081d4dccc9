# SPDX-License-Identifier: Apache-2.0
"""Where a process can be struck: before and after each of its effects, numbered in their order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from tests.reliability.world.engine import Killed, Process

if TYPE_CHECKING:
    from tests.reliability.world.azure import Answer

T = TypeVar("T")
BEFORE, AFTER = "before", "after"

Strike = Callable[[Process], None]


class AnswerLostError(Exception):
    """What is heard is not what was answered. Status 0 is a connection that was reset.

    :param answer: what is heard; an error of the front door where it is not given.
    """

    def __init__(self, status: int, answer: Answer | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.answer = answer


def kill(process: Process) -> None:
    """SIGKILL."""
    process.die()


def lose(status: int) -> Strike:
    """Replace the answer to a request by an error; 0 resets the connection."""

    def strike(process: Process) -> None:
        raise AnswerLostError(status)

    return strike


def replace(answer: Answer) -> Strike:
    """Let something else be heard: in phase `before` instead of the effect, in phase `after` in spite of it."""

    def strike(process: Process) -> None:
        raise AnswerLostError(answer.status, answer)

    return strike


@dataclass(frozen=True)
class Effect:
    """Something that a process did to the world; the answer to a request can be lost."""

    process: str
    what: str
    is_request: bool

    def __str__(self) -> str:
        return f"{self.process}: {self.what}"


class Failpoints:
    """The effects of one run, and the plan of what happens at which.

    :param plan: (number of the effect, `before` or `after`) -> strike.
    """

    def __init__(self, plan: Mapping[tuple[int, str], Strike] | None = None) -> None:
        self.plan = dict(plan or {})
        #: What was done, in order.
        self.effects: list[Effect] = []

    def perform(
        self, process: Process | None, what: str, act: Callable[[], T], *, is_request: bool = False
    ) -> T:
        """Carry an effect out, unless the process that wants it is dead, or dies of it."""
        if process is None:
            return act()
        if not process.alive:
            process.refused += 1
            raise Killed
        number = len(self.effects)
        self.effects.append(Effect(process.name, what, is_request))
        process.engine.attention = True
        self.strike(process, number, BEFORE)
        result = act()
        try:
            self.strike(process, number, AFTER)
        except AnswerLostError:
            if is_request:
                raise
            # Airflow's supervisor sends the message again, and is told that it has arrived.
        return result

    def strike(self, process: Process, number: int, phase: str) -> None:
        """Do what is planned for this point, if anything is."""
        strike = self.plan.get((number, phase))
        if strike is not None:
            strike(process)
