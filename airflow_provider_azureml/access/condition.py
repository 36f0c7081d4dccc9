# SPDX-License-Identifier: Apache-2.0
"""Conditions of role assignments: their language (docs: "Azure role assignment condition format and
syntax"), parsed and evaluated with three values, since who checks does not know all that Azure will know.

A condition is an expression of `ActionMatches{..}`, `SubOperationMatches{..}`, `Exists @Source[..]` and
comparisons, joined by AND, OR, NOT and parentheses. AND beside OR needs parentheses, as the documentation
asks. How two values are compared stands in `comparison.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from airflow_provider_azureml.access.comparison import (
    Truth,
    Uncomparable,
    Value,
    Values,
    compare,
    is_operator,
)
from airflow_provider_azureml.access.pattern import matches

SUBOPERATION = "suboperation"
_BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
ATTRIBUTES: Mapping[str, str] = {
    "account": "@Resource[Microsoft.Storage/storageAccounts:name]",
    "container": "@Resource[Microsoft.Storage/storageAccounts/blobServices/containers:name]",
    "path": f"@Resource[{_BLOBS}:path]",
    "prefix": f"@Request[{_BLOBS}:prefix]",
    "role": "@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId]",
    "principal": "@Request[Microsoft.Authorization/roleAssignments:PrincipalId]",
    "principal_type": "@Request[Microsoft.Authorization/roleAssignments:PrincipalType]",
}
"""Short names that the attributes of a Need may have beside Azure's own, `@Source[type:name]`."""
DEEPEST = 40


class ConditionError(ValueError):
    """The text is no condition, or none that this parser knows; it says where."""


@dataclass(frozen=True)
class Asked:
    """What a condition is asked about.

    :param attributes: by Azure's names (`key`); a value of None says that there is no such attribute; what
        is not in it is not known.
    :param loose: see `pattern.matches`.
    """

    action: str
    attributes: Mapping[str, Value] = field(default_factory=dict)
    loose: bool = False


Test = Callable[[Asked], Truth]


def key(name: str) -> str:
    """The name of an attribute as `Asked` wants it; upper and lower case count in the key of a tag only."""
    text = ATTRIBUTES.get(name, name).strip().removeprefix("@").replace("<$key_case_sensitive$>", "")
    head, tag, rest = text.partition("/tags:")
    return head.lower() + tag + rest.rstrip("]") if tag else head.lower().rstrip("]")


def known(attributes: Mapping[str, Value]) -> dict[str, Value]:
    """Attributes by Azure's names."""
    return {key(name): value for name, value in attributes.items()}


@lru_cache(maxsize=512)
def parse(text: str) -> Test:
    """The condition as a function: True, False, or None where it depends on what is not known.

    :raises ConditionError: for a text that is none.
    """
    parser = _Parser(text)
    test = parser.expression(0)
    parser.finish()
    return test


_TOKEN = re.compile(
    r"\s*(?:(?P<punctuation>[(){},]|&&|\|\||!)"
    r"|'(?P<text>(?:[^'\\]|\\.)*)'"
    r"|@?(?P<attribute>(?:Resource|Request|Principal|Environment)\[[^\]]*\])"
    r"|(?P<word>[A-Za-z0-9_.:+-]+))",
    re.IGNORECASE,
)
_JOINED = {"&&": "AND", "||": "OR", "!": "NOT"}
_LOGIC = ("AND", "OR", "NOT")


class _Parser:
    """Recursive descent over the tokens; each rule returns a Test."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._at = 0

    def expression(self, depth: int) -> Test:
        """`term`, `term AND term ..`, or `term OR term ..`."""
        if depth > DEEPEST:
            raise ConditionError(f"more than {DEEPEST} parentheses deep")
        terms, joint = [self._term(depth)], ""
        while self._peek() in ("AND", "OR"):
            word = self._next()[1]
            if joint and word != joint:
                raise ConditionError("AND beside OR needs parentheses")
            joint = word
            terms.append(self._term(depth))
        return _joined(terms, joint)

    def finish(self) -> None:
        """Nothing may follow."""
        if self._at < len(self._tokens):
            raise ConditionError(f"'{self._peek()}' was not expected")

    def _term(self, depth: int) -> Test:
        if self._take("NOT"):
            inner = self._term(depth + 1) if depth <= DEEPEST else self.expression(depth + 1)
            return lambda asked: _not(inner(asked))
        if self._take("("):
            inner = self.expression(depth + 1)
            self._want(")")
            return inner
        word = self._peek().lower()
        if word == "actionmatches":
            patterns = self._listed()
            return lambda asked: any(matches(each, asked.action, asked.loose) for each in patterns)
        if word == "suboperationmatches":
            wanted = self._listed()
            return lambda asked: _suboperation(asked, wanted)
        return self._exists() if word == "exists" else self._comparison()

    def _listed(self) -> tuple[str, ...]:
        """The values after a function."""
        self._next()
        return self._set()

    def _exists(self) -> Test:
        self._next()
        kind, name = self._next()
        if kind != "attribute":
            raise ConditionError("Exists wants an attribute")
        return lambda asked: None if name not in asked.attributes else asked.attributes[name] is not None

    def _comparison(self) -> Test:
        left = self._operand()
        operator = self._next()[1]
        if not is_operator(operator):
            raise ConditionError(f"'{operator}' is no operator")
        right = self._operand()

        def test(asked: Asked) -> Truth:
            try:
                return compare(operator, left(asked), right(asked))
            except Uncomparable:
                return None

        return test

    def _operand(self) -> Callable[[Asked], Values]:
        if self._peek() == "{":
            values = self._set()
            return lambda asked: values
        kind, text = self._next()
        if kind == "attribute":
            return lambda asked: _values(asked, text)
        if kind == "punctuation" or text in _LOGIC:
            raise ConditionError(f"'{text}' is no value")
        return lambda asked: (text,)

    def _set(self) -> tuple[str, ...]:
        self._want("{")
        values = [self._value()]
        while self._take(","):
            values.append(self._value())
        self._want("}")
        return tuple(values)

    def _value(self) -> str:
        kind, text = self._next()
        if kind not in ("text", "word"):
            raise ConditionError(f"'{text}' is no value")
        return text

    def _peek(self) -> str:
        """The next token, unless it is a quoted text."""
        if self._at == len(self._tokens) or self._tokens[self._at][0] == "text":
            return ""
        return self._tokens[self._at][1]

    def _take(self, wanted: str) -> bool:
        found = self._peek() == wanted
        self._at += found
        return found

    def _want(self, wanted: str) -> None:
        if not self._take(wanted):
            raise ConditionError(f"'{wanted}' is missing before '{self._peek()}'")

    def _next(self) -> tuple[str, str]:
        if self._at == len(self._tokens):
            raise ConditionError("it ends too soon")
        self._at += 1
        return self._tokens[self._at - 1]


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at, text = [], 0, text.strip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise ConditionError(f"'{text[at : at + 20]}' is not understood")
        found.append(_token(match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return found


def _token(kind: str, text: str) -> tuple[str, str]:
    if kind == "attribute":
        return kind, SUBOPERATION if text.lower() == "request[suboperation]" else key(text)
    if kind == "word" and text.upper() in _LOGIC:
        return kind, text.upper()
    return kind, _JOINED.get(text, text) if kind == "punctuation" else text


def _joined(terms: list[Test], joint: str) -> Test:
    if len(terms) == 1:
        return terms[0]
    decisive = joint == "OR"

    def test(asked: Asked) -> Truth:
        found = {term(asked) for term in terms}
        if decisive in found:
            return decisive
        return None if None in found else not decisive

    return test


def _not(truth: Truth) -> Truth:
    return None if truth is None else not truth


def _suboperation(asked: Asked, wanted: tuple[str, ...]) -> Truth:
    """Whether the request is one of these; an empty or absent suboperation is none of them."""
    if SUBOPERATION not in asked.attributes:
        return None
    is_now = str(asked.attributes[SUBOPERATION] or "").lower()
    return is_now in {text.lower() for text in wanted}


def _values(asked: Asked, name: str) -> Values:
    """What an attribute holds: None when not known, nothing when there is no such attribute."""
    if name not in asked.attributes:
        return None
    value = asked.attributes[name]
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)
