# SPDX-License-Identifier: Apache-2.0
"""All there is of AWS: accounts, their principals and keys, sessions, issuers' keys.

Names of seeds: ``aws:ACCOUNT`` an account's issuer, ``aws:ACCOUNT/ROLE`` an ARN, ``cognito:ACCOUNT/POOL``
a pool's id and ``cognito:ACCOUNT/POOL/USER`` an identity's; ACCOUNT is the number or the seed's name.
"""

from __future__ import annotations

import os
import secrets
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from joserfc import jwt
from joserfc.jwk import ECKey

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.seed import InvalidSeed, Seed
from azure_sandbox.kernel.tokens import Issuer
from azure_sandbox.services.aws import seeding
from azure_sandbox.services.aws.records import COGNITO_ISSUER, Account, Pool, Principal, Signer


class Accounts:
    """Implements the port ``AwsAccounts``."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.accounts: dict[str, Account] = {}
        self.principals: dict[str, Principal] = {}
        self.pools: dict[str, Pool] = {}
        self._keys = cloud.store.collection("aws-key")
        self._switches = cloud.store.collection("aws-account")
        self._issuers: dict[str, OutboundIssuer] = {}
        cloud.foreign.offer("aws", self._resolve)
        cloud.foreign.offer("cognito", self._resolve_cognito)

    @cached_property
    def cognito(self) -> Issuer:
        """The issuer of all identity pools; its key is made when somebody asks."""
        return Issuer(COGNITO_ISSUER, self.cloud.data / "keys" / "cognito.pem")

    # -- the port

    def federates(self, account: str) -> bool:
        return bool((self._switches.get(account) or {}).get("outbound_federation"))

    def set_federation(self, account: str, enabled: bool) -> None:
        if account not in self.accounts:
            raise KeyError(account)
        self._switches.put(account, {"outbound_federation": enabled})

    # -- keys and sessions

    def key(self, access_key: str) -> dict[str, Any] | None:
        """``secret``, ``arn`` and, of a session, ``token``, ``session`` and ``ends``."""
        return self._keys.get(access_key)

    def open_session(self, role: Principal, session: str, seconds: int) -> dict[str, Any]:
        """Temporary credentials; as :meth:`key`, with their ``access_key``."""
        document = {
            "secret": secrets.token_urlsafe(30),
            "token": secrets.token_urlsafe(120),
            "arn": role.arn,
            "session": session,
            "ends": self.cloud.clock.time() + seconds,
        }
        access_key = f"ASIA{_random_id()}"
        self._keys.put(access_key, document)
        return {**document, "access_key": access_key}

    def signer(self, document: dict[str, Any]) -> Signer | None:
        """Who holds a key; None where the seed no longer has them."""
        principal = self.principals.get(document["arn"])
        if principal is None:
            return None
        return Signer(principal, document.get("session", ""), document.get("ends", 0.0))

    def issuer(self, account: str) -> OutboundIssuer:
        if account not in self._issuers:
            self._issuers[account] = OutboundIssuer(self.cloud, self.accounts[account])
        return self._issuers[account]

    def by_issuer_host(self, label: str) -> Account | None:
        found = (a for a in self.accounts.values() if a.issuer.startswith(f"https://{label.lower()}."))
        return next(found, None)

    # -- the seed

    def seed(self, document: Seed) -> None:
        """:raises InvalidSeed: naming the account and the member"""
        for entry in document.get("aws") or ():
            account = seeding.account(entry)
            if account.id in self.accounts:
                raise InvalidSeed(f"aws: the account {account.id} is there twice")
            self.accounts[account.id] = account
            self._switches.insert(
                account.id, {"outbound_federation": bool(entry.get("outbound_federation", True))}
            )
            for principal in seeding.principals(self.cloud, account, entry):
                self.principals[principal.arn] = principal
                if principal.kind == "user":
                    self._ensure_key(principal)
            self.pools.update({pool.id: pool for pool in seeding.pools(account, entry)})
        if self.accounts:
            self._write_credentials()

    def hosts(self) -> tuple[str, ...]:
        if not self.accounts:
            return ()
        regions = sorted({region for account in self.accounts.values() for region in account.regions})
        regional = [
            f"{name}.{region}.amazonaws.com" for region in regions for name in ("sts", "cognito-identity")
        ]
        return (
            *regional,
            "sts.amazonaws.com",
            "cognito-identity.amazonaws.com",
            "*.tokens.sts.global.api.aws",
        )

    def described(self) -> dict[str, Any]:
        """Issuers, ARNs, pools, and the file with the keys; nothing where the seed has no account."""
        if not self.accounts:
            return {}
        return {
            "credentials_file": str(self.cloud.data / "aws" / "credentials"),
            "accounts": {
                account.name: {
                    "id": account.id,
                    "issuer": account.issuer,
                    "regions": list(account.regions),
                    "principals": {p.name: p.arn for p in self._of(account)},
                }
                for account in self.accounts.values()
            },
            "identity_pools": {
                pool.name: {"id": pool.id, "region": pool.region, "developer_provider": pool.provider}
                for pool in self.pools.values()
            },
        }

    def _of(self, account: Account) -> list[Principal]:
        return [principal for principal in self.principals.values() if principal.account == account.id]

    def _ensure_key(self, user: Principal) -> None:
        if not any(document["arn"] == user.arn for document in self._keys.values("AKIA")):
            document = {"secret": secrets.token_urlsafe(30), "arn": user.arn}
            self._keys.put(f"AKIA{_random_id()}", document)

    def _write_credentials(self) -> None:
        """An INI file as the AWS SDKs read it: a profile for each user, and for each role that one trusts."""
        lines: list[str] = []
        for access_key, document in self._keys.scan("AKIA"):
            user = self.principals.get(document["arn"])
            if user is not None:
                lines += [f"[{user.name}]", f"aws_access_key_id = {access_key}"]
                lines += [f"aws_secret_access_key = {document['secret']}", *self._region(user), ""]
        for role in self.principals.values():
            source = next((n for n in sorted(role.trusts) if self._is_user(role.account, n)), None)
            if source is not None:
                lines += [f"[{role.name}]", f"role_arn = {role.arn}", f"source_profile = {source}"]
                lines += [*self._region(role), ""]
        path = self.cloud.data / "aws" / "credentials"
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name("credentials.new")
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf8") as file:
            file.write("\n".join(lines))
        os.replace(fresh, path)

    def _region(self, principal: Principal) -> list[str]:
        return [f"region = {self.accounts[principal.account].regions[0]}"]

    def _is_user(self, account: str, name: str) -> bool:
        return f"arn:aws:iam::{account}:user/{name}" in self.principals

    def _account(self, name: str) -> Account:
        return next(a for a in self.accounts.values() if name in (a.id, a.name))

    def _resolve(self, name: str) -> str:
        account, _, principal = name.partition("/")
        try:
            found = self._account(account)
            if not principal:
                return found.issuer
            return next(p.arn for p in self._of(found) if p.name == principal)
        except StopIteration:
            raise KeyError(name) from None

    def _resolve_cognito(self, name: str) -> str:
        account, pool, user = [*name.split("/", 2), "", ""][:3]
        try:
            owner = self._account(account)
            found = next(p for p in self.pools.values() if (p.account, p.name) == (owner.id, pool))
        except StopIteration:
            raise KeyError(name) from None
        return found.identity(user) if user else found.id


class OutboundIssuer:
    """An account's own issuer, with a key for each of the two algorithms."""

    def __init__(self, cloud: Cloud, account: Account) -> None:
        folder = cloud.data / "keys"
        self.url = account.issuer
        self._rsa = Issuer(account.issuer, folder / f"aws-{account.id}.pem")
        self._ec = _ec_key(folder / f"aws-{account.id}-es384.pem")

    def jwks(self) -> dict[str, Any]:
        public = self._ec.as_dict(private=False)
        curve = {**public, "kid": self._ec.thumbprint(), "use": "sig", "alg": "ES384"}
        return {"keys": [*self._rsa.jwks()["keys"], curve]}

    def sign(self, claims: dict[str, Any], algorithm: str) -> str:
        if algorithm == "RS256":
            return self._rsa.sign(claims)
        header = {"alg": "ES384", "typ": "JWT", "kid": self._ec.thumbprint()}
        return jwt.encode(header, {"iss": self.url, **claims}, self._ec, algorithms=["ES384"])


def _ec_key(path: Path) -> ECKey:
    if path.exists():
        return cast("ECKey", ECKey.import_key(path.read_bytes()))
    key = ECKey.generate_key("P-384")
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key.as_pem(private=True))
    return cast("ECKey", key)


def _random_id() -> str:
    return "".join(secrets.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") for _ in range(16))
