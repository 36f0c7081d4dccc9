# SPDX-License-Identifier: Apache-2.0
"""Azure's documented examples: our evaluator and the sandbox's enforcement both say what the documentation says.

The examples and their sources are data: ``documented.yaml``.
"""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from airflow_provider_azureml.access.condition import ATTRIBUTES, SUBOPERATION
from airflow_provider_azureml.access.evaluate import EVERYONE, Deny, Grant, Need, Permission, evaluate
from airflow_provider_azureml.access.roles import ROLES
from azure_sandbox.testing import rights

ME, TEAM, COMPANY = (f"{digit * 8}-1111-1111-1111-111111111111" for digit in "123")
WHO = {"me": ME, "team": TEAM, "company": COMPANY, "everyone": EVERYONE}
SUBSCRIPTION = "/subscriptions/s"
GROUP = f"{SUBSCRIPTION}/resourceGroups/g"
RESOURCE = f"{GROUP}/providers/Microsoft.Any/things/t"
C = "Microsoft.Storage/storageAccounts/blobServices/containers"
SHORT = {
    "B": f"{C}/blobs",
    "C": C,
    "S": "Microsoft.Storage/storageAccounts",
    "RA": "Microsoft.Authorization/roleAssignments",
}
_START = re.compile(r"(?<=['\[])(B|C|S|RA)(?=[/:\]&])|^(B|C|S|RA)(?=/)")
_NAMED = re.compile(r"@\w+\[[^\]]*\]")


class Case(NamedTuple):
    """One line of the file."""

    example: dict[str, Any]
    action: str
    attributes: dict[str, Any]
    is_allowed: bool
    is_data: bool

    def __str__(self) -> str:
        return f"{self.example['example']}: {self.action} {'allowed' if self.is_allowed else 'refused'}"


def full(text: str) -> str:
    """The text with Azure's long names for the short ones."""
    return _START.sub(lambda found: SHORT[found[0]], text)


def cases() -> Iterator[Case]:
    text = (Path(__file__).parent / "documented.yaml").read_text(encoding="utf8")
    for example in yaml.safe_load(text):
        for action, attributes, is_allowed, *plane in example["cases"]:
            named = {full(ATTRIBUTES.get(name, name)): value for name, value in attributes.items()}
            yield Case(example, full(action), named, is_allowed, not plane and "/blobs" in full(action))


CASES = list(cases())


def permissions(example: dict[str, Any]) -> tuple[Permission, ...]:
    if "role" in example:
        return ROLES[example["role"]].permissions
    return (Permission(tuple(example["actions"]), tuple(example.get("not_actions", ()))),)


def entries(found: tuple[Permission, ...]) -> list[dict[str, tuple[str, ...]]]:
    return [
        {
            "actions": each.actions,
            "notActions": each.not_actions,
            "dataActions": each.data_actions,
            "notDataActions": each.not_data_actions,
        }
        for each in found
    ]


def held(example: dict[str, Any]) -> list[tuple[tuple[Permission, ...], str, str, str]]:
    """(permissions, scope, condition, holder) of the example's assignments."""
    scope = GROUP if example.get("at") == "group" else SUBSCRIPTION
    holder = WHO[example["through"][-1]] if "through" in example else ME
    found = [(permissions(example), scope, full(example.get("condition", "")), holder)]
    if "besides" in example:
        found.append((permissions(example["besides"]), SUBSCRIPTION, "", ME))
    return found


KNOWN_TO_BOTH = [
    case for case in CASES if not re.search("@(Environment|Principal)", case.example.get("condition", ""))
]
"""The sandbox has no private links and no custom security attributes, and says so when such a condition is made."""


def test_there_are_enough_of_them_and_each_has_its_source(capsys: pytest.CaptureFixture[str]) -> None:
    examples = {case.example["example"] for case in CASES}
    told = f"{len(CASES)} documented cases of {len(examples)} examples, {len(KNOWN_TO_BOTH)} of them for both"
    with capsys.disabled():
        sys.stdout.write(f"\n{told}\n")
    assert len(KNOWN_TO_BOTH) >= 60
    assert all(case.example["page"] and case.example["example"] for case in CASES)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_evaluator_says_what_the_documentation_says(case: Case) -> None:
    grants = [
        Grant(str(number), holder, "", "the role", scope, entry, condition)
        for number, (entry, scope, condition, holder) in enumerate(held(case.example))
    ]
    absent = dict.fromkeys(
        _NAMED.findall(case.example.get("condition", "").replace("<$key_case_sensitive$>", ""))
    )
    known = {full(name): value for name, value in absent.items()} | {SUBOPERATION: ""} | case.attributes
    need = Need(case.action, RESOURCE, case.is_data, {k: _plain(v) for k, v in known.items()})
    through = [WHO[name] for name in case.example.get("through", ())]
    decision = evaluate(need, grants, denies(case.example), [ME, *through])
    assert decision.verdict == ("ALLOWED" if case.is_allowed else "DENIED"), decision.reason


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _typed(name: str, value: Any) -> tuple[str, Any]:
    """As the sandbox knows attributes: truth values are no text, keys of tags say that their case counts."""
    spelled = re.sub(r"(/tags:[^<\]]+)\]", r"\1<$key_case_sensitive$>]", name)
    return spelled, {"true": True, "false": False}.get(str(value), _plain(value))


def denies(example: dict[str, Any]) -> list[Deny]:
    told = example.get("deny")
    if not told:
        return []
    named, spared = (
        frozenset(WHO[name] for name in told.get(part, ())) for part in ("principals", "excluded")
    )
    entry = (Permission(tuple(told["actions"])),)
    return [Deny("d", "the deny", SUBSCRIPTION, entry, named, spared, told.get("for_children", True))]


@pytest.mark.parametrize("case", KNOWN_TO_BOTH, ids=str)
def test_the_sandbox_does_what_the_documentation_says(case: Case) -> None:
    example = case.example
    with rights() as made:
        members = [ME, *(WHO[name] for name in example.get("through", ()))]
        for member, group in itertools.pairwise(members):
            made.group(member, identifier=group)
        for found, scope, condition, holder in held(example):
            made.assign(holder, made.role(*entries(found)), scope, condition)
        for deny in denies(example):
            made.deny(
                deny.scope,
                *entries(deny.permissions),
                principals=tuple(deny.principals),
                excluded=tuple(deny.excluded),
                only_at_scope=not deny.is_for_children,
            )
        given = dict(_typed(*item) for item in case.attributes.items() if item[1] is not None)
        given.pop(SUBOPERATION, None)
        asked = {"attributes": given, "sub_operation": case.attributes.get(SUBOPERATION) or ""}
        assert made.allowed(ME, case.action, RESOURCE, data=case.is_data, **asked) is case.is_allowed
