# SPDX-License-Identifier: Apache-2.0
"""An application with a certificate: a file, or a certificate of Key Vault, whose secret holds its key too."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import TYPE_CHECKING

from airflow_provider_azureml.connection import Settings
from airflow_provider_azureml.errors import ConfigurationError
from airflow_provider_azureml.identity.authority import authority_options
from airflow_provider_azureml.identity.vaulted import Renewable, Stored, in_file, in_vault

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

NOT_TAKEN = ("AADSTS700027", "AADSTS1000502", "AADSTS50012")
"""Entra's codes for a certificate that it does not know (any more), or that is not valid now."""


def build(settings: Settings, mask: Callable[[str], None]) -> TokenCredential:
    """A credential that signs in with the latest certificate in the file or vault."""
    if settings.password:
        mask(settings.password)

    def read() -> Stored:
        if settings.certificate_file:
            return in_file(settings, "certificate_file")
        return in_vault(settings, mask)

    return Renewable(read, lambda stored: _login(settings, stored), NOT_TAKEN)


def _login(settings: Settings, stored: Stored) -> TokenCredential:
    from azure.identity import CertificateCredential

    try:
        return CertificateCredential(
            settings.tenant_id,
            settings.client_id,
            certificate_data=content(stored),
            password=settings.password or None,
            send_certificate_chain=settings.send_certificate_chain,
            **authority_options(settings.cloud),
        )
    except (ValueError, TypeError):  # their texts may hold what they could not read
        raise _unreadable(settings) from None


def content(stored: Stored) -> bytes:
    """PEM or PFX as bytes: a vault gives PEM as text and PFX as base64. Raises ValueError."""
    if isinstance(stored.value, bytes):
        return stored.value
    if "-----BEGIN" in stored.value:
        return stored.value.encode()
    try:
        return base64.b64decode(stored.value, validate=True)
    except binascii.Error:
        raise ValueError("neither PEM nor base64") from None


def _unreadable(settings: Settings) -> ConfigurationError:
    name = "certificate_file" if settings.certificate_file else "credential_name"
    problem = f"'{getattr(settings, name)}' holds no certificate with its key that could be opened."
    password = "the connection's password" if settings.password else "a password it may need"
    return settings.error(name, problem, f"Give PEM or PFX with an RSA private key; check {password}.")
