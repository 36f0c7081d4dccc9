# SPDX-License-Identifier: Apache-2.0
"""The same credential in an event loop.

azure-identity's async twins call an assertion function synchronously and never await it, so a slow
identity endpoint stalls the whole triggerer, and each owns an HTTP session that somebody must
close. One sync credential, asked in a thread a few times per hour, has neither trouble.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken, TokenCredential

_MARGIN = 300.0


class ThreadedCredential:
    """Asks a sync credential in a thread; single-flight per scope. Belongs to one event loop."""

    def __init__(self, inner: TokenCredential) -> None:
        self._inner = inner
        self._tokens: dict[tuple[str, ...], AccessToken] = {}
        self._locks: defaultdict[tuple[str, ...], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def get_token(self, *scopes: str) -> AccessToken:
        """A token with at least five minutes left, unless the identity gives shorter ones."""
        async with self._locks[scopes]:
            token = self._tokens.get(scopes)
            if token is None or token.expires_on - time.time() < _MARGIN:
                token = await asyncio.to_thread(self._inner.get_token, *scopes)
                self._tokens[scopes] = token
            return token
