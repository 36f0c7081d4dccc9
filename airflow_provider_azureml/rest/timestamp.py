# SPDX-License-Identifier: Apache-2.0
"""Azure's times."""

from __future__ import annotations

from datetime import datetime, timezone


def moment(text: str) -> datetime | None:
    """The time that a text says, with its zone (UTC where it names none); None when it says none.

    Azure writes up to seven digits of a second and a `Z`, which Python 3.10 does not read.
    """
    head, dot, tail = text.replace("Z", "+00:00").partition(".")
    digits = "".join(c for c in tail.partition("+")[0] if c.isdigit())
    trimmed = f"{head}.{digits[:6]:0<6}{tail[len(digits) :]}" if dot else head
    try:
        found = datetime.fromisoformat(trimmed)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)
