# SPDX-License-Identifier: Apache-2.0
"""Behind a proxy with an authority of its own, each variable alone is enough, in a worker and in a triggerer.

Each in a process of its own: aiohttp reads OpenSSL's variables when it is imported.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_azureml.rest.tls import OF_OPENSSL, OF_REQUESTS
from demo.azure import Azure
from demo.connections import variables
from tests.wire.conftest import ROOT, Sandbox

SCRIPT = Path(__file__).parent / "clients" / "provider_tls.py"
URL = "https://management.azure.com/subscriptions?api-version=2022-12-01"
ALL_WELL = {"sync": 401, "async": [401, 401, 401, [1]], "sign-in": True, "lake": False, "vault": True}
FILE, FOLDER = "a file", "a folder"
CASES = [(name, FILE) for name in (*OF_REQUESTS, "SSL_CERT_FILE")]
CASES += [("REQUESTS_CA_BUNDLE", FOLDER), ("SSL_CERT_DIR", FOLDER)]


def cases(authority: str, folder: Path) -> dict[str, dict[str, str]]:
    """What each case sets: the sandbox's authority as a file, or in a folder as OpenSSL looks it up."""
    (folder / "sandbox.pem").write_bytes(Path(authority).read_bytes())
    subprocess.run(["openssl", "rehash", str(folder)], check=True)
    places = {FILE: authority, FOLDER: str(folder)}
    alone = {f"{name} names {kind}": {name: places[kind]} for name, kind in CASES}
    stale = {"SSL_CERT_FILE": "/nowhere.pem", "SSL_CERT_DIR": "/nowhere"}
    return {**alone, "none": {}, "the first": {"REQUESTS_CA_BUNDLE": authority, **stale}}


@pytest.fixture(scope="module")
def found(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the provider's process says in each case, when no other variable tells of authorities."""
    environment = {**sandbox.environment, **variables(Azure(sandbox.description))}
    authority = environment["SSL_CERT_FILE"]
    for name in (*OF_REQUESTS, *OF_OPENSSL):
        environment.pop(name, None)
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment |= {"PYTHONPATH": path, "AIRFLOW_HOME": str(tmp_path_factory.mktemp("airflow"))}
    done = subprocess.run(
        [sys.executable, "-X", "dev", str(SCRIPT), URL],
        env=environment,
        input=json.dumps(cases(authority, tmp_path_factory.mktemp("authorities"))),
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-6000:]
    assert "unclosed" not in done.stderr.lower()
    said = [line.removeprefix("FOUND ") for line in done.stdout.splitlines() if line.startswith("FOUND ")]
    return dict(json.loads(line) for line in said)


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_each_variable_alone_lets_everything_through(found: dict[str, Any], name: str, kind: str) -> None:
    assert found[f"{name} names {kind}"] == ALL_WELL


def test_the_variables_of_requests_win_over_those_of_openssl(found: dict[str, Any]) -> None:
    assert found["the first"] == ALL_WELL


def test_without_any_neither_driver_trusts_the_proxy(found: dict[str, Any]) -> None:
    told = {name: str(result).lower().replace("_", " ") for name, result in found["none"].items()}
    assert all("certificate verify failed" in text for text in told.values()), told
