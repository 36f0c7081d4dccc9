# SPDX-License-Identifier: Apache-2.0
"""Strict reading of a mapping: what nobody asked for, by name and type, is an error."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, TypeVar

from airflow_provider_azureml.errors import ConfigurationError

T = TypeVar("T")


def suggestion(word: str, known: Iterable[str]) -> str:
    """` Did you mean 'x'?`, or nothing when no known word is near."""
    near = difflib.get_close_matches(word, sorted(known), n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def kind_of(value: object) -> str:
    """The YAML word for the type of a value, for messages."""
    words: dict[type, str] = {
        dict: "mapping",
        list: "list",
        str: "text",
        bool: "true/false",
        int: "whole number",
    }
    return "empty" if value is None else words.get(type(value), type(value).__name__)


class Fields:
    """One mapping of a definition, read field by field.

    :param where: what the mapping is called in messages, for example `jobs/train.yml: resources`.
    """

    def __init__(self, where: str, content: object) -> None:
        if not isinstance(content, Mapping):
            raise ConfigurationError(where, f"is {kind_of(content)}.", "Write a mapping of fields.")
        self.where = where
        self._content = {self._checked_key(key): value for key, value in content.items()}
        self._asked: set[str] = set()

    def _checked_key(self, key: object) -> str:
        if not isinstance(key, str):
            raise ConfigurationError(self.where, f"The field name {key!r} is not text.", "Put it in quotes.")
        return key

    def __contains__(self, name: str) -> bool:
        return self._content.get(name) is not None

    def error(self, name: str, problem: str, mend: str) -> ConfigurationError:
        """The error to raise about one field of this mapping."""
        return ConfigurationError(f"{self.where}: field '{name}'", problem, mend)

    def raw(self, name: str) -> Any:
        """The value as it stands; None when absent."""
        self._asked.add(name)
        return self._content.get(name)

    def _typed(self, name: str, types: type[T] | tuple[type[T], ...], wanted: str) -> T | None:
        value = self.raw(name)
        if value is None:
            return None
        if not isinstance(value, types) or (isinstance(value, bool) and types is not bool):
            raise self.error(name, f"is {kind_of(value)}.", f"Write {wanted}.")
        return value

    def text(self, name: str) -> str | None:
        """A text. Numbers are refused, since YAML would have changed them (`1.10` is `1.1`)."""
        return self._typed(name, str, "text, in quotes")

    def required_text(self, name: str) -> str:
        """A text that must be there and not be blank."""
        value = self.text(name)
        if value is None or not value.strip():
            near = difflib.get_close_matches(name, self._content, n=1)
            meant = f" Is '{near[0]}' meant for it?" if near and near[0] != name else ""
            raise self.error(name, "is missing.", f"Add it.{meant}")
        return value

    def integer(self, name: str, *, minimum: int = 1) -> int | None:
        """A whole number not below `minimum`."""
        value = self._typed(name, int, "a whole number")
        if value is not None and value < minimum:
            raise self.error(name, f"is {value}.", f"Write a whole number from {minimum} on.")
        return value

    def choice(self, name: str, choices: Mapping[str, T]) -> T | None:
        """One word out of a table, case-insensitive, translated by it."""
        value = self.text(name)
        if value is None:
            return None
        if value.lower() not in choices:
            known = f"Choose one of: {', '.join(choices)}.{suggestion(value, choices)}"
            raise self.error(name, f"'{value}' is unknown.", known)
        return choices[value.lower()]

    def texts(self, name: str) -> dict[str, str]:
        """A mapping of text to text; numbers and booleans become text, as the CLI makes them."""
        content = self.raw(name)
        if content is None:
            return {}
        inner = Fields(f"{self.where}: {name}", content)
        return {key: inner.scalar(key) for key in inner.names()}

    def scalar(self, name: str) -> str:
        """A text, number or boolean, as text."""
        value = self.raw(name)
        if isinstance(value, (dict, list)) or value is None:
            raise self.error(name, f"is {kind_of(value)}.", "Write a text or a number.")
        return str(value)

    def text_list(self, name: str) -> list[str] | None:
        """A list of distinct texts."""
        value = self._typed(name, list, "a list")
        if value is None:
            return None
        if not all(isinstance(item, str) for item in value):
            raise self.error(name, "holds something that is not text.", "Write a list of texts, in quotes.")
        if len(set(value)) != len(value):
            raise self.error(name, "holds the same entry twice.", "Remove one.")
        return value

    def nested(self, name: str, read: Callable[[Fields], T]) -> T | None:
        """A mapping inside this one, read by `read`; its unknown fields are errors too."""
        content = self.raw(name)
        if content is None:
            return None
        inner = Fields(f"{self.where}: {name}", content)
        result = read(inner)
        inner.close()
        return result

    def names(self) -> Collection[str]:
        """The names of all fields, in the order of the definition."""
        return self._content.keys()

    def ignore(self, *names: str) -> None:
        """Fields that are allowed and mean nothing here (`$schema`)."""
        self._asked.update(names)

    def refuse(self, reasons: Mapping[str, tuple[str, str]]) -> None:
        """Fields of the CLI's schema that are known and cannot be honoured here: (problem, mend) each."""
        for name, (problem, mend) in reasons.items():
            if name in self:
                raise self.error(name, problem, mend)
            self.ignore(name)

    def close(self) -> None:
        """Raise for the first field that nobody asked for."""
        unknown = [name for name in self._content if name not in self._asked]
        if unknown:
            known = f"Known here: {', '.join(sorted(self._asked))}."
            mend = suggestion(unknown[0], self._asked).strip() or f"Remove it. {known}"
            raise self.error(unknown[0], "is unknown.", mend)


def compact(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body without its absent (None) fields."""
    return {name: value for name, value in body.items() if value is not None}
