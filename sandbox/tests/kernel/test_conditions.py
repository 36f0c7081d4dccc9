# SPDX-License-Identifier: Apache-2.0
"""The language of conditions: what each operator means, and what is no condition."""

from __future__ import annotations

from typing import Any

import pytest

from azure_sandbox.kernel.condition_attributes import key
from azure_sandbox.kernel.condition_parser import LONGEST, InvalidCondition, parse
from azure_sandbox.kernel.conditions import Asked

BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
PATH = f"@Resource[{BLOBS}:path]"
HNS = "@Resource[Microsoft.Storage/storageAccounts:isHnsEnabled]"
ROLE = "@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId]"
VERSION = f"@Request[{BLOBS}:versionId]"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"


def holds(condition: str, action: str = "a/read", sub_operation: str = "", **values: Any) -> bool:
    names = {
        "path": key("resource", f"{BLOBS}:path"),
        "hns": key("resource", "Microsoft.Storage/storageAccounts:isHnsEnabled"),
        "role": key("request", "Microsoft.Authorization/roleAssignments:RoleDefinitionId"),
        "version": key("request", f"{BLOBS}:versionId"),
    }
    attributes = {names[name]: value for name, value in values.items()}
    return parse(condition).holds(Asked(action, attributes, sub_operation))


@pytest.mark.parametrize(
    "condition, expected",
    [
        # conditions-format.md, "Operator examples" and "Cross product comparison operators"
        ("{'red', 'blue'} ForAnyOfAnyValues:StringEquals {'blue', 'green'}", True),
        ("{'red', 'blue'} ForAnyOfAnyValues:StringEquals {'orange', 'green'}", False),
        ("{'red', 'blue'} ForAllOfAnyValues:StringEquals {'orange', 'red', 'blue'}", True),
        ("{'red', 'blue'} ForAllOfAnyValues:StringEquals {'red', 'green'}", False),
        ("{10, 20} ForAnyOfAllValues:NumericLessThan {15, 18}", True),
        ("{10, 20} ForAllOfAllValues:NumericLessThan {5, 15, 18}", False),
        ("{10, 20} ForAllOfAllValues:NumericLessThan {25, 30}", True),
        ("{10, 20} ForAllOfAllValues:NumericLessThan {15, 25, 30}", False),
        ("ActionMatches{'Microsoft.Authorization/roleAssignments/*'}", True),
        ("ActionMatches{'Microsoft.Authorization/roleDefinitions/*'}", False),
        # the rest of each family
        ("1 NumericEquals 1", True),
        ("1 NumericNotEquals 1", False),
        ("-2 NumericGreaterThan -3", True),
        ("2 NumericGreaterThanEquals 3", False),
        ("3 NumericLessThanEquals 3", True),
        ("true BoolNotEquals false", True),
        ("{'Ab'} ForAnyOfAnyValues:StringEqualsIgnoreCase {'aB'}", True),
        ("{'Ab'} ForAnyOfAnyValues:StringNotLikeIgnoreCase {'a*'}", False),
        (f"{READER} GuidEquals '{READER.upper()}'", True),
        (f"{READER} GuidNotEquals {READER}", False),
    ],
)
def test_an_operator_means_what_is_documented(condition: str, expected: bool) -> None:
    assert holds(condition, action="Microsoft.Authorization/roleAssignments/write") is expected


@pytest.mark.parametrize(
    "operator, value, path, expected",
    [
        ("StringLike", "a*c?", "abcd", True),
        ("StringLike", "A*C?", "abcd", False),
        ("StringLike", "a*c", "abcd", False),
        ("StringLikeIgnoreCase", "A*C?", "abcd", True),
        ("StringLike", r"a\*c", "abc", False),
        ("StringLike", r"a\*c", "a*c", True),
        ("StringLike", "a*", "a\nb", True),
        ("StringNotLike", "a*", "b", True),
        ("StringEquals", "a", "A", False),
        ("StringEqualsIgnoreCase", "a", "A", True),
        ("StringNotEquals", "a", "A", True),
        ("StringNotEqualsIgnoreCase", "a", "A", False),
        ("StringStartsWith", "a/", "a/b", True),
        ("StringStartsWithIgnoreCase", "A/", "a/b", True),
        ("StringNotStartsWith", "a/", "a/b", False),
        ("StringNotStartsWithIgnoreCase", "B/", "a/b", True),
        ("stringequals", "it\\'s", "it's", True),
    ],
)
def test_a_text_is_compared(operator: str, value: str, path: str, expected: bool) -> None:
    assert holds(f"{PATH} {operator} '{value}'", path=path) is expected


@pytest.mark.parametrize(
    "operator, expected",
    [("Equals", False), ("NotEquals", True), ("LessThan", True), ("GreaterThanEquals", False)],
)
def test_moments_are_compared_to_a_tenth_of_a_microsecond(operator: str, expected: bool) -> None:
    condition = f"{VERSION} DateTime{operator} '2022-06-01T00:00:00.0000001Z'"
    assert holds(condition, version="2022-06-01T00:00:00.0Z") is expected


@pytest.mark.parametrize("negative", ["StringNotEquals", "StringNotLike", "StringNotStartsWith"])
def test_an_attribute_that_is_not_there_satisfies_no_comparison(negative: str) -> None:
    assert not holds(f"{PATH} {negative} 'a'")
    assert not holds(f"Exists {PATH}")
    assert holds(f"NOT Exists {PATH} OR {PATH} {negative} 'a'")


def test_an_attribute_of_another_kind_satisfies_no_comparison() -> None:
    assert not holds(f"{HNS} BoolEquals true", hns="true")
    assert not holds(f"{ROLE} GuidNotEquals {READER}", role="Reader")


@pytest.mark.parametrize(
    "condition, expected",
    [
        ("!(ActionMatches{'a/read'} && SubOperationMatches{'Blob.List'})", False),
        ("not ActionMatches{'b'} and (SubOperationMatches{'blob.list'} or ActionMatches{'c'})", True),
        ("!!ActionMatches{'a/read'}", True),
        ("ActionMatches{'A/READ'} || ActionMatches{'x'}", True),
        ("@Request[subOperation] ForAnyOfAnyValues:StringEqualsIgnoreCase {'blob.list'}", False),
    ],
)
def test_words_and_signs_of_logic_are_the_same(condition: str, expected: bool) -> None:
    assert holds(condition, sub_operation="Blob.List") is expected


@pytest.mark.parametrize(
    "condition, why",
    [
        ("", "ends where"),
        ("   ", "ends where"),
        (f"{PATH} StringEquals", "ends where a value is expected"),
        (f"{PATH} StringEquals 'a", "Nothing can begin with"),
        (f"({PATH} StringEquals 'a'", "ends where"),
        (f"{PATH} StringEquals 'a')", "where the end is expected"),
        (f"{PATH} Resembles 'a'", "where an operator is expected"),
        (f"{PATH} StringEquals 7", "StringEquals cannot compare 7"),
        (f"{PATH} StringEquals {{'a', 'b'}}", "takes one value, not 2"),
        (f"{PATH} ForAnyOfAnyValues:StringStartsWith {{'a'}}", "where an operator is expected"),
        (f"{PATH} StringEquals {{}}", "where a value is expected"),
        (f"{HNS} BoolEquals 'true'", "BoolEquals cannot compare"),
        (f"{ROLE} GuidEquals 'Reader'", "GuidEquals cannot compare"),
        (f"{VERSION} DateTimeEquals 'yesterday'", "DateTimeEquals cannot compare"),
        (f"{VERSION} DateTimeEquals '2022-13-01T00:00:00Z'", "DateTimeEquals cannot compare"),
        ("1 NumericEquals 1.5", "Nothing can begin with"),
        (f"1 NumericEquals {'9' * 5000}", "Nothing can begin with"),
        ("ActionMatches{a}", "where a value is expected"),
        ("ActionMatches{7}", "where a text in quotes is expected"),
        ("Exists 'a'", "where an attribute"),
        ("a AND b", "where a value is expected"),
        ("1 NumericEquals 1 AND 1 NumericEquals 1 OR 1 NumericEquals 1", "needs parentheses"),
        (
            "@Resource[Microsoft.ServiceBus/namespaces/queues:Name] StringEquals 'a'",
            "Resource attribute Microsoft",
        ),
        (f"@Resource[{BLOBS}/tags:Project<$>] StringEquals 'a'", "is not valid"),
        (f"@Request[{BLOBS}:path] StringEquals 'a'", "Request attribute .* is not valid"),
        ("@Principal[x] StringEquals 'a'", "does not know attributes of @Principal"),
        ("@Environment[isPrivateLink] BoolEquals true", "does not know attributes of @Environment"),
        ("(" * 60 + "1 NumericEquals 1" + ")" * 60, "nested deeper"),
        ("1 NumericEquals 1 " * LONGEST, "more than"),
        ("\u201cActionMatches\u201d", "Nothing can begin with"),
    ],
)
def test_what_is_no_condition_is_told_why(condition: str, why: str) -> None:
    with pytest.raises(InvalidCondition, match=why):
        parse(condition)
