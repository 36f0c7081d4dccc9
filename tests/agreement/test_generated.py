# SPDX-License-Identifier: Apache-2.0
"""10,000 questions: what our evaluator says, the sandbox's enforcement does.

Two readings of Azure's documentation, by two people, that share no line. UNKNOWN and CONDITIONAL promise
nothing; so that they are no way out, they have to be rare where everything is known.
"""

from __future__ import annotations

import sys
from collections import Counter

import pytest

from airflow_provider_azureml.access.evaluate import EVERYONE, Deny, Grant, Need, Permission, evaluate
from azure_sandbox.rights import Rights
from azure_sandbox.testing import rights
from tests.agreement.generated import ATTRIBUTES, Question, World, worlds

SEED, WORLDS, QUESTIONS = 20261127, 500, 20


def entry(given: dict[str, tuple[str, ...]]) -> Permission:
    return Permission(
        *(given.get(part, ()) for part in ("actions", "notActions", "dataActions", "notDataActions"))
    )


def build(made: Rights, world: World) -> None:
    """The world, in the sandbox."""
    for group, members in world.groups.items():
        made.group(*members, identifier=group)
    roles = [made.role(*entries) for entries in world.roles]
    for holder, role, scope, condition in world.assignments:
        made.assign(holder, roles[role], scope, condition)
    for told in world.denies:
        named = {"principals": told["principals"]} if told["principals"] else {}
        rest = {part: told[part] for part in ("excluded", "only_at_scope", "condition")}
        made.deny(told["scope"], told["entry"], **named, **rest)


def judged(world: World, question: Question) -> str:
    """What the evaluator says."""
    mine = {question.who, *world.groups_of(question.who)}
    grants = [
        Grant(str(number), holder, "", f"role {role}", scope, tuple(map(entry, world.roles[role])), condition)
        for number, (holder, role, scope, condition) in enumerate(world.assignments)
        if holder in mine
    ]
    denies = [
        Deny(
            str(number),
            f"deny {number}",
            told["scope"],
            (entry(told["entry"]),),
            frozenset(told["principals"] or (EVERYONE,)),
            frozenset(told["excluded"]),
            not told["only_at_scope"],
            told["condition"],
        )
        for number, told in enumerate(world.denies)
    ]
    attributes = {**question.known, "suboperation": question.suboperation}
    need = Need(question.action, question.scope, question.data, attributes)
    return evaluate(need, grants, denies, mine).verdict


def done(made: Rights, question: Question) -> bool:
    """What the sandbox does."""
    return made.allowed(
        question.who,
        question.action,
        question.scope,
        data=question.data,
        attributes=question.attributes,
        sub_operation=question.suboperation,
    )


def test_ten_thousand_questions_have_one_answer(capsys: pytest.CaptureFixture[str]) -> None:
    told: Counter[tuple[str, bool, bool]] = Counter()
    contradictions = []
    with rights() as made:
        for world, questions in worlds(SEED, WORLDS, QUESTIONS):
            made.clear()
            build(made, world)
            for question in questions:
                verdict, is_done = judged(world, question), done(made, question)
                told[verdict, is_done, len(question.known) == len(ATTRIBUTES)] += 1
                if (verdict, is_done) in (("ALLOWED", False), ("DENIED", True)):
                    contradictions.append((world, question, verdict))
    with capsys.disabled():
        sys.stdout.write(_table(told))
    assert contradictions == []
    assert sum(told.values()) == WORLDS * QUESTIONS
    for verdict, fewest in (("ALLOWED", 3000), ("DENIED", 3000), ("CONDITIONAL", 25), ("UNKNOWN", 5)):
        assert _sum(told, verdict) >= fewest
    for is_done in (True, False):  # a conditional verdict is not a refusal in disguise
        assert sum(told["CONDITIONAL", is_done, known] for known in (True, False)) >= 10
    open_ = sum(
        told[verdict, is_done, True] for verdict in ("CONDITIONAL", "UNKNOWN") for is_done in (True, False)
    )
    assert open_ <= 0.01 * WORLDS * QUESTIONS


def _sum(told: Counter[tuple[str, bool, bool]], verdict: str) -> int:
    return sum(count for key, count in told.items() if key[0] == verdict)


def _table(told: Counter[tuple[str, bool, bool]]) -> str:
    lines = ["", f"{'VERDICT':<12}{'CASES':>7}  {'DONE':>6}  {'REFUSED':>7}  of these, all attributes known"]
    for verdict in ("ALLOWED", "DENIED", "CONDITIONAL", "UNKNOWN"):
        counts = {done: sum(told[verdict, done, known] for known in (True, False)) for done in (True, False)}
        known = sum(told[verdict, done, True] for done in (True, False))
        lines.append(
            f"{verdict:<12}{_sum(told, verdict):>7}  {counts[True]:>6}  {counts[False]:>7}  {known:>6}"
        )
    return "\n".join([*lines, ""])


def test_the_same_seed_asks_the_same_questions() -> None:
    first, second = ([*worlds(1, 3, 5)] for _ in range(2))
    assert first == second
