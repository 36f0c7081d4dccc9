# SPDX-License-Identifier: Apache-2.0
"""Every way to be somebody x worker and triggerer x three clouds: a token of the right principal, from the sandbox.

One sandbox per cloud, with an identity per way (``every_way.yaml``); one process of the provider per sandbox.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_azureml.clouds import CLOUDS
from airflow_provider_azureml.ways import SOURCES, WAYS
from tests.wire.conftest import ROOT, Sandbox, start, stop
from tests.wire.ways import Way, ways, write_seed

SCRIPT = Path(__file__).parent / "clients" / "provider_identity.py"
NAMES = (
    "workload_identity",
    "workload_identity, file named by the pod",
    "federated by kubernetes",
    "federated by managed_identity",
    "federated by okta",
    "federated by okta, key in a file",
    "federated by okta, key in Key Vault",
    "federated by aws_sts",
    "federated by aws_sts, role assumed",
    "federated by aws_sts, a pod's own role",
    "federated by cognito",
    "federated by gcp_metadata",
    "managed_identity by client id",
    "managed_identity by object id",
    "managed_identity by resource id",
    "certificate, PEM file",
    "certificate, PFX file with a password",
    "certificate in Key Vault",
    "client_secret",
    "client_secret in Key Vault",
    "client_secret, cloud written out",
    "azure_cli",
    "default, a secret in the environment",
    "default, the machine's identity",
)
MILLISECONDS = 5.0


@dataclass(frozen=True)
class Found:
    """What the provider's process said, and the sandbox that it spoke to."""

    sandbox: Sandbox
    ways: dict[str, Way]
    said: dict[str, Any]


@pytest.fixture(scope="module", params=list(CLOUDS))
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Found]:
    cloud, data = CLOUDS[request.param], tmp_path_factory.mktemp(f"identity-{request.param}")
    process, sandbox = start(data, write_seed(data / "seed.yaml", cloud), cloud.name)
    try:
        every = ways(sandbox, cloud, data)
        yield Found(sandbox, every, run(sandbox, every))
    finally:
        stop(process)


def run(sandbox: Sandbox, every: dict[str, Way]) -> dict[str, Any]:
    wrong = Way("secret", every["client_secret"].extra, "wrong-secret")
    crowds = {"a good identity": every["federated by okta"], "a wrong secret": wrong}
    given = {
        "ways": {name: vars(way) for name, way in every.items()},
        "many": {name: vars(way) for name, way in crowds.items()},
    }
    environment = {
        **{name: text for name, text in sandbox.environment.items() if not name.startswith("AWS_ACCESS")},
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }
    done = subprocess.run(
        [sys.executable, "-X", "dev", str(SCRIPT)],
        input=json.dumps(given),
        env=environment,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr[-6000:]
    result: dict[str, Any] = json.loads(done.stdout.rpartition("FOUND ")[2])
    return result


def test_every_way_and_source_of_the_table_is_among_these(found: Found) -> None:
    assert set(found.ways) == set(NAMES)
    extras = [way.extra for way in found.ways.values()]
    assert {extra["auth"] for extra in extras} == set(WAYS)
    assert {extra["federated_source"] for extra in extras if "federated_source" in extra} == set(SOURCES)


@pytest.mark.parametrize("flavour", ["sync", "async"])
@pytest.mark.parametrize("name", NAMES)
def test_each_way_becomes_its_principal(found: Found, name: str, flavour: str) -> None:
    who = found.sandbox.principal(found.ways[name].who)
    said = found.said["ways"][name][flavour]
    assert said.get("error") is None
    assert (said["oid"], said["appid"]) == (who["object_id"], who["client_id"])
    assert said["tid"] == found.sandbox.description["tenant_id"]
    assert said["aud"] == CLOUDS[found.sandbox.description["cloud"]].resource_manager


def test_a_credential_is_made_in_five_milliseconds(found: Found, tell: Callable[[str], None]) -> None:
    slowest = max(found.said["made_in"], key=found.said["made_in"].get)
    took = found.said["made_in"][slowest]
    cloud = found.sandbox.description["cloud"]
    tell(f"identity, {cloud}: {len(NAMES) * 2} cells; a credential made in {took:.2f} ms at most ({slowest})")
    assert took <= MILLISECONDS


def test_threads_and_triggers_together_are_one_request_for_a_token(
    found: Found, tell: Callable[[str], None]
) -> None:
    """Twenty threads and five hundred triggers of one connection, after the cells above asked twice."""
    assert found.said["many"]["a good identity"] == ["AccessToken", "token"]
    counts = asked(found)
    tell(
        f"20 threads and 500 triggers: {counts['okta'] - 6} assertion of Okta; all refused: {counts['wrong']}"
    )
    assert counts["okta"] == 3 * 2 + 1


def test_a_sign_in_that_fails_for_all_is_one_for_the_threads_and_one_for_the_triggers(found: Found) -> None:
    assert found.said["many"]["a wrong secret"] == ["ClientAuthenticationError"]
    assert asked(found)["wrong"] == 2


def asked(found: Found) -> Counter[str]:
    """Requests to Okta, and sign-ins that Entra refused."""
    counts: Counter[str] = Counter()
    for line in found.sandbox.requests():
        counts["okta"] += line["host"] == "example.okta.com" and line["method"] == "POST"
        counts["wrong"] += line["path"].endswith("/oauth2/v2.0/token") and line["status"] == 401
    return counts
