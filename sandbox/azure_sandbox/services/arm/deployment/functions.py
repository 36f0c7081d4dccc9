# SPDX-License-Identifier: Apache-2.0
"""Functions of templates that need nothing but their arguments.

Source: "Template functions in ARM templates" (template-functions.md) and the pages of each kind. ``guid`` is
a version 5 UUID, as "String functions for Bicep" says: the arguments, joined by hyphens, in a namespace of ARM's.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from azure_sandbox.services.arm.deployment.expression import Later, TemplateError

Function = Callable[..., Any]

_GUID_NAMESPACE = uuid.UUID("11fb06fb-712d-4ddd-98c7-e71bbd588830")
#: What ``range`` takes, as documented; and the longest text or list, which is all that ARM takes at once.
_MOST_NUMBERS = 10_000
_LONGEST = 4 << 20
_HOLE = re.compile(r"\{\{|\}\}|\{(\d+)\}")


def call(name: str, arguments: Sequence[Any]) -> Any:
    """The value of a function.

    :raises TemplateError: for a function that there is not, or arguments that it does not take
    """
    function = _FUNCTIONS.get(name)
    if function is None:
        raise TemplateError(f"The template function '{name}' is not valid.")
    if any(isinstance(argument, Later) for argument in arguments):
        return Later("later")
    try:
        return _bounded(function(*arguments))
    except (TypeError, ValueError, AttributeError, IndexError, KeyError) as error:
        if isinstance(error, TemplateError):
            raise
        raise TemplateError(
            f"Unable to evaluate template language function '{name}': its arguments are not valid."
        ) from None


def _bounded(value: Any) -> Any:
    """:raises TemplateError: for a text or list that no template could need"""
    if isinstance(value, (str, list)) and len(value) > _LONGEST:
        raise TemplateError(f"A template language function made more than {_LONGEST} characters or items.")
    return value


def _range(start: int, count: int) -> list[int]:
    if not 0 <= count <= _MOST_NUMBERS:
        raise TemplateError(f"The template function 'range' makes 0 to {_MOST_NUMBERS} numbers.")
    return list(range(start, start + count))


def text(value: Any) -> str:
    """A value as texts are put together from it."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value)
    return json.dumps(value, separators=(",", ":")) if isinstance(value, (dict, list)) else str(value)


def _concat(*parts: Any) -> Any:
    if parts and all(isinstance(part, list) for part in parts):
        return [item for part in parts for item in part]
    return "".join(map(text, parts))


def _format(pattern: str, *values: Any) -> str:
    def fill(hole: re.Match[str]) -> str:
        number = hole.group(1)
        return hole.group()[0] if number is None else text(values[int(number)])

    return _HOLE.sub(fill, pattern)


def _guid(*parts: Any) -> str:
    return str(uuid.uuid5(_GUID_NAMESPACE, "-".join(map(text, parts))))


def _unique_string(*parts: Any) -> str:
    """13 letters and digits; how ARM makes them is not published."""
    digest = hashlib.sha256("-".join(map(text, parts)).encode()).digest()
    return base64.b32encode(digest).decode().lower()[:13]


def _contains(whole: Any, part: Any) -> bool:
    if isinstance(whole, dict):
        return any(name.lower() == str(part).lower() for name in whole)
    return part in whole


def _union(*parts: Any) -> Any:
    if isinstance(parts[0], dict):
        merged: dict[str, Any] = {}
        for part in parts:
            merged.update(part)
        return merged
    found: list[Any] = []
    for part in parts:
        found += [item for item in part if item not in found]
    return found


def _create_object(*parts: Any) -> dict[str, Any]:
    if len(parts) % 2:
        raise TemplateError("The template function 'createObject' takes names and values in pairs.")
    return dict(zip(parts[::2], parts[1::2], strict=True))


def _substring(whole: str, start: int, length: int | None = None) -> str:
    return whole[start:] if length is None else whole[start : start + length]


def _coalesce(*parts: Any) -> Any:
    return next((part for part in parts if part is not None), None)


def _equals(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)


def _logical(value: Any) -> bool:
    if isinstance(value, str):
        return value.lower() == "true"
    return bool(value)


_FUNCTIONS: dict[str, Function] = {
    "and": lambda *parts: all(parts),
    "array": lambda one: one if isinstance(one, list) else [one],
    "base64": lambda one: base64.b64encode(one.encode()).decode(),
    "bool": _logical,
    "coalesce": _coalesce,
    "concat": _concat,
    "contains": _contains,
    "createarray": lambda *parts: list(parts),
    "createobject": _create_object,
    "empty": lambda one: one is None or len(one) == 0,
    "endswith": lambda whole, part: whole.lower().endswith(part.lower()),
    "equals": _equals,
    "false": lambda: False,
    "first": lambda whole: whole[0] if whole else None,
    "format": _format,
    "greater": lambda one, other: one > other,
    "guid": _guid,
    "int": int,
    "join": lambda parts, between: between.join(map(text, parts)),
    "json": json.loads,
    "last": lambda whole: whole[-1] if whole else None,
    "length": len,
    "less": lambda one, other: one < other,
    "not": lambda one: not one,
    "null": lambda: None,
    "or": lambda *parts: any(parts),
    "range": _range,
    "replace": lambda whole, old, new: whole.replace(old, new),
    "skip": lambda whole, count: whole[count:],
    "split": lambda whole, between: whole.split(between),
    "startswith": lambda whole, part: whole.lower().startswith(part.lower()),
    "string": text,
    "substring": _substring,
    "take": lambda whole, count: whole[:count],
    "tolower": lambda one: one.lower(),
    "toupper": lambda one: one.upper(),
    "trim": lambda one: one.strip(),
    "true": lambda: True,
    "union": _union,
    "uniquestring": _unique_string,
}
