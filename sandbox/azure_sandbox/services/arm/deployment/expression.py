# SPDX-License-Identifier: Apache-2.0
"""Expressions of ARM templates: ``[concat(parameters('a'), '-', variables('b')[0].name)]``.

Source: "Template functions in ARM templates" (template-functions.md), "Syntax and expressions"
(template-expressions.md).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

_TOKENS = re.compile(
    r"\s+|(?P<text>'(?:[^']|'')*')|(?P<number>-?\d{1,18}\b)|(?P<name>[A-Za-z_]\w*)|(?P<symbol>[()\[\],.])"
)
_DEEPEST = 60


class TemplateError(ValueError):
    """A template that ARM does not accept; str() is what it says about it."""


class Later(str):
    """In the place of a value that only the deployment itself will bring. Whatever is in it is later too."""

    __slots__ = ()


class Context(Protocol):
    """Where functions get their answers from."""

    def call(self, name: str, arguments: Sequence[Node]) -> Any: ...


class Node(Protocol):
    """A part of an expression."""

    def value(self, context: Context) -> Any: ...


@dataclass(frozen=True)
class Literal:
    content: str | int

    def value(self, context: Context) -> Any:
        return self.content


@dataclass(frozen=True)
class Invoke:
    name: str
    arguments: tuple[Node, ...]

    def value(self, context: Context) -> Any:
        return context.call(self.name.lower(), self.arguments)


@dataclass(frozen=True)
class Access:
    """``target.key`` and ``target[key]``."""

    target: Node
    key: Node

    def value(self, context: Context) -> Any:
        target, key = self.target.value(context), self.key.value(context)
        if isinstance(target, Later) or isinstance(key, Later):
            return Later("later")
        if isinstance(target, dict) and isinstance(key, str):
            return _member(target, key)
        if isinstance(target, (list, str)) and isinstance(key, int) and 0 <= key < len(target):
            return target[key]
        raise TemplateError(f"The language expression property '{key}' can't be evaluated.")


def _member(target: dict[str, Any], key: str) -> Any:
    """Names of properties are compared without case."""
    for name, value in target.items():
        if name.lower() == key.lower():
            return value
    available = ", ".join(target)
    raise TemplateError(
        f"The language expression property '{key}' doesn't exist, available properties are '{available}'."
    )


def evaluated(content: Any, context: Context) -> Any:
    """A piece of a template with all its expressions replaced by their values.

    :raises TemplateError: saying what is wrong
    """
    if isinstance(content, str):
        return _text(content, context)
    if isinstance(content, list):
        return [evaluated(item, context) for item in content]
    if isinstance(content, dict):
        return {str(_text(name, context)): evaluated(value, context) for name, value in content.items()}
    return content


def escaped(content: Any) -> Any:
    """The inverse: nothing in it will be taken for an expression."""
    if isinstance(content, str):
        return f"[{content}" if content.startswith("[") else content
    if isinstance(content, list):
        return [escaped(item) for item in content]
    if isinstance(content, dict):
        return {name: escaped(value) for name, value in content.items()}
    return content


def _text(text: str, context: Context) -> Any:
    if text.startswith("[["):
        return text[1:]
    if text.startswith("[") and text.endswith("]"):
        return parse(text[1:-1]).value(context)
    return text


class _Token(NamedTuple):
    kind: str
    text: str


@lru_cache(maxsize=2048)
def parse(text: str) -> Node:
    """:raises TemplateError: for what is no expression"""
    parser = _Parser(text)
    node = parser.expression()
    parser.expect("end", "")
    return node


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = [*self._split(), _Token("end", "")]
        self._next = 0
        self._depth = 0

    def _split(self) -> list[_Token]:
        found, at = [], 0
        while at < len(self._text):
            match = _TOKENS.match(self._text, at)
            if not match:
                raise self._error()
            if match.lastgroup:
                found.append(_Token(match.lastgroup, match.group()))
            at = match.end()
        return found

    def _error(self) -> TemplateError:
        return TemplateError(f"The language expression '{self._text}' is not valid.")

    def _take(self) -> _Token:
        token = self._tokens[self._next]
        self._next += token.kind != "end"
        return token

    def _sees(self, symbol: str) -> bool:
        token = self._tokens[self._next]
        return token.kind == "symbol" and token.text == symbol

    def expect(self, kind: str, text: str) -> None:
        token = self._take()
        if (token.kind, token.text) != (kind, text):
            raise self._error()

    def expression(self) -> Node:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._error()
        node = self._start()
        while self._sees(".") or self._sees("["):
            node = Access(node, self._key())
        self._depth -= 1
        return node

    def _start(self) -> Node:
        token = self._take()
        if token.kind == "text":
            return Literal(token.text[1:-1].replace("''", "'"))
        if token.kind == "number":
            return Literal(int(token.text))
        if token.kind != "name":
            raise self._error()
        self.expect("symbol", "(")
        return Invoke(token.text, self._arguments())

    def _arguments(self) -> tuple[Node, ...]:
        arguments: list[Node] = []
        while not self._sees(")"):
            if arguments:
                self.expect("symbol", ",")
            arguments.append(self.expression())
        self.expect("symbol", ")")
        return tuple(arguments)

    def _key(self) -> Node:
        if self._take().text == ".":
            token = self._take()
            if token.kind != "name":
                raise self._error()
            return Literal(token.text)
        key = self.expression()
        self.expect("symbol", "]")
        return key
