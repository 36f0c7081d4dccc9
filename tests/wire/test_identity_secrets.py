# SPDX-License-Identifier: Apache-2.0
"""No key, assertion, certificate or token of any way to be somebody shows, when it works and when it does not."""

from __future__ import annotations

import base64
import configparser
import json
import os
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from airflow_provider_azureml.clouds import CLOUDS
from tests.wire.clients.identity_canaries import PLANTED
from tests.wire.conftest import ROOT, Sandbox, start, stop
from tests.wire.test_no_secret_leaks import hits
from tests.wire.ways import PASSWORD, Certificates, Way, own_ways, write_seed

SCRIPT = Path(__file__).parent / "clients" / "identity_canaries.py"
SINKS = ("logs", "stdout", "stderr", "exceptions", "reprs", "words")
CANARIES = (
    "client_assertion",
    "Entra's token",
    "AWS's assertion",
    "AWS's role secret",
    "AWS's role session",
    "Cognito's assertion",
    "vault",
    "Okta key",
    "client secret",
    "AWS key",
    "PFX",
    "PFX password",
    "token file",
    "wrong secret",
)
WRONG = "wr0ng~Secret-Of-Nobody"


def other_key() -> str:
    key = rsa.generate_private_key(65537, 2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def expired(folder: Path) -> Path:
    """A token whose time is over, that nobody signed."""
    part = (
        base64.urlsafe_b64encode(json.dumps({"exp": 1, "iss": "i", "sub": "s"}).encode()).decode().rstrip("=")
    )
    path = folder / "expired"
    path.write_text(f"{part}.{part}.{'c2lnbmF0dXJl' * 6}")
    return path


def failing(good: dict[str, Way], folder: Path, made: Certificates) -> dict[str, Way]:
    """Each way again, so that it is refused: by us, by its source, or by Entra."""

    def changed(name: str, password: str | None = None, **extra: Any) -> Way:
        way = good[name]
        return replace(
            way, extra={**way.extra, **extra}, password=way.password if password is None else password
        )

    (folder / "junk").write_text(WRONG)
    return {
        "expired": changed("federated by kubernetes", assertion_file=str(expired(folder))),
        "another audience": changed("federated by kubernetes", assertion_file=str(made.token_file("other"))),
        "a key that Okta does not know": changed("federated by okta", other_key()),
        "no key at all": changed("federated by okta", WRONG),
        "a role that may not be assumed": changed(
            "federated by aws_sts", aws_role_arn="arn:aws:iam::123456789012:role/train"
        ),
        "no such provider": changed("federated by cognito", cognito_provider="nobody"),
        "a PFX with another password": changed("certificate, PFX file with a password", WRONG),
        "a file that is no certificate": changed(
            "certificate, PEM file", certificate_file=str(folder / "junk")
        ),
        "a certificate of another application": Way(
            "secret",
            {**good["certificate, PEM file"].extra, "client_id": good["client_secret"].extra["client_id"]},
        ),
        "a wrong secret": changed("client_secret", WRONG),
        "a lost secret": changed("client_secret in Key Vault", credential_name="not-there"),
        "no az": Way("pod", {"auth": "azure_cli"}, environment={"PATH": str(folder)}),
    }


def secrets(sandbox: Sandbox, good: dict[str, Way], made: Certificates, bad: dict[str, Way]) -> Any:
    """What is never sent as it is: by name, the values to look for."""
    keys = configparser.ConfigParser()
    keys.read(sandbox.description["aws"]["credentials_file"])
    pems = [
        good["federated by okta"].password,
        bad["a key that Okta does not know"].password,
        made.pem.read_text(),
    ]
    return {
        "Okta key": ["".join(pem.split("-----")[2].split())[40:] for pem in pems],
        "client secret": [good["client_secret"].password],
        "AWS key": [
            section["aws_secret_access_key"]
            for _, section in keys.items()
            if section.get("aws_secret_access_key")
        ],
        "PFX": [base64.b64encode(made.pfx.read_bytes()).decode()],
        "PFX password": [PASSWORD],
        "token file": [
            made.token_file(name).read_text().strip().rpartition(".")[2] for name in ("train", "other")
        ]
        + ["c2lnbmF0dXJl" * 6],
        "wrong secret": [WRONG],
    }


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Any:
    cloud, data = CLOUDS["public"], tmp_path_factory.mktemp("identity-secrets")
    process, sandbox = start(data, write_seed(data / "seed.yaml", cloud))
    try:
        with closing(Certificates(sandbox, cloud, data)) as made:
            good = own_ways(sandbox, cloud, made)
            bad = failing(good, data, made)
            given = {"good": plain(good), "bad": plain(bad), "secrets": secrets(sandbox, good, made, bad)}
        return run(sandbox, given, data / "report.json")
    finally:
        stop(process)


def plain(ways: dict[str, Way]) -> dict[str, Any]:
    return {name: vars(way) for name, way in ways.items()}


def run(sandbox: Sandbox, given: Any, report: Path) -> Any:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(report)],
        input=json.dumps(given),
        env={
            **sandbox.environment,
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
            "AIRFLOW_HOME": str(report.parent / "airflow"),
        },
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-8000:]
    result = json.loads(report.read_text())
    result["sinks"].update(stdout=[done.stdout], stderr=[done.stderr])
    return result


def test_every_canary_was_used_and_every_sink_has_text(found: Any) -> None:
    assert {name for name, values in found["canaries"].items() if values} == set(CANARIES)
    assert set(found["sinks"]) == set(SINKS)
    assert any(text.startswith("botocore") for text in found["sinks"]["logs"])


@pytest.mark.parametrize("sink", SINKS)
def test_a_planted_leak_is_found(found: Any, sink: str) -> None:
    assert hits(found["sinks"][sink], PLANTED)


@pytest.mark.parametrize("sink", SINKS)
@pytest.mark.parametrize("canary", CANARIES)
def test_no_secret_of_a_sign_in_shows(found: Any, canary: str, sink: str) -> None:
    leaks = [leak for value in found["canaries"][canary] for leak in hits(found["sinks"][sink], value)]
    assert leaks == []
