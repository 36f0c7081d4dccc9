# SPDX-License-Identifier: Apache-2.0
"""The claims of an access token for an application or managed identity.

Microsoft's own resources take version 1 tokens (``iss`` of the STS, ``appid``); only the token
exchange audience gets version 2, because its issuer must be the one that federated credentials name.
Source: https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
"""

from __future__ import annotations

import secrets
from typing import Any

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.identity import Identity
from azure_sandbox.services.entra.resources import same


def access_claims(
    cloud: Cloud, identity: Identity, resource: str, lifetime: float, proof: str
) -> dict[str, Any]:
    now = cloud.entra.issue_time(identity.principal_id, cloud.clock.time_of("entra"))
    lifetime = cloud.lags.settings.token_lifetime or lifetime
    common = {
        "aud": resource,
        "iat": now,
        "nbf": now,
        "exp": now + int(lifetime),
        "idtyp": "app",
        "oid": identity.principal_id,
        "sub": identity.principal_id,
        "tid": cloud.tenant_id,
        "uti": secrets.token_urlsafe(16),
    }
    if same(resource, cloud.azure.exchange):
        versioned = {"iss": cloud.entra.url, "azp": identity.client_id, "azpacr": proof, "ver": "2.0"}
    else:
        issuer = cloud.azure.v1_issuer(cloud.tenant_id)
        versioned = {
            "iss": issuer,
            "idp": issuer,
            "appid": identity.client_id,
            "appidacr": proof,
            "ver": "1.0",
        }
    return {**common, **versioned, **_extra(cloud, identity, resource)}


def _extra(cloud: Cloud, identity: Identity, resource: str) -> dict[str, Any]:
    extra: dict[str, Any] = {}
    if same(resource, cloud.azure.graph_audience):
        extra["app_displayname"] = identity.name
        if identity.app_roles:
            extra["roles"] = list(identity.app_roles)
    if identity.resource_id:
        extra["xms_mirid"] = identity.resource_id
    return extra
