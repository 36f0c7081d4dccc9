# SPDX-License-Identifier: Apache-2.0
"""Each running job's own secret for its MSI endpoint; none outlives the job or the sandbox."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager


class JobSecrets:
    """Which principal a secret speaks for."""

    def __init__(self) -> None:
        self._principals: dict[str, str] = {}

    def principal(self, secret: str) -> str | None:
        """Object id behind a secret (empty for a job without identity); None for a stranger's secret."""
        return self._principals.get(secret)

    @contextmanager
    def lent(self, principal: str) -> Iterator[str]:
        """A new secret, good until the block ends."""
        secret = secrets.token_hex(24)
        self._principals[secret] = principal
        try:
            yield secret
        finally:
            del self._principals[secret]
