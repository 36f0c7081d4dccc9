# SPDX-License-Identifier: Apache-2.0
"""The sandbox's own certificate authority, one leaf for all of Azure's names, and trust stores."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import PrivateFormat
from cryptography.hazmat.primitives.serialization.pkcs12 import (
    PBES,
    PKCS12Certificate,
    serialize_java_truststore,
)

#: A JVM cannot open a PKCS12 trust store without a password; there is nothing secret in it.
TRUST_STORE_PHRASE = "changeit"


class Certificates:
    """Files below ``directory``, made once: ``ca.pem``, ``server.pem``, ``trust.p12``.

    :param names: DNS names of the leaf, wildcards included
    """

    def __init__(self, directory: Path, names: list[str]) -> None:
        self.ca = directory / "ca.pem"
        self.trust_store = directory / "trust.p12"
        self._server = directory / "server.pem"
        if not self._names_match(names):
            directory.mkdir(parents=True, exist_ok=True)
            self._create(names)

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self._server)
        return context

    def _names_match(self, names: list[str]) -> bool:
        if not (self.ca.exists() and self._server.exists() and self.trust_store.exists()):
            return False
        leaf = x509.load_pem_x509_certificates(self._server.read_bytes())[0]
        alternative = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        return set(alternative.value.get_values_for_type(x509.DNSName)) == set(names)

    def _create(self, names: list[str]) -> None:
        authority = trustme.CA(organization_name="azure-sandbox")
        leaf = authority.issue_cert(*names)
        authority.cert_pem.write_to_path(self.ca)
        descriptor = os.open(self._server, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(leaf.private_key_and_cert_chain_pem.bytes())
        certificate = x509.load_pem_x509_certificate(authority.cert_pem.bytes())
        # JDK 17 reads this old encryption without extra providers; newer ones are optional there.
        encryption = (
            PrivateFormat.PKCS12.encryption_builder()
            .kdf_rounds(2048)
            .key_cert_algorithm(PBES.PBESv1SHA1And3KeyTripleDESCBC)
            .hmac_hash(SHA256())
            .build(TRUST_STORE_PHRASE.encode())
        )
        entry = PKCS12Certificate(certificate, b"azure-sandbox")
        self.trust_store.write_bytes(serialize_java_truststore([entry], encryption))
