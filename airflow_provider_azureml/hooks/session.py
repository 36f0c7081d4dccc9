# SPDX-License-Identifier: Apache-2.0
"""What a triggerer keeps per event loop and connection, so that thousands of triggers share it.

One connection lookup per trigger collapses at 5,000 triggers (airflow.md 3b): here the first user
looks up, signs in and connects, the others wait for it. The HTTP session closes with its last
user; the settings are remembered for five minutes longer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from airflow_provider_azureml.connection import Settings
from airflow_provider_azureml.identity import resolver
from airflow_provider_azureml.identity.threaded import ThreadedCredential
from airflow_provider_azureml.rest.driver import AsyncDriver
from airflow_provider_azureml.rest.workspace import Workspace

SETTINGS_AGE = 300.0
Load = Callable[[], Awaitable[Settings]]
Mask = Callable[[str], None]


@dataclass(frozen=True)
class Session:
    """One connection in one event loop."""

    settings: Settings
    workspace: Workspace
    driver: AsyncDriver


class SharedSession:
    """Opens a Session for the first user and closes it after the last."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._users = 0
        self._read_at = 0.0
        self._current: Session | None = None
        self._retired: list[Session] = []
        self._settings: Settings | None = None
        self._opening: asyncio.Task[Session] | None = None

    @asynccontextmanager
    async def use(self, load: Load, mask: Mask) -> AsyncIterator[Session]:
        """Hold the session open for the time of the block."""
        self._users += 1
        try:
            yield await self._open(load, mask)
        finally:
            self._users -= 1
            if not self._users:
                await self._close()

    async def _open(self, load: Load, mask: Mask) -> Session:
        if self._current and self._is_fresh():
            return self._current
        if self._opening is None:
            self._opening = asyncio.create_task(self._make(load, mask))
            self._opening.add_done_callback(self._opened)
        # Shielded: one trigger that is cancelled must not fail the others that wait.
        return await asyncio.shield(self._opening)

    def _opened(self, task: asyncio.Task[Session]) -> None:
        self._opening = None
        if not task.cancelled():
            task.exception()

    async def _make(self, load: Load, mask: Mask) -> Session:
        if self._settings is None or not self._is_fresh():
            settings = await load()
            if self._current and settings != self._settings:
                self._retired.append(self._current)
                self._current = None
            self._settings, self._read_at = settings, self._clock()
        if self._current is None:
            self._current = _session(self._settings, mask)
        return self._current

    def _is_fresh(self) -> bool:
        return self._settings is not None and self._clock() - self._read_at < SETTINGS_AGE

    async def _close(self) -> None:
        closing = [*self._retired, *([self._current] if self._current else [])]
        self._current, self._retired = None, []
        for session in closing:
            await session.driver.close()


def _session(settings: Settings, mask: Mask) -> Session:
    def renew() -> ThreadedCredential:
        resolver.forget(settings)
        return resolver.async_credential(settings, mask)

    driver = AsyncDriver(resolver.async_credential(settings, mask), settings.cloud, renew=renew, mask=mask)
    return Session(settings, workspace_of(settings), driver)


def workspace_of(settings: Settings) -> Workspace:
    """The workspace of a connection; its fields may be empty, `Settings.require` says so."""
    return Workspace(
        settings.cloud, settings.subscription_id, settings.resource_group, settings.workspace_name
    )


_LOOPS: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, SharedSession]] = WeakKeyDictionary()


def shared_session(conn_id: str) -> SharedSession:
    """The one of the running loop for this connection."""
    return _LOOPS.setdefault(asyncio.get_running_loop(), {}).setdefault(conn_id, SharedSession())
