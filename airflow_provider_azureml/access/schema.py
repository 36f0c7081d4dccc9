# SPDX-License-Identifier: Apache-2.0
"""The manifest's JSON schema, and a reader of it that says what to do about a mistake.

It knows the few keywords that `manifest.schema.json` uses, so that there is one description of the file's
shape: for this reader, for editors, and for docs/reference/manifest.md.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

Path = tuple[str | int, ...]
_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": Mapping,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
}
_WORDS = {"object": "a mapping", "array": "a list", "string": "text, in quotes", "boolean": "true or false"}


@dataclass(frozen=True)
class Flaw:
    """One mistake, and where it stands."""

    path: Path
    problem: str
    mend: str


@cache
def manifest_schema() -> Mapping[str, Any]:
    """The schema as it is shipped."""
    loaded: Mapping[str, Any] = json.loads(schema_text())
    return loaded


def schema_text() -> str:
    """The schema's own text."""
    return resources.files(__package__).joinpath("manifest.schema.json").read_text(encoding="utf-8")


def flaws(content: object) -> Iterator[Flaw]:
    """What is wrong with a manifest's shape, in the order of the file; nothing when it is sound."""
    return _flaws(content, manifest_schema(), ())


def resolved(part: Mapping[str, Any]) -> Mapping[str, Any]:
    """A part of the schema with its `$ref` followed; its own words win."""
    name = str(part.get("$ref", "")).removeprefix("#/$defs/")
    return {**manifest_schema()["$defs"][name], **part} if name else part


def _flaws(value: object, part: Mapping[str, Any], path: Path) -> Iterator[Flaw]:
    part = resolved(part)
    wrong = _wrong_type(value, part)
    if wrong:
        yield Flaw(path, wrong, f"Write {_wanted(part)}.")
        return
    yield from _object(value, part, path)
    for keyword, check in _CHECKS.items():
        if keyword in part:
            yield from check(value, part, path)


def _wrong_type(value: object, part: Mapping[str, Any]) -> str:
    names = part.get("type")
    if names is None:
        return ""
    listed = [names] if isinstance(names, str) else names
    if any(isinstance(value, _TYPES[name]) for name in listed):
        return ""
    return "is empty." if value is None else f"is {_kind(value)}."


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "true/false"
    words = {int: "a number", float: "a number", str: "text", list: "a list", dict: "a mapping"}
    return words.get(type(value), type(value).__name__)


def _wanted(part: Mapping[str, Any]) -> str:
    names = part["type"]
    return _WORDS[names if isinstance(names, str) else names[0]]


def _object(value: object, part: Mapping[str, Any], path: Path) -> Iterator[Flaw]:
    if not isinstance(value, Mapping):
        return
    known, other = part.get("properties", {}), part.get("additionalProperties", True)
    for name, inner in value.items():
        if not isinstance(name, str):
            yield Flaw(path, f"The field name {name!r} is not text.", "Put it in quotes.")
        elif name in known:
            yield from _flaws(inner, known[name], (*path, name))
        elif other is False:
            yield Flaw((*path, name), "is unknown.", _suggestion(name, known))
        elif isinstance(other, Mapping):
            yield from _flaws(inner, other, (*path, name))


def _suggestion(word: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(word, sorted(known), n=1)
    return f"Did you mean '{near[0]}'?" if near else f"Remove it. Known here: {', '.join(known)}."


def _required(value: object, part: Mapping[str, Any], path: Path) -> Iterator[Flaw]:
    for name in part["required"]:
        if isinstance(value, Mapping) and name not in value:
            yield Flaw((*path, name), "is missing.", "Add it.")


def _items(value: object, part: Mapping[str, Any], path: Path) -> Iterator[Flaw]:
    for number, inner in enumerate(value if isinstance(value, list) else ()):
        yield from _flaws(inner, part["items"], (*path, number))


def _most(value: object, part: Mapping[str, Any], path: Path) -> Iterator[Flaw]:
    if isinstance(value, list) and len(value) > part["maxItems"]:
        yield Flaw(path, f"has {len(value)} entries.", f"Azure takes {part['maxItems']} at most.")


def _constant(value: object, part: Mapping[str, Any], path: Path) -> Iterator[Flaw]:
    if value != part["const"] or isinstance(value, bool):
        yield Flaw(path, f"is {value!r}.", f"Write {part['const']}.")


def _enumerated(value: object, part: Mapping[str, Any], path: Path) -> Iterator[Flaw]:
    if value not in part["enum"]:
        yield Flaw(path, f"'{value}' is unknown.", f"Choose one of: {', '.join(part['enum'])}.")


def _pattern(value: object, part: Mapping[str, Any], path: Path) -> Iterator[Flaw]:
    if isinstance(value, str) and not re.search(part["pattern"], value):
        yield Flaw(path, f"'{value}' has not the right form.", _form(part, path))


def _form(part: Mapping[str, Any], path: Path) -> str:
    if path and path[-1] == "subject":
        return "Entra compares the subject letter by letter: write it out, without '*', '?' and spaces."
    if part["pattern"] == manifest_schema()["$defs"]["guid"]["pattern"]:
        return "Write a GUID."
    return f"Write it like this: {part['description']}" if part.get("description") else "Correct it."


def _shortest(value: object, part: Mapping[str, Any], path: Path) -> Iterator[Flaw]:
    if isinstance(value, str) and len(value) < part["minLength"]:
        yield Flaw(path, "is empty.", "Write it out, or remove the field.")


def _exactly_one(value: object, part: Mapping[str, Any], path: Path) -> Iterator[Flaw]:
    """`oneOf` is used for fields of which one must be there."""
    names = [branch["required"][0] for branch in part["oneOf"]]
    given = [name for name in names if isinstance(value, Mapping) and name in value]
    if isinstance(value, Mapping) and len(given) != 1:
        problem = f"has {' and '.join(given)}." if given else f"has neither {' nor '.join(names)}."
        yield Flaw(path, problem, f"Give exactly one of {', '.join(names)}.")


def _not_both(value: object, part: Mapping[str, Any], path: Path) -> Iterator[Flaw]:
    """`not` is used for fields that exclude each other."""
    names = part["not"]["required"]
    if isinstance(value, Mapping) and all(name in value for name in names):
        yield Flaw((*path, names[-1]), f"stands beside '{names[0]}'.", "Keep one of the two ids.")


_CHECKS: dict[str, Callable[[object, Mapping[str, Any], Path], Iterator[Flaw]]] = {
    "const": _constant,
    "enum": _enumerated,
    "pattern": _pattern,
    "minLength": _shortest,
    "maxItems": _most,
    "required": _required,
    "oneOf": _exactly_one,
    "not": _not_both,
    "items": _items,
}
