# SPDX-License-Identifier: Apache-2.0
"""The sandbox as users run it: a process of its own, seeded like the demo, reached over HTTP only."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.wire.identities import Client

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Sandbox:
    """What a client may know of a running sandbox.

    :param description: the content of ``cloud.json``
    """

    data: Path
    description: dict[str, Any]

    @property
    def environment(self) -> dict[str, str]:
        """This process's environment, pointed at the sandbox, without any Azure variable of ours."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("AZURE_") and k != "SSL_CERT_DIR"}
        return {**kept, **self.description["environment"]}

    def requests(self) -> list[dict[str, Any]]:
        """The request log so far."""
        return [json.loads(line) for line in (self.data / "requests.jsonl").read_text().splitlines()]

    def scope(self, group: str, provider_type: str = "", name: str = "") -> str:
        """ARM id of a resource group, or of a resource in it."""
        below = f"/providers/{provider_type}/{name}" if provider_type else ""
        return f"/subscriptions/{self.description['subscription_id']}/resourceGroups/{group}{below}"

    def workspace(self, name: str = "nightly") -> str:
        """ARM id of a workspace; each has a resource group of its name."""
        return self.scope(name, "Microsoft.MachineLearningServices/workspaces", name)

    def principal(self, name: str) -> dict[str, str]:
        """``object_id``, ``client_id`` and, for a managed identity, ``resource_id`` of a seed name."""
        found: dict[str, str] = self.description["principals"][name]
        return found


def start(data: Path, seed: Path, cloud: str = "public") -> tuple[subprocess.Popen[bytes], Sandbox]:
    """Start ``azure-sandbox serve`` and wait until it answers."""
    (data / "cloud.json").unlink(missing_ok=True)
    data.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "azure_sandbox", "serve", "--cloud", cloud, "--data", str(data)]
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT / 'sandbox'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
    }
    with (data / "sandbox.log").open("ab") as log:
        process = subprocess.Popen(
            [*command, "--seed", str(seed), "--proxy-port", "0", "--metadata-port", "0"],
            stdout=log,
            stderr=log,
            env=environment,
            start_new_session=True,
        )
    deadline = time.monotonic() + 30
    while not (data / "cloud.json").exists():
        if process.poll() is not None or time.monotonic() > deadline:
            stop(process)
            raise RuntimeError(f"the sandbox did not start:\n{(data / 'sandbox.log').read_text()[-3000:]}")
        time.sleep(0.05)
    return process, Sandbox(data, json.loads((data / "cloud.json").read_text()))


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a sandbox as Ctrl-C does; what it left running goes with its process group."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(5)


def seed_with_tests_own(path: Path) -> Path:
    """The demo's seed, and what ``seed.yaml`` beside this file adds to its sections, in one file."""
    seed = yaml.safe_load((ROOT / "demo" / "seed.yaml").read_text())
    for section, entries in yaml.safe_load((Path(__file__).parent / "seed.yaml").read_text()).items():
        seed[section] = [*seed.get(section, []), *entries]
    path.write_text(yaml.safe_dump(seed))
    return path


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One sandbox with the demo's seed, and principals of the tests' own, for the whole session."""
    data = tmp_path_factory.mktemp("sandbox")
    process, sandbox = start(data, seed_with_tests_own(data / "seed.yaml"))
    yield sandbox
    stop(process)


FIGURES: list[str] = []


@pytest.fixture
def tell() -> Callable[[str], None]:
    """Add a line to the terminal's summary, whether or not output is captured."""
    return FIGURES.append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What the tests told."""
    if FIGURES:
        terminalreporter.section("wire")
        for line in FIGURES:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def client(sandbox: Sandbox) -> Iterator[Client]:
    """HTTP to the sandbox as any of its identities."""
    client = Client(sandbox)
    yield client
    client.close()
