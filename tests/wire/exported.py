# SPDX-License-Identifier: Apache-2.0
"""The access commands on the example's manifest, and the Azure CLI, signed in as who may do all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.azure import Azure
from tests.wire.azure_cli import running
from tests.wire.conftest import ROOT, Sandbox
from tests.wire.empty_seed import OWNER

MANIFEST = ROOT / "dags_examples" / "access.yaml"


def auditing(sandbox: Sandbox, home: Path) -> dict[str, str]:
    """The environment of a process whose connection `auditor` is the sandbox's auditor."""
    azure = Azure(sandbox.description)
    auditor = {
        "auth": "workload_identity",
        "tenant_id": azure.tenant_id,
        "client_id": azure.client_id("auditor"),
        "assertion_file": str(azure.token_file("auditor")),
    }
    return {
        **sandbox.environment,
        "AIRFLOW_CONN_AUDITOR": json.dumps({"conn_type": "azureml", "extra": auditor}),
        "AIRFLOW_HOME": str(home),
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }


def access(sandbox: Sandbox, home: Path, *words: str) -> tuple[int, str]:
    """Exit code and output of an access command, read as the auditor."""
    command = [
        str(Path(sys.executable).parent / "airflow-azureml"),
        "access",
        *words,
        "--manifest",
        str(MANIFEST),
    ]
    environment = auditing(sandbox, home)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180)
    assert done.returncode in (0, 1), done.stderr[-4000:]
    return done.returncode, done.stdout


@contextmanager
def signed_in(sandbox: Sandbox, folder: Path) -> Iterator[Callable[..., None]]:
    """Carries out a command whose `az` is the unmodified Azure CLI, signed in as the owner without a secret."""
    token = Path(sandbox.description["service_account_tokens"]) / "tests" / OWNER / "token"
    who = ("--username", sandbox.principal(OWNER)["client_id"], "--tenant", sandbox.description["tenant_id"])
    proof = ("--federated-token", token.read_text(), "--output", "none")
    with running(folder, sandbox.environment) as environment:

        def carried_out(*command: str) -> None:
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
            assert done.returncode == 0, done.stderr[-4000:]

        carried_out("az", "login", "--service-principal", *who, *proof)
        yield carried_out
