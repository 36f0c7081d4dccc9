# SPDX-License-Identifier: Apache-2.0
"""The token endpoint's rules: from a form to a token, or to the AADSTS number that says why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.identity import Identity, Password
from azure_sandbox.services.entra import assertions, errors, resources
from azure_sandbox.services.entra.directory import EntraDirectory

#: ``client_assertion_type`` of RFC 7523.
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#: Seconds that an application's access token lives; Entra picks 60 to 90 minutes at random.
APPLICATION_LIFETIME = 3600.0
#: Names of no tenant in particular: good for discovery, useless for client credentials.
SHARED_TENANTS = ("common", "organizations")


@dataclass(frozen=True)
class Granted:
    """A token and what the answer says about it; times are seconds since the epoch."""

    token: str
    resource: str
    issued: float
    expires: float


class TokenService:
    """Client credentials by secret, certificate or federated assertion."""

    def __init__(self, cloud: Cloud, directory: EntraDirectory) -> None:
        self._cloud = cloud
        self._directory = directory

    def check_tenant(self, tenant: str) -> None:
        """:raises azure_sandbox.kernel.errors.AzureError: AADSTS90002 for a tenant that is not ours"""
        if tenant.lower() not in (self._cloud.tenant_id.lower(), *SHARED_TENANTS):
            raise errors.tenant_not_found(tenant)

    async def grant(self, tenant: str, form: Mapping[str, str], *, version: int) -> Granted:
        """Answer a token request.

        :param form: the body's fields, client id and secret of a Basic header included
        :param version: 2 names the resource by ``scope``, 1 by ``resource``
        :raises azure_sandbox.kernel.errors.AzureError: as Entra words it
        """
        self.check_tenant(tenant)
        if tenant.lower() in SHARED_TENANTS:
            raise errors.aadsts(
                50059,
                "No tenant-identifying information found in either the request or implied by any provided "
                "credentials.",
            )
        grant_type = _required(form, "grant_type")
        if grant_type != "client_credentials":
            raise errors.unsupported_grant(grant_type)
        client_id = _required(form, "client_id")
        named = _required(form, "scope" if version == 2 else "resource")
        identity = self._identity(client_id)
        proof = await self._prove(identity, form)
        check = resources.of_scope if version == 2 else resources.checked
        return self._issue(identity, check(self._cloud.azure, named, self._cloud.tenant_id), proof)

    def _identity(self, client_id: str) -> Identity:
        identity = self._directory.identity(client_id)
        if identity is None or identity.client_id.lower() != client_id.lower():
            raise errors.unknown_application(client_id, self._cloud.tenant_id)
        if not identity.principal_id:
            raise errors.no_principal(identity.client_id, self._cloud.tenant_id)
        if not identity.enabled:
            raise errors.disabled_application(identity.client_id, identity.name)
        return identity

    async def _prove(self, identity: Identity, form: Mapping[str, str]) -> str:
        """``appidacr`` of whatever credential the form holds, once it is found to be good."""
        if form.get("client_assertion") and form.get("client_assertion_type") == JWT_BEARER:
            await assertions.check(self._cloud, identity, form["client_assertion"])
            return "2"
        if form.get("client_secret"):
            self._check_secret(identity, form["client_secret"])
            return "1"
        raise errors.no_credential()

    def _check_secret(self, identity: Identity, text: str) -> None:
        now = self._cloud.clock.time_of("entra")
        found = next((p for p in identity.passwords if p.matches(text)), None)
        if found is None or now < found.start or not self._is_known(found):
            raise errors.wrong_secret(identity.client_id)
        if found.end <= now:
            raise errors.expired_secret(identity.client_id)

    def _is_known(self, password: Password) -> bool:
        lags = self._cloud.lags
        return lags.knows(lags.replica(), password.key_id, password.usable_from, password.lag)

    def _issue(self, identity: Identity, resource: str, proof: str) -> Granted:
        issued = self._cloud.clock.time_of("entra")
        token, expires = self._directory.sign(identity, resource, APPLICATION_LIFETIME, proof)
        return Granted(token, resource, issued, expires)


def _required(form: Mapping[str, str], name: str) -> str:
    value = form.get(name)
    if not value:
        raise errors.missing_parameter(name)
    return value
