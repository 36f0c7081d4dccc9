# SPDX-License-Identifier: Apache-2.0
"""From settings to a credential: the only place where a way of signing in is chosen."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from airflow_provider_azureml.connection import Settings
from airflow_provider_azureml.identity import (
    azure_cli,
    certificate,
    client_secret,
    default,
    federated,
    managed_identity,
    workload_identity,
)
from airflow_provider_azureml.identity.shared import SharedCredential
from airflow_provider_azureml.identity.threaded import ThreadedCredential

_BUILDERS = {
    "azure_cli": azure_cli.build,
    "certificate": certificate.build,
    "client_secret": client_secret.build,
    "default": default.build,
    "federated": federated.build,
    "managed_identity": managed_identity.build,
    "workload_identity": workload_identity.build,
}
_FORGETFUL = frozenset({"azure_cli", "default"})
"""Ways whose credential keeps no token."""


class _Cache:
    """One credential per settings and process, because the token cache lives in the credential."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Start anew; after a fork the parent's lock may be held by a thread that is gone."""
        self._lock = threading.Lock()
        self._made: dict[Settings, SharedCredential] = {}

    def get(self, settings: Settings, mask: Callable[[str], None]) -> SharedCredential:
        with self._lock:
            if settings not in self._made:
                inner = _BUILDERS[settings.auth](settings, mask)
                self._made[settings] = SharedCredential(inner, keeps=settings.auth in _FORGETFUL)
            return self._made[settings]

    def forget(self, settings: Settings) -> None:
        with self._lock:
            self._made.pop(settings, None)


_CACHE = _Cache()
os.register_at_fork(after_in_child=_CACHE.clear)


def _mask_nothing(secret: str) -> None:
    """Outside Airflow nobody collects what we log."""


def credential(settings: Settings, mask: Callable[[str], None] = _mask_nothing) -> SharedCredential:
    """The identity of a connection, with its token cache.

    :param mask: is told every secret and assertion before it is used.
    """
    return _CACHE.get(settings, mask)


def async_credential(settings: Settings, mask: Callable[[str], None] = _mask_nothing) -> ThreadedCredential:
    """The same identity for the running event loop; shares the sync credential's token cache."""
    return ThreadedCredential(credential(settings, mask))


def forget(settings: Settings) -> None:
    """Drop a credential, tokens and all: the next one signs in anew."""
    _CACHE.forget(settings)
