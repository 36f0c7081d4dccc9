# SPDX-License-Identifier: Apache-2.0
"""What a triggerer keeps per event loop and connection, so that thousands of triggers share it.

One connection lookup per trigger collapses at 5,000 triggers (airflow.md 3b): here the first user
looks up, signs in and connects, the others wait for it. The HTTP session closes with its last
user; the settings are remembered for five minutes longer, or until Azure or Entra refuses them:
then the connection is read again and the credential made anew, once for all who were refused.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from airflow_provider_azureml.connection import Settings
from airflow_provider_azureml.errors import AzureMLError
from airflow_provider_azureml.identity import resolver
from airflow_provider_azureml.identity.threaded import ThreadedCredential
from airflow_provider_azureml.rest.driver import AsyncDriver
from airflow_provider_azureml.rest.quota import Quota
from airflow_provider_azureml.rest.tls import async_context
from airflow_provider_azureml.rest.workspace import Workspace

log = logging.getLogger(__name__)
SETTINGS_AGE = 300.0
Load = Callable[[], Awaitable[Settings]]
Mask = Callable[[str], None]


@dataclass(frozen=True)
class Session:
    """One connection in one event loop."""

    settings: Settings
    workspace: Workspace
    driver: AsyncDriver
    quota: Quota


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
        if self._current and self._is_fresh() and self._current.settings is self._settings:
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
        settings = self._settings
        if settings is None:
            settings = await self._read(load)
        elif not self._is_fresh():
            settings = await self._reread(load, settings)
        if self._current and self._current.settings is not settings:
            self._retired.append(self._current)
            self._current = None
        if self._current is None:
            await asyncio.to_thread(_import_azure)
            self._current = _session(settings, mask, lambda: self._reread(load, settings))
        return self._current

    async def _read(self, load: Load) -> Settings:
        """The connection as it is now; the object is the same while nothing was edited."""
        settings = await load()
        if settings != self._settings or self._settings is None:
            self._settings = settings
        self._read_at = self._clock()
        return self._settings

    async def _reread(self, load: Load, known: Settings) -> Settings:
        """The connection as it is now; as it was when Airflow does not give it just now."""
        try:
            return await self._read(load)
        except AzureMLError as error:
            told = "The connection could not be read again, so the old settings stay: %s"
            await asyncio.to_thread(log.warning, told, error)
            self._read_at = self._clock()
            return known

    def _is_fresh(self) -> bool:
        return self._settings is not None and self._clock() - self._read_at < SETTINGS_AGE

    async def _close(self) -> None:
        closing = [*self._retired, *([self._current] if self._current else [])]
        self._current, self._retired = None, []
        for session in closing:
            await session.driver.close()


def _import_azure() -> None:
    """Load in a thread what the first session needs: in the event loop that stops all triggers for seconds."""
    for name in ("aiohttp", "azure.core.pipeline.transport", "azure.core.rest", "azure.identity"):
        importlib.import_module(name)
    async_context()


def _session(settings: Settings, mask: Mask, reread: Callable[[], Awaitable[Settings]]) -> Session:
    async def renew() -> ThreadedCredential:
        current = await reread()
        for each in (settings, current):
            resolver.forget(each)
        return resolver.async_credential(current, mask)

    quota, credential = quota_of(settings), resolver.async_credential(settings, mask)
    driver = AsyncDriver(credential, settings.cloud, renew=renew, mask=mask, see=quota.see)
    return Session(settings, workspace_of(settings), driver, quota)


def workspace_of(settings: Settings) -> Workspace:
    """The workspace of a connection; its fields may be empty, `Settings.require` says so."""
    return Workspace(
        settings.cloud, settings.subscription_id, settings.resource_group, settings.workspace_name
    )


_LOOPS: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, SharedSession]] = WeakKeyDictionary()
_QUOTAS: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, ...], Quota]] = WeakKeyDictionary()


def shared_session(conn_id: str) -> SharedSession:
    """The one of the running loop for this connection."""
    return _LOOPS.setdefault(asyncio.get_running_loop(), {}).setdefault(conn_id, SharedSession())


def quota_of(settings: Settings) -> Quota:
    """The one of the running loop for a connection's ARM host and principal."""
    who = (settings.tenant_id, settings.client_id, settings.object_id, settings.resource_id)
    key = (settings.cloud.resource_manager, *who)
    return _QUOTAS.setdefault(asyncio.get_running_loop(), {}).setdefault(key, Quota(_loop_time))


def _loop_time() -> float:
    return asyncio.get_running_loop().time()
