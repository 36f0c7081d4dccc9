# SPDX-License-Identifier: Apache-2.0
"""A parser of the few forms of Bicep that the export uses: declarations, objects, arrays, texts, calls."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

_TOKEN = re.compile(
    r"(?P<space>[ \t]+)|(?P<comment>//[^\n]*)|(?P<line>\n)|(?P<text>'(?:[^'\\\n$]|\\.|\$(?!\{))*')"
    r"|(?P<word>[A-Za-z_]\w*)|(?P<mark>[@{}\[\]():=.,])"
)


@dataclass
class Declaration:
    """`KIND SYMBOL 'WHAT' [existing] = VALUE`; `param` and `targetScope` have less."""

    kind: str
    symbol: str
    what: str = ""
    value: Any = None
    is_existing: bool = False


class Parser:
    """Recursive descent. Raises ValueError with the rest of the text where it does not fit."""

    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        at = 0
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                raise ValueError(f"not understood: {text[at : at + 60]!r}")
            if match.lastgroup not in ("space", "comment"):
                self.tokens.append((str(match.lastgroup), match[0]))
            at = match.end()
        self.at = 0

    def file(self) -> list[Declaration]:
        found = []
        while self._lines() is None and self.at < len(self.tokens):
            found.append(self._declaration())
        return found

    def _declaration(self) -> Declaration:
        while self._take("@"):
            self._expression()
            self._lines()
        kind = self._word()
        if kind == "targetScope":
            self._want("=")
            return Declaration(kind, "", value=self._value())
        symbol = self._word()
        if kind == "param":
            return Declaration(kind, symbol, self._word())
        if kind not in ("resource", "module"):
            raise ValueError(f"no declaration: {kind}")
        what = self._text()
        is_existing = self._take("existing")
        self._want("=")
        return Declaration(kind, symbol, what, self._value(), is_existing)

    def _value(self) -> Any:
        if self._take("{"):
            return self._object()
        if self._take("["):
            items = []
            while self._lines() is None and not self._take("]"):
                items.append(self._value())
            return items
        return self._expression()

    def _object(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while self._lines() is None and not self._take("}"):
            name = self._word()
            self._want(":")
            if name in found:
                raise ValueError(f"twice: {name}")
            found[name] = self._value()
        return found

    def _expression(self) -> Any:
        if self._kind() == "text":
            return self._text()
        words = [self._word()]
        while True:
            if self._take("."):
                words.append(self._word())
            elif self._take("("):
                given = []
                while not self._take(")"):
                    given.append(self._value())
                    self._take(",")
                while self._take("."):
                    self._word()
                return (".".join(words), given)
            else:
                return tuple(words)

    def _lines(self) -> None:
        while self._take("\n"):
            pass

    def _kind(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    def _take(self, wanted: str) -> bool:
        found = self.at < len(self.tokens) and self.tokens[self.at][1] == wanted
        self.at += found
        return found

    def _want(self, wanted: str) -> None:
        if not self._take(wanted):
            raise ValueError(f"{wanted!r} is missing before {self.tokens[self.at : self.at + 5]}")

    def _word(self) -> str:
        return self._next("word")

    def _text(self) -> str:
        return self._next("text")[1:-1]

    def _next(self, kind: str) -> str:
        if self._kind() != kind:
            raise ValueError(f"a {kind} is missing before {self.tokens[self.at : self.at + 5]}")
        self.at += 1
        return self.tokens[self.at - 1][1]
