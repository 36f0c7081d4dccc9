# SPDX-License-Identifier: Apache-2.0
"""Each running job's own secret for its MSI endpoint; none outlives the job or the sandbox."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from azure_sandbox.services.machinelearning.runner.readers import Reader


class JobSecrets:
    """Whom a secret speaks for."""

    def __init__(self) -> None:
        self._readers: dict[str, Reader] = {}

    def reader(self, secret: str) -> Reader | None:
        """Who is behind a secret; None for a stranger's secret."""
        return self._readers.get(secret)

    @contextmanager
    def lent(self, reader: Reader) -> Iterator[str]:
        """A new secret, good until the block ends."""
        secret = secrets.token_hex(24)
        self._readers[secret] = reader
        try:
            yield secret
        finally:
            del self._readers[secret]
