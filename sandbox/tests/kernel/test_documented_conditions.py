# SPDX-License-Identifier: Apache-2.0
"""Every condition of Azure's documentation decides as its text says."""

from __future__ import annotations

import sys
import uuid

import pytest

from azure_sandbox.kernel.condition_parser import InvalidCondition, parse
from azure_sandbox.rights import Rights
from azure_sandbox.testing import rights
from sandbox.tests.kernel.documented_conditions import EXAMPLES, READ_A_BLOB, REFUSED, Example, guarded

SCOPE = "/subscriptions/s/resourceGroups/g"


def outcome(made: Rights, example: Example, condition: str) -> list[bool]:
    """What each request is answered by a role with the condition."""
    principal = str(uuid.uuid4())
    made.assign(principal, made.role(example.role), SCOPE, condition)
    return [
        made.allowed(
            principal,
            asked.action,
            f"{SCOPE}/providers/x",
            data="/blobs/" in asked.action,
            attributes=asked.attributes,
            sub_operation=asked.sub_operation,
        )
        for asked in example.requests
    ]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.source)
def test_a_documented_condition_decides_as_its_text_says(example: Example) -> None:
    with rights() as made:
        expected = [asked.allowed for asked in example.requests]
        assert outcome(made, example, example.condition) == expected
        # The same on one line, as the documentation has it for PowerShell.
        assert outcome(made, example, " ".join(example.condition.split())) == expected


def test_every_example_has_a_request_on_either_side() -> None:
    assert len(EXAMPLES) >= 25
    for example in EXAMPLES:
        assert {asked.allowed for asked in example.requests} == {True, False}, example.source
    sys.stdout.write(
        f"{len(EXAMPLES)} documented conditions, {sum(len(e.requests) for e in EXAMPLES)} requests" + "\n"
    )


@pytest.mark.parametrize("source, expression, word", REFUSED, ids=[source for source, _, _ in REFUSED])
def test_attributes_that_this_cloud_cannot_know_are_refused(source: str, expression: str, word: str) -> None:
    with pytest.raises(InvalidCondition, match=word):
        parse(guarded([READ_A_BLOB], expression))
