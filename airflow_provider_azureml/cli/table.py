# SPDX-License-Identifier: Apache-2.0
"""Tables of text, safe against line breaks in what Azure or a file says."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def say(text: str) -> None:
    """One line: what is not printable is a question mark."""
    sys.stdout.write("".join(letter if letter.isprintable() else "?" for letter in text) + "\n")


def table(rows: Sequence[tuple[str, ...]]) -> None:
    """Columns as wide as their widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        say("  ".join(cells).rstrip())
