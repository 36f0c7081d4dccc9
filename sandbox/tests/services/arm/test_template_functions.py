# SPDX-License-Identifier: Apache-2.0
"""Functions of ARM templates, by the examples of their documentation (template-functions-*.md)."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from azure_sandbox.services.arm.deployment.expression import TemplateError, escaped, evaluated
from azure_sandbox.services.arm.deployment.scope import Evaluation, Place

S = "/subscriptions/00000000-0000-0000-0000-000000000000"
GROUP = {"id": f"{S}/resourceGroups/rg", "name": "rg", "location": "eastus"}
PLACE = Place(
    "d",
    f"{S}/resourceGroups/rg",
    {"id": S, "subscriptionId": S.rpartition("/")[2]},
    GROUP,
    {"tenantId": "t"},
    {"name": "AzureCloud"},
    "eastus",
)


def value(expression: str, **parameters: Any) -> Any:
    context = Evaluation(PLACE, parameters, {"v": "[concat('a', parameters('p'))]"})
    return evaluated(f"[{expression}]", context)


@pytest.mark.parametrize(
    "expression, expected",
    [
        ("concat('prefix-', 'a')", "prefix-a"),
        ("concat(createArray('1-1'), createArray('2-1'))", ["1-1", "2-1"]),
        (
            "format('{0}, {1}. Formatted number: {2}', 'Hello', 'User', 8175)",
            "Hello, User. Formatted number: 8175",
        ),
        ("format('{{{0}}}', 'x')", "{x}"),
        ("toLower('ABC')", "abc"),
        ("substring('one two three', 4, 3)", "two"),
        ("split('one,two', ',')[1]", "two"),
        ("last(split('/a/b', '/'))", "b"),
        ("replace('123-123', '-', '')", "123123"),
        ("if(equals('a', 'a'), 'yes', parameters('missing'))", "yes"),
        ("if(not(true()), json('{'), 1)", 1),
        ("equals('a', 'A')", False),
        ("equals(1, true())", False),
        ("and(true(), bool('true'), or(false(), true()))", True),
        ("contains(createObject('one', 1), 'ONE')", True),
        ("contains('OneTwo', 'eT')", True),
        ("coalesce(null(), 'x')", "x"),
        ("union(createObject('a', 1), createObject('b', 2))", {"a": 1, "b": 2}),
        ("length('abcd')", 4),
        ("empty('')", True),
        ("first('One')", "O"),
        ('json(\'{"a": [1, {"b": true}]}\').a[1].B', True),
        ("string(createArray(1, 'a'))", '[1,"a"]'),
        ("base64('one, two')", "b25lLCB0d28="),
        ("'it''s'", "it's"),
        ("join(createArray('a', 'b'), '-')", "a-b"),
        ("range(5, 3)", [5, 6, 7]),
        ("variables('v')", "ap"),
        ("parameters('P')", "p"),
        ("resourceGroup().location", "eastus"),
        ("subscription().subscriptionId", S.rpartition("/")[2]),
        ("tenant().tenantId", "t"),
        ("environment().name", "AzureCloud"),
        ("deployment().name", "d"),
        (
            "resourceId('Microsoft.Storage/storageAccounts', 'lake')",
            f"{S}/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/lake",
        ),
        ("resourceId('other', 'M.S/a/b', 'x', 'y')", f"{S}/resourceGroups/other/providers/M.S/a/x/b/y"),
        (
            "resourceId('1111', 'other', 'M.S/a', 'x')",
            "/subscriptions/1111/resourceGroups/other/providers/M.S/a/x",
        ),
        ("subscriptionResourceId('M.A/roleDefinitions', 'r')", f"{S}/providers/M.A/roleDefinitions/r"),
        ("tenantResourceId('M.A/roleDefinitions', 'r')", "/providers/M.A/roleDefinitions/r"),
        (
            "extensionResourceId(resourceGroup().id, 'M.A/locks', 'l')",
            f"{S}/resourceGroups/rg/providers/M.A/locks/l",
        ),
    ],
)
def test_a_function_gives_what_is_documented(expression: str, expected: Any) -> None:
    found = value(expression, p="p")
    assert found == expected
    assert type(found) is type(expected)


def test_guid_is_what_bicep_documents() -> None:
    # "String functions for Bicep": version 5, in this namespace, of the arguments joined by hyphens.
    namespace = uuid.UUID("11fb06fb-712d-4ddd-98c7-e71bbd588830")
    assert value("guid('a', 'b', 'c')") == str(uuid.uuid5(namespace, "a-b-c"))


@pytest.mark.parametrize(
    "expression",
    [
        "concat(",
        "concat('a'",
        "'a",
        "a",
        "1.5",
        "concat('a') concat('b')",
        "split('a')",
        "resourceGroup().size",
        "createArray(1)[4]",
        "createObject('a')",
        "int('x')",
        "range(0, 100000000)",
        "copyIndex()",
        "resourceId('x')",
        "resourceId('M.S/a', 'x', 'y')",
        "if(true())",
        "subscription('x')",
        "(" * 100,
        "concat(" * 100 + ")" * 100,
    ],
)
def test_what_is_no_expression_is_refused(expression: str) -> None:
    with pytest.raises(TemplateError):
        value(expression)


def test_two_brackets_are_text_and_keys_are_evaluated_too() -> None:
    context = Evaluation(PLACE, {}, {})
    content = {"[concat('a', 'b')]": ["[[x]", "[not closed", 1, None, True]}
    found = evaluated(content, context)
    assert found == {"ab": ["[x]", "[not closed", 1, None, True]}
    assert evaluated(escaped(found), context) == found
