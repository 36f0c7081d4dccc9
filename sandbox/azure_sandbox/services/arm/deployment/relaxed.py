# SPDX-License-Identifier: Apache-2.0
"""JSON as Resource Manager takes it for templates: with comments, bare names, commas too many and texts of
several lines. ``az deployment`` sends the template under a bare name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

_TOKENS = re.compile(
    r"""(?P<text>"(?:[^"\\]|\\.)*")
    |(?P<quoted>'(?:[^'\\]|\\.)*')
    |(?P<skip>\s+|//[^\n]*|/\*.*?\*/)
    |(?P<word>[A-Za-z_$][\w$]*)
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_RAW = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def strict(content: bytes) -> bytes:
    """The same document as plain JSON; what is none in this dialect either stays none.

    :raises UnicodeDecodeError: where it is not UTF-8
    """
    tokens = [token for token in _tokens(content.decode()) if token[0] != "skip"]
    return "".join(_plain(tokens)).encode()


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    for match in _TOKENS.finditer(text):
        yield str(match.lastgroup), match.group()


def _plain(tokens: list[tuple[str, str]]) -> Iterator[str]:
    following = [*tokens[1:], ("end", "")]
    for (kind, text), (_, after) in zip(tokens, following, strict=True):
        if kind == "text":
            yield re.sub(r"[\n\r\t]", lambda raw: _RAW[raw.group()], text)
        elif kind == "quoted":
            yield json.dumps(text[1:-1].replace("\\'", "'"))
        elif kind == "word" and after == ":":
            yield json.dumps(text)
        elif text != "," or after not in ("}", "]"):
            yield text
