# SPDX-License-Identifier: Apache-2.0
"""From the text of a condition to its tree.

Source: "Azure role assignment condition format and syntax" (conditions-format.md). Words are read without
case. Between AND and OR there is no precedence: where both stand side by side, Azure asks for parentheses.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from azure_sandbox.kernel import condition_attributes as attributes
from azure_sandbox.kernel.condition_operators import GUID, Comparison, Value, comparison, value_of
from azure_sandbox.kernel.conditions import (
    ActionMatches,
    All,
    AnyOf,
    Attribute,
    Compare,
    Condition,
    Exists,
    Literals,
    Node,
    Not,
    SubOperationMatches,
)

#: Characters; deeper or longer is refused.
LONGEST = 8192
_DEEPEST = 50

_TOKENS = re.compile(
    r"""\s+
    |(?P<symbol>&&|\|\||[!(){},])
    |(?P<string>'(?:[^'\\]|\\.)*')
    |(?P<attribute>@\w+\[[^\]]*\])
    |(?P<guid>[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}\b)
    |(?P<number>-?\d{1,18}\b)
    |(?P<word>[A-Za-z]\w*(?::\w+)?)""",
    re.VERBOSE | re.DOTALL,
)
_ATTRIBUTE = re.compile(r"@(\w+)\[(.*)\]", re.DOTALL)
_LOGIC = {"and": "and", "&&": "and", "or": "or", "||": "or"}
#: Sources of attributes that this cloud has nothing to fill with.
_ABSENT = {
    "principal": "it has no custom security attributes of principals",
    "environment": "it has no private links, subnets and clock of requests",
}


class InvalidCondition(ValueError):
    """A condition that cannot be read; str() says what is wrong, in one sentence."""


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


_END = _Token("end", "the end", -1)


@lru_cache(maxsize=4096)
def parse(text: str) -> Condition:
    """:raises InvalidCondition: saying what is wrong, and where"""
    if len(text) > LONGEST:
        raise InvalidCondition(f"It has {len(text)} characters, more than {LONGEST}.")
    parser = _Parser(_tokens(text))
    root = parser.whole()
    return Condition(root, parser.compares_guids)


def _tokens(text: str) -> list[_Token]:
    found, at = [], 0
    while at < len(text):
        match = _TOKENS.match(text, at)
        if not match:
            raise InvalidCondition(f"Nothing can begin with {text[at]!r} at position {at}.")
        if match.lastgroup:
            found.append(_Token(match.lastgroup, match.group(), at))
        at = match.end()
    return found


class _Parser:
    """Recursive descent over one condition's tokens."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = [*tokens, _END]
        self._next = 0
        self._depth = 0
        self.compares_guids = False

    def whole(self) -> Node:
        root = self._expression()
        self._expect(_END.text)
        return root

    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        token = self._peek()
        self._next += token is not _END
        return token

    def _expect(self, text: str) -> None:
        token = self._take()
        if token.text != text:
            raise _unexpected(token, text)

    def _expression(self) -> Node:
        """Parts that are joined by nothing but AND, or nothing but OR."""
        self._depth += 1
        if self._depth > _DEEPEST:
            raise InvalidCondition(f"It is nested deeper than {_DEEPEST} levels.")
        parts, joined = [self._part()], ""
        while self._peek().text.lower() in _LOGIC:
            token = self._take()
            logic = _LOGIC[token.text.lower()]
            if joined not in ("", logic):
                raise InvalidCondition(f"AND beside OR at position {token.at} needs parentheses.")
            joined = logic
            parts.append(self._part())
        self._depth -= 1
        if not joined:
            return parts[0]
        return All(tuple(parts)) if joined == "and" else AnyOf(tuple(parts))

    def _part(self) -> Node:
        negated = False
        while self._peek().text.lower() in ("!", "not"):
            self._take()
            negated = not negated
        part = self._positive()
        return Not(part) if negated else part

    def _positive(self) -> Node:
        word = self._peek().text.lower()
        if word == "(":
            self._take()
            inner = self._expression()
            self._expect(")")
            return inner
        if word in _FUNCTIONS:
            self._take()
            return _FUNCTIONS[word](self._names())
        if word == "exists":
            self._take()
            return Exists(self._attribute())
        return self._comparison()

    def _names(self) -> tuple[str, ...]:
        """``{'one'}``: what a function asks for."""
        literals = self._set()
        if any(token.kind != "string" for token in literals):
            raise _unexpected(literals[0], "a text in quotes")
        return tuple(_unquoted(token) for token in literals)

    def _attribute(self) -> Attribute:
        token = self._take()
        found = _ATTRIBUTE.fullmatch(token.text)
        if not found:
            raise _unexpected(token, "an attribute like @Resource[...]")
        source, name = found.group(1).lower(), found.group(2).strip()
        if source in _ABSENT:
            raise InvalidCondition(
                f"This sandbox does not know attributes of @{found.group(1)}: {_ABSENT[source]}."
            )
        key = attributes.key(source, name)
        if not attributes.is_known(key):
            raise InvalidCondition(f"{found.group(1)} attribute {name} is not valid.")
        return Attribute(key)

    def _comparison(self) -> Compare:
        left = self._side()
        token = self._take()
        found = comparison(token.text)
        if token.kind != "word" or found is None:
            raise _unexpected(token, "an operator")
        self.compares_guids |= found.kind == GUID
        right = self._side()
        return Compare(_checked(left, found), found, _checked(right, found))

    def _side(self) -> Attribute | list[_Token]:
        token = self._peek()
        if token.kind == "attribute":
            return self._attribute()
        return self._set() if token.text == "{" else [self._literal()]

    def _set(self) -> list[_Token]:
        self._expect("{")
        literals = [self._literal()]
        while self._peek().text == ",":
            self._take()
            literals.append(self._literal())
        self._expect("}")
        return literals

    def _literal(self) -> _Token:
        token = self._take()
        if token.kind in ("string", "guid", "number") or token.text.lower() in ("true", "false"):
            return token
        raise _unexpected(token, "a value")


_FUNCTIONS: dict[str, Callable[[tuple[str, ...]], Node]] = {
    "actionmatches": ActionMatches,
    "suboperationmatches": SubOperationMatches,
}


def _checked(side: Attribute | list[_Token], operator: Comparison) -> Attribute | Literals:
    """A side as the operator takes it.

    :raises InvalidCondition: for values of another kind, or several where it takes one
    """
    if isinstance(side, Attribute):
        return side
    if operator.quantifiers is None and len(side) > 1:
        raise InvalidCondition(f"{operator.name} at position {side[0].at} takes one value, not {len(side)}.")
    return Literals(tuple(_value(token, operator) for token in side))


def _value(token: _Token, operator: Comparison) -> Value:
    value = value_of(operator.kind, _content(token))
    bare_guid = token.kind == "guid" and operator.kind != GUID
    if value is None or bare_guid:
        raise InvalidCondition(f"{operator.name} cannot compare {token.text} at position {token.at}.")
    return value


def _content(token: _Token) -> Value:
    if token.kind == "string":
        return _unquoted(token)
    if token.kind == "number":
        return int(token.text)
    return token.text if token.kind == "guid" else token.text.lower() == "true"


def _unquoted(token: _Token) -> str:
    return token.text[1:-1].replace("\\'", "'")


def _unexpected(token: _Token, wanted: str) -> InvalidCondition:
    if token is _END:
        return InvalidCondition(f"It ends where {wanted} is expected.")
    return InvalidCondition(f"{token.text!r} stands at position {token.at} where {wanted} is expected.")
