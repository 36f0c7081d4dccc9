# SPDX-License-Identifier: Apache-2.0
"""Strict reading: what nobody asked for, by name and type, is an error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_azureml.errors import ConfigurationError
from airflow_provider_azureml.spec.field import Fields, compact, kind_of, suggestion
from tests.unit.spec.definition import fields

Read = Callable[[Fields], Any]


@pytest.mark.parametrize(
    "read, value, expected",
    [
        (lambda f: f.text("x"), "a", "a"),
        (lambda f: f.text("x"), None, None),
        (lambda f: f.required_text("x"), "a", "a"),
        (lambda f: f.integer("x"), 3, 3),
        (lambda f: f.integer("x", minimum=0), 0, 0),
        (lambda f: f.choice("x", {"a": 1}), "A", 1),
        (lambda f: f.texts("x"), {"a": 1, "b": True}, {"a": "1", "b": "True"}),
        (lambda f: f.texts("x"), None, {}),
        (lambda f: f.scalar("x"), 1.5, "1.5"),
        (lambda f: f.text_list("x"), ["a"], ["a"]),
        (lambda f: f.nested("x", lambda inner: inner.text("y")), {"y": "z"}, "z"),
        (lambda f: f.nested("x", lambda inner: inner.text("y")), None, None),
    ],
)
def test_a_value_of_the_wished_type_is_read(read: Read, value: Any, expected: Any) -> None:
    assert read(fields(x=value)) == expected


@pytest.mark.parametrize(
    "read, value, words",
    [
        (lambda f: f.text("x"), 1.10, "is float. Write text, in quotes"),
        (lambda f: f.text("x"), True, "is true/false"),
        (lambda f: f.required_text("x"), None, "is missing. Add it"),
        (lambda f: f.required_text("x"), " ", "is missing"),
        (lambda f: f.integer("x"), True, "is true/false. Write a whole number"),
        (lambda f: f.integer("x"), 0, "is 0. Write a whole number from 1 on"),
        (
            lambda f: f.choice("x", {"spot": 1}),
            "spt",
            "'spt' is unknown. Choose one of: spot. Did you mean 'spot'?",
        ),
        (lambda f: f.texts("x"), {"a": [1]}, "field 'a': is list"),
        (lambda f: f.texts("x"), ["a"], "is list. Write a mapping"),
        (lambda f: f.scalar("x"), None, "is empty"),
        (lambda f: f.text_list("x"), "a", "is text. Write a list"),
        (lambda f: f.text_list("x"), ["a", 1], "not text"),
        (lambda f: f.text_list("x"), ["a", "a"], "twice"),
        (lambda f: f.nested("x", lambda inner: inner.text("y")), {"z": 1}, "field 'z': is unknown"),
    ],
)
def test_another_type_is_an_error_that_says_what_to_write(read: Read, value: Any, words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(fields(x=value))
    assert words in str(caught.value)
    assert "'x'" in str(caught.value) or ": x" in str(caught.value)


def test_a_field_that_nobody_asked_for_is_an_error() -> None:
    given = fields(image="i", imge="j")
    given.text("image")
    with pytest.raises(ConfigurationError, match=r"field 'imge': is unknown. Did you mean 'image'"):
        given.close()


def test_a_field_unlike_every_other_gets_the_list_of_the_known() -> None:
    given = fields(colour="blue")
    given.ignore("image", "$schema")
    with pytest.raises(ConfigurationError, match=r"Remove it. Known here: \$schema, image."):
        given.close()


def test_what_was_asked_for_or_ignored_is_no_error() -> None:
    given = fields(a="x", b="y")
    given.text("a")
    given.ignore("b")
    given.close()


def test_a_known_field_that_cannot_be_honoured_says_why() -> None:
    with pytest.raises(ConfigurationError, match=r"field 'build': is not supported. Use image"):
        fields(build={}).refuse({"build": ("is not supported.", "Use image.")})
    given = fields(build=None)
    given.refuse({"build": ("is not supported.", "Use image.")})
    given.close()


def test_a_missing_field_with_a_near_name_is_pointed_to() -> None:
    with pytest.raises(ConfigurationError, match="Is 'comand' meant for it"):
        fields(comand="x").required_text("command")


def test_names_of_fields_are_text() -> None:
    with pytest.raises(ConfigurationError, match=r"3 is not text. Put it in quotes"):
        Fields("job", {3: "x"})
    with pytest.raises(ConfigurationError, match=r"is list. Write a mapping"):
        Fields("job", ["x"])


def test_a_far_word_suggests_nothing() -> None:
    assert suggestion("colour", ["image"]) == ""
    assert suggestion("imag", ["image"]) == " Did you mean 'image'?"


def test_types_have_the_names_of_yaml() -> None:
    values = [{}, [], "", True, 1, 1.5, None]
    assert [kind_of(value) for value in values] == [
        *("mapping", "list", "text", "true/false", "whole number", "float", "empty")
    ]


def test_compact_drops_what_is_absent_and_nothing_else() -> None:
    assert compact({"a": None, "b": 0, "c": "", "d": False}) == {"b": 0, "c": "", "d": False}
