# SPDX-License-Identifier: Apache-2.0
"""One credential for all threads of a process: who asks while another one asks gets that one's answer.

azure-identity keeps tokens but knows no flights: twenty threads that start together sign in twenty times,
and its `az` credential keeps nothing, so that every request would start a process.

Nobody waits for another one longer than `PATIENCE`: the one who asks may be the very code that SIGTERM
interrupted, and goes on only after the cancel that wants the token.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken, TokenCredential

_MARGIN = 300.0
PATIENCE = 1.0
"""Seconds for another one's sign-in; a cancel has four for everything."""


@contextmanager
def patiently(lock: threading.Lock) -> Iterator[bool]:
    """Hold a lock that is held while somebody signs in; False where one has to do without."""
    is_mine = lock.acquire(timeout=PATIENCE)
    try:
        yield is_mine
    finally:
        if is_mine:
            lock.release()


class _Flight:
    """One question that is being asked, and the seats of those who wait for its answer."""

    def __init__(self) -> None:
        self.seats: list[queue.SimpleQueue[AccessToken | BaseException]] = []


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
        self._flights: dict[Any, _Flight] = {}

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """A token; options are azure-core's, and part of what is asked."""
        key = (scopes, tuple(sorted(options.items())))
        while True:
            with self._lock:
                kept = self._tokens.get(key)
                if kept is not None and kept.expires_on - self._clock() >= _MARGIN:
                    return kept
                flight = self._flights.get(key)
                if flight is None:
                    mine = self._flights[key] = _Flight()
                    break
                seat: queue.SimpleQueue[AccessToken | BaseException] = queue.SimpleQueue()
                flight.seats.append(seat)
            answer = self._awaited(key, flight, seat)
            if isinstance(answer, BaseException):
                raise answer
            if answer is not None:
                return answer
        return self._fly(key, mine, scopes, options)

    def _awaited(
        self, key: Any, flight: _Flight, seat: queue.SimpleQueue[AccessToken | BaseException]
    ) -> AccessToken | BaseException | None:
        """The answer of another one's flight; None when it takes too long, and is nobody's any more."""
        try:
            return seat.get(timeout=PATIENCE)
        except queue.Empty:
            with self._lock:
                self._forget(key, flight)
            return None

    def _forget(self, key: Any, flight: _Flight) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]

    def _fly(
        self, key: Any, flight: _Flight, scopes: tuple[str, ...], options: dict[str, Any]
    ) -> AccessToken:
        try:
            token = self.inner.get_token(*scopes, **options)
        except BaseException as error:
            self._land(key, flight, error)
            raise
        self._land(key, flight, token)
        return token

    def _land(self, key: Any, flight: _Flight, answer: AccessToken | BaseException) -> None:
        with self._lock:
            self._forget(key, flight)
            if self._keeps and not isinstance(answer, BaseException):
                self._tokens[key] = answer
        for seat in flight.seats:
            seat.put(answer)
