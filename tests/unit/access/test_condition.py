# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from airflow_provider_azureml.access.comparison import Truth, Value
from airflow_provider_azureml.access.condition import Asked, ConditionError, key, known, parse

BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
READ, WRITE = f"{BLOBS}/read", f"{BLOBS}/write"
NAME = "@Resource[Microsoft.Storage/storageAccounts/blobServices/containers:name]"
PATH = f"@Resource[{BLOBS}:path]"
UNDER = f"""
(
 (
  !(ActionMatches{{'{READ}'}} AND NOT SubOperationMatches{{'Blob.List'}})
 )
 OR
 (
  {NAME} StringEquals 'c'
  AND
  {PATH} StringStartsWith 'p/'
 )
)
"""


def ask(text: str, action: str = READ, **attributes: Value) -> Truth:
    return parse(text)(Asked(action, known(attributes)))


@pytest.mark.parametrize(
    "action, attributes, truth",
    [
        (WRITE, {}, True),
        (READ, {"suboperation": "Blob.List"}, True),
        (READ, {"suboperation": "", "container": "c", "path": "p/x"}, True),
        (READ, {"container": "c", "path": "p/x"}, True),
        (READ, {"suboperation": "", "container": "c", "path": "q/x"}, False),
        (READ, {"suboperation": "", "container": "d"}, False),
        (READ, {"suboperation": "", "container": "c"}, None),
        (READ, {"container": "c", "path": "q/x"}, None),
        (READ, {}, None),
        (READ, {"suboperation": "", "container": "c", "path": None}, False),
    ],
)
def test_a_condition_says_true_false_or_that_it_depends(
    action: str, attributes: dict[str, Value], truth: Truth
) -> None:
    assert ask(UNDER, action, **attributes) is truth


@pytest.mark.parametrize(
    "text, truth",
    [
        ("ActionMatches{'*/read'} && !ActionMatches{'*/write'}", True),
        ("ActionMatches{'*/write'} || ActionMatches{'*/delete', '*/read'}", True),
        ("NOT (ActionMatches{'*/read'})", False),
        ("actionmatches{'*/read'} and not actionmatches{'*/write'}", True),
        ("{'red', 'blue'} ForAnyOfAnyValues:StringEquals {'blue', 'green'}", True),
        ("{10, 20} ForAllOfAllValues:NumericLessThan {25, 30}", True),
        ("Resource[name1] StringLike 'A*C?'", None),
        ("ActionMatches{'*/read'} OR Resource[name1] StringLike 'A*C?'", True),
        ("ActionMatches{'*/write'} AND Resource[name1] StringLike 'A*C?'", False),
        ("Resource[name1] NumericEquals 'one'", None),
        (f"{NAME} StringEquals {NAME}", None),
    ],
)
def test_each_form_of_the_language_is_read(text: str, truth: Truth) -> None:
    assert ask(text) is truth


def test_an_attribute_that_is_not_there_is_not_one_that_is_unknown() -> None:
    text = f"Exists @Request[{BLOBS}:snapshot]"
    name = f"@Request[{BLOBS}:snapshot]"
    assert ask(text) is None
    assert ask(text, **{name: None}) is False
    assert ask(text, **{name: "2022"}) is True
    assert ask(f"NOT {text}", **{name: None}) is True


def test_the_key_of_a_tag_counts_its_case_and_nothing_else_does() -> None:
    text = f"@Resource[{BLOBS}/tags:Project<$key_case_sensitive$>] StringEquals 'Cascade'"
    assert (
        ask(text, **{f"@Resource[{BLOBS.upper()}/tags:Project]".replace("TAGS", "tags"): "Cascade"}) is True
    )
    assert ask(text, **{f"@Resource[{BLOBS}/tags:project]": "Cascade"}) is None
    assert key(NAME.upper()) == key(NAME) == key("container")


def test_the_old_spelling_of_a_suboperation_is_read() -> None:
    text = "@Request[subOperation] ForAnyOfAnyValues:StringEqualsIgnoreCase {'blob.list'}"
    assert ask(text, suboperation="Blob.List") is True


def test_an_attribute_may_stand_on_the_right() -> None:
    text = f"@Principal[Microsoft.Directory/CustomSecurityAttributes/Id:E_Project] StringEquals {PATH}"
    principal = "@Principal[Microsoft.Directory/CustomSecurityAttributes/Id:E_Project]"
    assert ask(text, path="a", **{principal: "a"}) is True
    assert ask(text, path="a", **{principal: ("a", "b")}) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "()",
        "ActionMatches",
        "ActionMatches{}",
        "ActionMatches{'a'",
        "ActionMatches{'a'} ActionMatches{'b'}",
        "ActionMatches{'a'} AND ActionMatches{'b'} OR ActionMatches{'c'}",
        f"{NAME} StringMatches 'x'",
        f"{NAME} StringEquals",
        f"{NAME} StringEquals AND",
        f"{NAME} StringEquals 'x",
        f"{NAME}",
        "Exists 'x'",
        "(" * 60 + "ActionMatches{'a'}" + ")" * 60,
        "NOT " * 5000 + "ActionMatches{'a'}",
        "§",
    ],
)
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(ConditionError):
        parse(text)
