# SPDX-License-Identifier: Apache-2.0
"""No secret shows anywhere: real work at level DEBUG, without Airflow's masker, and every sink searched.

Locals of frames are no sink: a frame that signs in holds what it signs in with, and nobody logs locals.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from demo.azure import Azure
from demo.connections import variables
from tests.wire.clients.provider_canaries import PLANTED
from tests.wire.conftest import ROOT, Sandbox, seed_with_tests_own, start, stop
from tests.wire.identities import Client

SCRIPT = Path(__file__).parent / "clients" / "provider_canaries.py"
SINKS = ("logs", "stdout", "stderr", "results", "exceptions", "reprs", "triggers", "templates", "audit")
CANARIES = (
    "connection's password",
    "wrong secret",
    "client_secret",
    "client_assertion",
    "bearer token",
    "vault",
    "new password",
    "signature of a GET",
    "signature of a PUT",
)


def _base64(value: str) -> list[str]:
    """The part of the text that stands in its base64, wherever in the encoded text it begins."""
    raw = value.encode()
    cores = []
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + raw).decode().rstrip("=")
        cores.append(encoded[4 if shift else 0 : -2])
    return [*cores, *(core.replace("+", "-").replace("/", "_") for core in cores)]


FORMS: dict[str, Callable[[str], list[str]]] = {
    "plain": lambda value: [value],
    "URL": lambda value: [quote(value, safe=""), quote(value), quote_plus(value)],
    "base64": _base64,
    "JSON": lambda value: [json.dumps(value)[1:-1]],
    "beginning": lambda value: [value[:12]],
}


@pytest.fixture(scope="module")
def own_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Of its own, since a secret is rotated here."""
    data = tmp_path_factory.mktemp("canaries")
    process, sandbox = start(data, seed_with_tests_own(data / "seed.yaml"))
    yield sandbox
    stop(process)


@pytest.fixture(scope="module")
def secret(own_sandbox: Sandbox) -> str:
    """What the connection's password is: a secret of an application, as its vault holds it."""
    client = Client(own_sandbox)
    try:
        return client.client_secret("classicvault", "scientist", "owner")
    finally:
        client.close()


def nowhere() -> str:
    """The address of a proxy that was there a moment ago."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


def environment(sandbox: Sandbox, secret: str, home: Path) -> dict[str, str]:
    extra = {
        "auth": "client_secret",
        "tenant_id": sandbox.description["tenant_id"],
        "client_id": sandbox.principal("scientist")["client_id"],
        "subscription_id": sandbox.description["subscription_id"],
        "resource_group": "classic",
        "workspace_name": "classic",
    }
    connection = {"conn_type": "azureml", "password": secret, "extra": extra}
    return {
        **sandbox.environment,
        **variables(Azure(sandbox.description)),
        "AIRFLOW_CONN_CANARY_PASSWORD": json.dumps(connection),
        "RUN_CLASSIC": sandbox.principal("run-classic")["client_id"],
        "AIRFLOW__AZUREML__DEPLOYMENT_ID": "canaries",
        "AIRFLOW__CORE__HIDE_SENSITIVE_VAR_CONN_FIELDS": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG",
        "AIRFLOW_HOME": str(home),
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }


@pytest.fixture(scope="module")
def found(own_sandbox: Sandbox, secret: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The canaries that were used, and all that was said."""
    home = tmp_path_factory.mktemp("airflow")
    report = home / "report.json"
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(report), secret, nowhere()],
        env=environment(own_sandbox, secret, home),
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-8000:]
    result: dict[str, Any] = json.loads(report.read_text())
    audit = [path.read_text() for path in home.glob("logs/azureml-audit/*/*.jsonl")]
    result["sinks"].update(stdout=[done.stdout], stderr=[done.stderr], audit=audit)
    return result


def hits(texts: list[str], value: str) -> list[str]:
    """In which forms a value stands in a sink, each with the first text that holds it."""
    seen = []
    for form, encode in FORMS.items():
        needles = encode(value)
        first = next((text for text in texts if any(needle in text for needle in needles)), None)
        if first is not None:
            seen.append(f"{form}: {first[:400]}")
    return seen


def test_every_canary_was_on_the_wire_and_every_sink_has_text(found: dict[str, Any]) -> None:
    assert {name for name, values in found["canaries"].items() if values} == set(CANARIES)
    assert set(found["sinks"]) == set(SINKS)


@pytest.mark.parametrize("sink", SINKS)
def test_a_planted_leak_is_found(found: dict[str, Any], sink: str) -> None:
    assert hits(found["sinks"][sink], PLANTED)


@pytest.mark.parametrize("form", FORMS)
def test_a_leak_is_found_in_every_form(form: str) -> None:
    written = {
        "plain": PLANTED,
        "URL": quote_plus(PLANTED),
        "base64": base64.b64encode(f"user:{PLANTED}".encode()).decode(),
        "JSON": json.dumps({"key": PLANTED}),
        "beginning": PLANTED[:14],
    }
    assert any(seen.startswith(f"{form}: ") for seen in hits([written[form]], PLANTED))


@pytest.mark.parametrize("sink", SINKS)
@pytest.mark.parametrize("canary", CANARIES)
def test_no_secret_shows(found: dict[str, Any], canary: str, sink: str) -> None:
    leaks = [leak for value in found["canaries"][canary] for leak in hits(found["sinks"][sink], value)]
    assert leaks == []
