# SPDX-License-Identifier: Apache-2.0
"""Subject name and issuer: certificates that nobody registered, of a name and an authority that are.

The client is an unmodified azure-identity that sends its chain.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import trustme
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import CertificateCredential

from azure_sandbox.kernel.cloud import stable_guid
from azure_sandbox.kernel.seed import InvalidSeed
from azure_sandbox.testing import Sandbox, in_process

NAME = "train.nightly.example"
ARM = "https://management.azure.com/.default"


def pem(leaf: trustme.LeafCert, *, chain: int = 1) -> bytes:
    certificates = b"".join(blob.bytes() for blob in leaf.cert_chain_pems[:chain])
    return leaf.private_key_pem.bytes() + certificates


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA(key_type=trustme.KeyType.RSA)


@pytest.fixture
def sandbox(serve: Callable[..., Sandbox], authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    trusted = {"subject": NAME, "authority": authority.cert_pem.bytes().decode()}
    running = serve({"applications": [{"name": "train", "certificate_subjects": [trusted]}]})
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)
    return running


def sign_in(sandbox: Sandbox, certificate: bytes, *, chain: bool = True) -> str:
    client_id = stable_guid("application", "train")
    with CertificateCredential(
        sandbox.cloud.tenant_id, client_id, certificate_data=certificate, send_certificate_chain=chain
    ) as credential:
        return credential.get_token(ARM).token


def issued(authority: trustme.CA, name: str = NAME) -> trustme.LeafCert:
    return authority.issue_cert(name, common_name=name, key_type=trustme.KeyType.RSA)


def test_every_certificate_of_the_name_and_the_authority_signs_in(
    sandbox: Sandbox, authority: trustme.CA
) -> None:
    for _ in range(2):
        assert sign_in(sandbox, pem(issued(authority)))
    middle = authority.create_child_ca(key_type=trustme.KeyType.RSA)
    assert sign_in(sandbox, pem(issued(middle), chain=2))


def test_without_the_chain_it_is_a_certificate_that_nobody_registered(
    sandbox: Sandbox, authority: trustme.CA
) -> None:
    with pytest.raises(ClientAuthenticationError, match=r"AADSTS700027.*The key was not found"):
        sign_in(sandbox, pem(issued(authority)), chain=False)


def test_another_name_or_another_authority_is_not_trusted(sandbox: Sandbox, authority: trustme.CA) -> None:
    stranger = trustme.CA(key_type=trustme.KeyType.RSA)
    for leaf in (issued(authority, "score.nightly.example"), issued(stranger)):
        with pytest.raises(ClientAuthenticationError, match="AADSTS700027"):
            sign_in(sandbox, pem(leaf))


def test_a_bad_seed_names_the_member(tmp_path) -> None:
    for trusted, complaint in (
        ({"subject": NAME}, "are needed"),
        ({"subject": NAME, "authority": "x"}, "no PEM"),
    ):
        seed = {"applications": [{"name": "train", "certificate_subjects": [trusted]}]}
        with pytest.raises(InvalidSeed, match=complaint), in_process(tmp_path / complaint, seed):
            pass
