# SPDX-License-Identifier: Apache-2.0
"""One credential for all threads of a process: who asks while another one asks gets that one's answer.

azure-identity keeps tokens but knows no flights: twenty threads that start together sign in twenty times,
and its `az` credential keeps nothing, so that every request would start a process.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken, TokenCredential

_MARGIN = 300.0


class SharedCredential:
    """Asks an inner credential, once at a time for each scope; a refusal is shared, too, and not remembered.

    :param keeps: whether to keep tokens (until five minutes before their end), for a credential that does not.
    """

    def __init__(
        self, inner: TokenCredential, keeps: bool = False, clock: Callable[[], float] = time.time
    ) -> None:
        self.inner = inner
        self._keeps = keeps
        self._clock = clock
        self._lock = threading.Lock()
        self._tokens: dict[Any, AccessToken] = {}
        self._flights: dict[Any, Future[AccessToken]] = {}

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """A token; options are azure-core's, and part of what is asked."""
        key = (scopes, tuple(sorted(options.items())))
        with self._lock:
            kept = self._tokens.get(key)
            if kept is not None and kept.expires_on - self._clock() >= _MARGIN:
                return kept
            flight = self._flights.get(key)
            if flight is None:
                mine = self._flights[key] = Future()
        if flight is not None:
            return flight.result()
        return self._fly(key, mine, scopes, options)

    def _fly(
        self, key: Any, flight: Future[AccessToken], scopes: tuple[str, ...], options: dict[str, Any]
    ) -> AccessToken:
        try:
            token = self.inner.get_token(*scopes, **options)
        except BaseException as error:
            self._land(key)
            flight.set_exception(error)
            raise
        self._land(key, token if self._keeps else None)
        flight.set_result(token)
        return token

    def _land(self, key: Any, token: AccessToken | None = None) -> None:
        with self._lock:
            del self._flights[key]
            if token is not None:
                self._tokens[key] = token
