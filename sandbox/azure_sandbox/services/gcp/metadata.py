# SPDX-License-Identifier: Apache-2.0
"""The seed's Google service accounts and their tokens.

Source: https://cloud.google.com/compute/docs/instances/verifying-instance-identity.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from azure_sandbox.kernel.cloud import Cloud, stable_guid
from azure_sandbox.kernel.seed import InvalidSeed, Seed
from azure_sandbox.kernel.tokens import Issuer

ISSUER = "https://accounts.google.com"
KEYS = "https://www.googleapis.com/oauth2/v3/certs"
#: Seconds that an identity token lives.
_LIFETIME = 3600
_NAME = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")


@dataclass(frozen=True)
class ServiceAccount:
    """``unique_id`` is the number that tokens carry as ``sub``: 21 digits."""

    name: str
    project: str
    unique_id: str

    @property
    def email(self) -> str:
        return f"{self.name}@{self.project}.iam.gserviceaccount.com"


class ServiceAccounts:
    """What this machine may be. The seed's first one is ``default``. Name in seeds: ``gcp:NAME``."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._accounts: list[ServiceAccount] = []
        cloud.foreign.offer("gcp", self._resolve)

    @cached_property
    def _issuer(self) -> Issuer:
        return Issuer(ISSUER, self._cloud.data / "keys" / "google.pem")

    def seed(self, document: Seed) -> None:
        """:raises InvalidSeed: naming the member"""
        for entry in document.get("gcp") or ():
            if not isinstance(entry, dict) or set(entry) - {"name", "project", "unique_id"}:
                raise InvalidSeed("gcp: an entry has name, project, unique_id, and nothing else")
            name = str(entry.get("name"))
            if not _NAME.fullmatch(name):
                raise InvalidSeed(f"gcp: {name!r} is no name of a service account: 6 to 30 of a-z, 0-9, -")
            project = str(entry.get("project") or "airflow-project")
            number = 10**20 + int(stable_guid("gcp", project, name).replace("-", ""), 16) % 10**20
            self._accounts.append(ServiceAccount(name, project, str(entry.get("unique_id") or number)))

    def hosts(self) -> tuple[str, ...]:
        return ("accounts.google.com", "www.googleapis.com") if self._accounts else ()

    def described(self) -> dict[str, Any]:
        return {
            account.name: {"email": account.email, "unique_id": account.unique_id}
            for account in self._accounts
        }

    def find(self, name: str) -> ServiceAccount | None:
        """By e-mail, or ``default``."""
        if name == "default":
            return self._accounts[0] if self._accounts else None
        return next((account for account in self._accounts if account.email == name), None)

    @property
    def exist(self) -> bool:
        """Whether this machine is one of Google's."""
        return bool(self._accounts)

    def emails(self) -> list[str]:
        return [account.email for account in self._accounts]

    def jwks(self) -> dict[str, Any]:
        return self._issuer.jwks()

    def identity_token(self, account: ServiceAccount, audience: str, *, full: bool) -> str:
        now = int(self._cloud.clock.time())
        claims: dict[str, Any] = {
            "aud": audience,
            "azp": account.unique_id,
            "exp": now + _LIFETIME,
            "iat": now,
            "sub": account.unique_id,
        }
        if full:
            machine = {
                "instance_creation_timestamp": now - 86_400,
                "instance_id": account.unique_id[:19],
                "instance_name": "airflow-worker",
                "project_id": account.project,
                "project_number": int(account.unique_id[:12]),
                "zone": "us-central1-a",
            }
            claims |= {
                "email": account.email,
                "email_verified": True,
                "google": {"compute_engine": machine},
            }
        return self._issuer.sign(claims)

    def _resolve(self, name: str) -> str:
        try:
            return next(account.unique_id for account in self._accounts if account.name == name)
        except StopIteration:
            raise KeyError(name) from None
