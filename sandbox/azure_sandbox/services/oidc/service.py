# SPDX-License-Identifier: Apache-2.0
"""Cluster issuers, and the kubelet's part: token files that are always fresh.

Kubernetes replaces a projected token when 80 % of its life is over
(https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/).
"""

from __future__ import annotations

import asyncio
import os
import re
import uuid
from pathlib import Path

from azure_sandbox.kernel.cloud import Cloud, stable_guid
from azure_sandbox.kernel.seed import InvalidSeed, Seed
from azure_sandbox.kernel.tokens import Issuer
from azure_sandbox.services.oidc.records import ServiceAccount

#: Seconds a projected token lives, ``expirationSeconds`` by default.
LIFETIME = 3600
_REFRESH_AT = 0.8
#: Seconds between two looks at the clock.
_TICK = 5.0
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?")


class ClusterIssuers:
    """Implements the port ``AssertionIssuers``: one RSA key per cluster."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._issuers: dict[str, Issuer] = {}

    def url(self, name: str) -> str:
        host = f"{self._cloud.location}.{self._cloud.azure.clusters}"
        return f"https://{host}/{self._cloud.tenant_id}/{stable_guid('oidc-issuer', name)}/"

    def add(self, name: str) -> None:
        url, guid = self.url(name), stable_guid("oidc-issuer", name)
        if url not in self._issuers:
            self._issuers[url] = Issuer(url, self._cloud.data / "keys" / f"oidc-{guid}.pem")

    def by_url(self, url: str) -> Issuer | None:
        return self._issuers.get(url)


class TokenProjector:
    """Writes every service account's token file, and again before the token grows old."""

    def __init__(self, cloud: Cloud, issuers: ClusterIssuers) -> None:
        self._cloud = cloud
        self._issuers = issuers
        self._accounts: dict[ServiceAccount, float] = {}
        self._task: asyncio.Task[None] | None = None

    def seed(self, document: Seed) -> None:
        """:raises InvalidSeed: where an account names no issuer, or is no name for Kubernetes"""
        names = {str(entry.get("name")) for entry in document.get("oidc_issuers") or ()}
        for name in sorted(names):
            self._issuers.add(name)
        for entry in document.get("service_accounts") or ():
            account = _account(entry, names, self._cloud.azure.exchange)
            self._accounts.setdefault(account, 0.0)
        self.refresh()

    def path(self, account: ServiceAccount) -> Path:
        return self._cloud.data / "serviceaccounts" / account.namespace / account.name / "token"

    def refresh(self) -> None:
        """Replace each token file whose token has lived 80 % of its life."""
        now = self._cloud.clock.time()
        for account, written in self._accounts.items():
            if now - written >= LIFETIME * _REFRESH_AT:
                self._write(account, now)
                self._accounts[account] = now

    async def start(self) -> None:
        self._task = asyncio.create_task(self._keep_fresh())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _keep_fresh(self) -> None:
        while True:
            await asyncio.sleep(_TICK)
            self.refresh()

    def _write(self, account: ServiceAccount, now: float) -> None:
        path = self.path(account)
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name("..token.new")
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(self._token(account, int(now)))
        # A reader must never see half a token.
        os.replace(fresh, path)

    def _token(self, account: ServiceAccount, now: int) -> str:
        url = self._issuers.url(account.issuer)
        issuer = self._issuers.by_url(url)
        if issuer is None:
            raise KeyError(url)
        uid = stable_guid("service-account", account.namespace, account.name)
        return issuer.sign(
            {
                "aud": [account.audience],
                "exp": now + LIFETIME,
                "iat": now,
                "nbf": now,
                "jti": str(uuid.uuid4()),
                "sub": account.subject,
                "kubernetes.io": {
                    "namespace": account.namespace,
                    "serviceaccount": {"name": account.name, "uid": uid},
                },
            }
        )


def _account(entry: dict[str, object], issuers: set[str], audience: str) -> ServiceAccount:
    issuer = str(entry.get("issuer"))
    if issuer not in issuers:
        raise InvalidSeed(f"service_accounts: issuer {issuer!r} is not in oidc_issuers")
    namespace, name = str(entry.get("namespace")), str(entry.get("name"))
    for part in (namespace, name):
        # They become folder names: nothing but what Kubernetes allows.
        if not _NAME.fullmatch(part):
            raise InvalidSeed(f"service_accounts: {part!r} is no name for Kubernetes")
    return ServiceAccount(issuer, namespace, name, str(entry.get("audience") or audience))
