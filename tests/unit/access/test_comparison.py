# SPDX-License-Identifier: Apache-2.0
"""Every operator of the documentation ("Azure role assignment condition format and syntax")."""

from __future__ import annotations

import pytest

from airflow_provider_azureml.access.comparison import Truth, Uncomparable, compare, is_operator

GUID = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
CASES: list[tuple[tuple[str, ...], str, tuple[str, ...], Truth]] = [
    (("Cascade",), "StringEquals", ("Cascade",), True),
    (("cascade",), "StringEquals", ("Cascade",), False),
    (("cascade",), "StringEqualsIgnoreCase", ("Cascade",), True),
    (("Baker",), "StringNotEquals", ("Cascade",), True),
    (("CASCADE",), "StringNotEqualsIgnoreCase", ("Cascade",), False),
    (("readonly/x",), "StringStartsWith", ("readonly/",), True),
    (("Readonly/x",), "StringStartsWith", ("readonly/",), False),
    (("Readonly/x",), "StringStartsWithIgnoreCase", ("readonly/",), True),
    (("other/x",), "StringNotStartsWith", ("readonly/",), True),
    (("readonly/a/b",), "StringLike", ("readonly/*",), True),
    (("abcd",), "StringLike", ("a*c?",), True),
    (("abcd",), "StringLike", ("A*C?",), False),
    (("abcd",), "StringLike", ("a*c",), False),
    (("abcd",), "StringLikeIgnoreCase", ("A*C?",), True),
    (("a*c",), "StringLike", (r"a\*c",), True),
    (("abc",), "StringLike", (r"a\*c",), False),
    (("a.c",), "StringLike", ("a.c",), True),
    (("abc",), "StringLike", ("a.c",), False),
    (("abc",), "StringNotLike", ("x*",), True),
    (("true",), "BoolEquals", ("True",), True),
    (("false",), "BoolNotEquals", ("true",), True),
    (("10",), "NumericEquals", ("10",), True),
    (("10",), "NumericNotEquals", ("9",), True),
    (("10",), "NumericLessThan", ("9",), False),
    (("9",), "NumericLessThan", ("10",), True),
    (("9",), "NumericLessThanEquals", ("9",), True),
    (("9",), "NumericGreaterThan", ("9",), False),
    (("9",), "NumericGreaterThanEquals", ("9",), True),
    (("2022-06-01T23:38:32.8883645Z",), "DateTimeEquals", ("2022-06-01T23:38:32.8883645Z",), True),
    (("2022-06-01T23:38:32.8883646Z",), "DateTimeEquals", ("2022-06-01T23:38:32.8883645Z",), False),
    (("2022-05-31T00:00:00.0Z",), "DateTimeLessThan", ("2022-06-01T00:00:00.0Z",), True),
    (("2022-06-01T00:00:00.0000001Z",), "DateTimeGreaterThan", ("2022-06-01T00:00:00.0Z",), True),
    ((GUID.upper(),), "GuidEquals", (GUID,), True),
    ((f"/providers/Microsoft.Authorization/roleDefinitions/{GUID}",), "GuidEquals", (GUID,), True),
    ((GUID,), "GuidNotEquals", (GUID,), False),
    (("red", "blue"), "ForAnyOfAnyValues:StringEquals", ("blue", "green"), True),
    (("red", "blue"), "ForAnyOfAnyValues:StringEquals", ("orange", "green"), False),
    (("red", "blue"), "ForAllOfAnyValues:StringEquals", ("orange", "red", "blue"), True),
    (("red", "blue"), "ForAllOfAnyValues:StringEquals", ("red", "green"), False),
    (("10", "20"), "ForAnyOfAllValues:NumericLessThan", ("15", "18"), True),
    (("10", "20"), "ForAllOfAllValues:NumericLessThan", ("5", "15", "18"), False),
    (("10", "20"), "ForAllOfAllValues:NumericLessThan", ("25", "30"), True),
    (("10", "20"), "ForAllOfAllValues:NumericLessThan", ("15", "25", "30"), False),
    ((), "StringEquals", ("a",), False),
    ((), "StringNotEquals", ("a",), None),
    ((), "ForAllOfAnyValues:StringEquals", ("a",), None),
    ((), "ForAnyOfAnyValues:StringEquals", ("a",), False),
]


@pytest.mark.parametrize("left, operator, right, truth", CASES)
def test_a_comparison_is_what_the_documentation_says(
    left: tuple[str, ...], operator: str, right: tuple[str, ...], truth: Truth
) -> None:
    assert compare(operator, left, right) is truth


@pytest.mark.parametrize(
    "left, operator, right",
    [
        (("x",), "NumericEquals", ("1",)),
        (("x",), "GuidEquals", (GUID,)),
        (("yes",), "BoolEquals", ("true",)),
        (("yesterday",), "DateTimeEquals", ("2022-06-01",)),
        (("2022-13-01",), "DateTimeEquals", ("2022-06-01",)),
        (("a", "b"), "StringEquals", ("a",)),
        (("a",), "Foo", ("a",)),
    ],
)
def test_what_cannot_be_compared_is_said(
    left: tuple[str, ...], operator: str, right: tuple[str, ...]
) -> None:
    with pytest.raises(Uncomparable):
        compare(operator, left, right)


def test_a_value_that_is_not_known_makes_no_answer() -> None:
    assert compare("StringEquals", None, ("a",)) is None
    assert compare("StringEquals", ("a",), None) is None


@pytest.mark.parametrize(
    "word", ["StringLessThan", "GuidLike", "BoolEqualsIgnoreCase", "AND", "NumericNotLessThan", "ForAnyOf"]
)
def test_a_word_that_is_no_operator_is_none(word: str) -> None:
    assert not is_operator(word)
