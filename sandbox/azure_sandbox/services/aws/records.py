# SPDX-License-Identifier: Apache-2.0
"""Accounts, users, roles, identity pools; and who a signed request turns out to be."""

from __future__ import annotations

from dataclasses import dataclass

from azure_sandbox.kernel.cloud import stable_guid

COGNITO_ISSUER = "https://cognito-identity.amazonaws.com"


@dataclass(frozen=True)
class WebTrust:
    """Tokens of another issuer with which a role may be assumed; all three are compared exactly."""

    issuer: str
    subject: str
    audience: str


@dataclass(frozen=True)
class Principal:
    """A user or a role of the seed.

    :param kind: ``user`` or ``role``
    :param trusts: names of the account's principals that may assume the role
    :param web: tokens with which the role may be assumed
    :param audiences: of the tokens it may ask for; None: it may ask for none, empty: for any
    :param longest: seconds that those may live
    """

    kind: str
    account: str
    name: str
    trusts: frozenset[str] = frozenset()
    web: tuple[WebTrust, ...] = ()
    audiences: tuple[str, ...] | None = None
    longest: int = 3600

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{self.account}:{self.kind}/{self.name}"

    @property
    def unique_id(self) -> str:
        """Of IAM's shape: ``AROA`` or ``AIDA`` and 17 more."""
        prefix = "AROA" if self.kind == "role" else "AIDA"
        return prefix + stable_guid("aws", self.arn).replace("-", "").upper()[:17]


@dataclass(frozen=True)
class Signer:
    """Who signed a request: a principal, in a session where it is a role.

    :param ends: when the session is over, seconds since the epoch; 0 for a user's own key
    """

    principal: Principal
    session: str = ""
    ends: float = 0.0

    @property
    def arn(self) -> str:
        """As ``GetCallerIdentity`` names it."""
        if not self.session:
            return self.principal.arn
        return f"arn:aws:sts::{self.principal.account}:assumed-role/{self.principal.name}/{self.session}"

    @property
    def user_id(self) -> str:
        return self.principal.unique_id + (f":{self.session}" if self.session else "")


@dataclass(frozen=True)
class Pool:
    """A Cognito identity pool with developer authenticated identities.

    :param provider: the developer provider's name, which ``Logins`` must use
    """

    account: str
    name: str
    region: str
    provider: str

    @property
    def id(self) -> str:
        return f"{self.region}:{stable_guid('cognito-pool', self.account, self.name)}"

    def identity(self, user: str) -> str:
        """The identity id of a developer's user; the same for the same user."""
        # Users of a developer differ in case, GUIDs of names do not.
        exact = user.encode().hex()
        return f"{self.region}:{stable_guid('cognito-identity', self.id, self.provider, exact)}"


@dataclass(frozen=True)
class Account:
    """An account; ``name`` is the seed's own short name for it."""

    id: str
    name: str
    regions: tuple[str, ...]

    @property
    def issuer(self) -> str:
        return f"https://{stable_guid('aws-issuer', self.id)}.tokens.sts.global.api.aws"
