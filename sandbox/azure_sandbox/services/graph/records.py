# SPDX-License-Identifier: Apache-2.0
"""Directory rows as Graph writes them."""

from __future__ import annotations

from typing import Any

from azure_sandbox.kernel.clock import iso_z
from azure_sandbox.kernel.groups import Group
from azure_sandbox.kernel.identity import APPLICATION, Certificate, FederatedCredential, Identity, Password

Resource = dict[str, Any]


def application(identity: Identity) -> Resource:
    return {
        "id": identity.application_id,
        "appId": identity.client_id,
        "displayName": identity.name,
        "createdDateTime": iso_z(identity.created),
        "signInAudience": "AzureADMyOrg",
        "identifierUris": [],
        "passwordCredentials": [password(entry) for entry in identity.passwords],
        "keyCredentials": [key(entry) for entry in identity.certificates],
    }


def service_principal(identity: Identity) -> Resource:
    alternative = ["isExplicit=True", identity.resource_id] if identity.resource_id else []
    return {
        "id": identity.principal_id,
        "appId": identity.client_id,
        "displayName": identity.name,
        "accountEnabled": identity.enabled,
        "servicePrincipalType": identity.kind if identity.kind != APPLICATION else "Application",
        "alternativeNames": alternative,
        "appDisplayName": identity.name,
        "servicePrincipalNames": [identity.client_id],
        "createdDateTime": iso_z(identity.created),
    }


def group(entry: Group) -> Resource:
    return {
        "id": entry.id,
        "displayName": entry.name,
        "description": entry.description,
        "mailNickname": entry.mail_nickname,
        "mailEnabled": False,
        "securityEnabled": True,
        "groupTypes": [],
        "createdDateTime": iso_z(entry.created),
    }


def password(entry: Password, text: str | None = None) -> Resource:
    """``secretText`` is null but in the answer to addPassword."""
    return {
        "customKeyIdentifier": None,
        "displayName": entry.display_name,
        "endDateTime": iso_z(entry.end),
        "hint": entry.hint,
        "keyId": entry.key_id,
        "secretText": text,
        "startDateTime": iso_z(entry.start),
    }


def key(entry: Certificate) -> Resource:
    return {
        "customKeyIdentifier": None,
        "displayName": entry.display_name,
        "endDateTime": iso_z(entry.end),
        "key": None,
        "keyId": entry.key_id,
        "startDateTime": iso_z(entry.start),
        "type": "AsymmetricX509Cert",
        "usage": "Verify",
    }


def federated(entry: FederatedCredential) -> Resource:
    return {
        "id": entry.id,
        "name": entry.name,
        "issuer": entry.issuer,
        "subject": entry.subject,
        "description": entry.description,
        "audiences": list(entry.audiences),
    }
