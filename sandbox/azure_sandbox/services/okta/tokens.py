# SPDX-License-Identifier: Apache-2.0
"""The client credentials grant with ``private_key_jwt``.

Rules of the assertion: https://developer.okta.com/docs/api/openapi/okta-oauth/guides/client-auth
(iss and sub are the client, aud is the endpoint that is asked, exp at most an hour ahead, jti once).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.tokens import InvalidToken, header_of, signed_claims, unverified_claims
from azure_sandbox.services.okta import errors
from azure_sandbox.services.okta.organisations import Organisations
from azure_sandbox.services.okta.records import Client, Server

JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#: Seconds that an assertion may live from now on.
_LONGEST = 3600
_ALGORITHMS = ("RS256", "RS384", "RS512")
#: Scopes of OpenID Connect, which speak of a person.
_OF_PEOPLE = {"openid", "profile", "email", "phone", "address", "offline_access"}


class TokenEndpoint:
    """Access tokens for clients that hold a registered key."""

    def __init__(self, organisations: Organisations) -> None:
        self._organisations = organisations
        self._cloud: Cloud = organisations.cloud
        #: jti of assertions that were used -> when they end; a restart forgets them.
        self._used: dict[tuple[str, str], float] = {}

    def grant(self, server: Server, form: Mapping[str, str]) -> dict[str, Any]:
        """The answer to a token request.

        :raises azure_sandbox.kernel.errors.AzureError: as Okta words it
        """
        if not form.get("grant_type"):
            raise errors.invalid_request("The token request must specify a grant type.")
        if form["grant_type"] != "client_credentials":
            raise errors.unsupported_grant()
        client = self._authenticated(server, form)
        scopes = _scopes(server, form.get("scope", ""))
        if client.name not in server.clients:
            raise errors.policy_failed()
        return {
            "token_type": "Bearer",
            "expires_in": server.lifetime,
            "access_token": self._sign(server, client, scopes),
            "scope": " ".join(scopes),
        }

    def _sign(self, server: Server, client: Client, scopes: list[str]) -> str:
        now = int(self._cloud.clock.time())
        return server.issuer.sign(
            {
                "ver": 1,
                "jti": f"AT.{secrets.token_urlsafe(32)}",
                "aud": server.audience,
                "iat": now,
                "exp": now + server.lifetime,
                "cid": client.client_id,
                "scp": scopes,
                "sub": client.client_id,
            }
        )

    def _authenticated(self, server: Server, form: Mapping[str, str]) -> Client:
        assertion = form.get("client_assertion", "")
        if form.get("client_assertion_type") != JWT_BEARER or not assertion:
            raise errors.invalid_client(
                "Client authentication failed. Either the client or the client credentials are invalid."
            )
        try:
            claims, header = unverified_claims(assertion), header_of(assertion)
        except InvalidToken:
            raise errors.invalid_assertion("token is not a valid JWT.") from None
        client = self._organisations.client(server.org, str(claims.get("sub")))
        if client is None or form.get("client_id", client.client_id) != client.client_id:
            raise errors.invalid_client("Invalid value for 'client_id' parameter.")
        _check_signature(client, assertion, header)
        self._check_claims(server, client, claims)
        return client

    def _check_claims(self, server: Server, client: Client, claims: Mapping[str, Any]) -> None:
        if claims.get("iss") != client.client_id:
            raise errors.invalid_assertion("token's issuer and subject must be the client id.")
        if server.token_endpoint not in _audiences(claims):
            raise errors.invalid_client(
                "The audience claim for client_assertion must be the endpoint invoked for the request."
            )
        now, end = self._cloud.clock.time(), claims.get("exp")
        if isinstance(end, bool) or not isinstance(end, (int, float)):
            raise errors.invalid_assertion("token must have an expiration.")
        if end <= now:
            raise errors.invalid_assertion("token is expired.")
        if end > now + _LONGEST:
            raise errors.invalid_assertion("token has an expiration more than one hour in the future.")
        self._use(client, claims.get("jti"), float(end))

    def _use(self, client: Client, jti: object, end: float) -> None:
        """Note that an assertion was used. Without a ``jti`` it may be used again, as with Okta."""
        if not isinstance(jti, str):
            return
        now = self._cloud.clock.time()
        self._used = {key: until for key, until in self._used.items() if until > now}
        if (client.client_id, jti) in self._used:
            raise errors.invalid_assertion("token has already been used.")
        self._used[client.client_id, jti] = end


def _check_signature(client: Client, assertion: str, header: Mapping[str, Any]) -> None:
    kid, alone = header.get("kid"), len(client.keys) == 1
    keys = [key for key in client.keys if key["kid"] == kid or (kid is None and alone)]
    if not keys:
        raise errors.invalid_assertion("JWT kid is invalid.")
    try:
        signed_claims(assertion, keys[0], _ALGORITHMS)
    except InvalidToken:
        raise errors.invalid_assertion("signature is invalid.") from None


def _audiences(claims: Mapping[str, Any]) -> list[object]:
    value = claims.get("aud")
    return value if isinstance(value, list) else [value]


def _scopes(server: Server, text: str) -> list[str]:
    asked = list(dict.fromkeys(text.split()))
    if not asked:
        raise errors.invalid_scope(
            "The authorization server resource does not have any configured default scopes, "
            "'scope' must be provided."
        )
    personal = [scope for scope in asked if scope in _OF_PEOPLE]
    if personal:
        raise errors.invalid_scope(f"Cannot request '{personal[0]}' scopes using client credentials.")
    if not set(asked) <= set(server.scopes):
        raise errors.invalid_scope(
            "One or more scopes are not configured for the authorization server resource."
        )
    return asked
