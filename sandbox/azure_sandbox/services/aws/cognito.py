# SPDX-License-Identifier: Apache-2.0
"""Cognito identity pools: https://docs.aws.amazon.com/cognitoidentity/latest/APIReference/Welcome.html."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from azure_sandbox.kernel.errors import AzureError
from azure_sandbox.kernel.operation import Call
from azure_sandbox.services.aws import errors
from azure_sandbox.services.aws.accounts import Accounts
from azure_sandbox.services.aws.records import Pool, Signer
from azure_sandbox.services.aws.signature import verified

TARGET = "AWSCognitoIdentityService"
#: Seconds that a token lives where the request does not say, and at most.
_LIFETIME, _LONGEST = 900, 86_400


class Cognito:
    """Tokens for identities that a developer vouches for."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def answer(self, call: Call) -> dict[str, Any]:
        """:raises azure_sandbox.kernel.errors.AzureError: in Cognito's words"""
        target = call.headers.get("x-amz-target", "")
        if target != f"{TARGET}.GetOpenIdTokenForDeveloperIdentity":
            raise errors.refused(400, "UnknownOperationException", f"Unknown operation {target}")
        signer = await verified(self._accounts, call, "cognito-identity", call.params["region"])
        return self._token(call, signer, await call.json())

    def _token(self, call: Call, signer: Signer, body: Mapping[str, Any]) -> dict[str, Any]:
        pool = self._pool(body, call.params["region"])
        if signer.principal.account != pool.account:
            raise _not_authorized(signer, pool)
        user = _user(body, pool)
        seconds = _duration(body)
        identity = pool.identity(user)
        if body.get("IdentityId") not in (None, identity):
            raise errors.refused(
                400,
                "DeveloperUserAlreadyRegisteredException",
                "The provided developer user identifier is already registered with another identity.",
            )
        now = int(call.cloud.clock.time())
        claims = {
            "sub": identity,
            "aud": pool.id,
            "amr": ["authenticated", pool.provider, f"{pool.provider}:{pool.id}:{user}"],
            "iat": now,
            "exp": now + seconds,
        }
        return {"IdentityId": identity, "Token": self._accounts.cognito.sign(claims)}

    def _pool(self, body: Mapping[str, Any], region: str) -> Pool:
        identifier = body.get("IdentityPoolId")
        pool = self._accounts.pools.get(str(identifier))
        if not isinstance(identifier, str):
            raise _invalid("identityPoolId", "Member must not be null")
        if pool is None or pool.region != region:
            raise errors.refused(400, "ResourceNotFoundException", f"IdentityPool '{identifier}' not found.")
        return pool


def _user(body: Mapping[str, Any], pool: Pool) -> str:
    logins = body.get("Logins")
    if not isinstance(logins, dict) or not logins:
        raise _invalid("logins", "Member must not be null")
    user = logins.get(pool.provider)
    if len(logins) != 1 or not isinstance(user, str) or not user:
        raise errors.refused(
            400, "InvalidParameterException", "Please provide a valid public provider or developer provider."
        )
    return user


def _duration(body: Mapping[str, Any]) -> int:
    seconds = body.get("TokenDuration", _LIFETIME)
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not 1 <= seconds <= _LONGEST:
        raise _invalid("tokenDuration", f"Member must have value between 1 and {_LONGEST}")
    return seconds


def _invalid(member: str, constraint: str) -> AzureError:
    return errors.refused(
        400,
        "InvalidParameterException",
        f"1 validation error detected: Value at '{member}' failed to satisfy constraint: {constraint}",
    )


def _not_authorized(signer: Signer, pool: Pool) -> AzureError:
    action = "cognito-identity:GetOpenIdTokenForDeveloperIdentity"
    resource = f"arn:aws:cognito-identity:{pool.region}:{pool.account}:identitypool/{pool.id}"
    return errors.refused(
        400,
        "AccessDeniedException",
        f"User: {signer.arn} is not authorized to perform: {action} on resource: {resource}",
    )
