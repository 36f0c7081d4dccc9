# SPDX-License-Identifier: Apache-2.0
"""`RELIABILITY_SOAK=1`: the demo in an Azure that has what `access export` made and no more, and without each grant.

Without a grant, exactly the task fails whose identity has it: a job that needs less would be over-granted, and one
that fails elsewhere would not be what the manifest says. What the check says meanwhile, and without the soak, is in
tests/wire/test_access_commands.py; here, without it, the plan of the runs is made and not carried out.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from airflow_provider_azureml.access.manifest import load
from demo.azure import Azure
from demo.connections import variables
from tests.wire.conftest import ROOT, Sandbox, start, stop
from tests.wire.empty_seed import empty_seed
from tests.wire.exported import access, signed_in
from tests.wire.identities import ARM, Client

SOAK = bool(os.environ.get("RELIABILITY_SOAK"))
DAGS = ROOT / "dags_examples"
#: Task of the example -> name of its identity in the manifest.
TASKS = {
    "rotate_secret": "rotation",
    "land": "land",
    "prep": "prep",
    "train": "train",
    "register": "registry",
}
SCRIPT = ROOT / "tests" / "wire" / "clients" / "nightly.py"


def expected() -> list[tuple[str, str, str, str]]:
    """Principal, role, scope and the task that must fail, for each grant of the manifest."""
    manifest = load(yaml.safe_load((DAGS / "access.yaml").read_text()), "access.yaml")
    tasks = {identity: task for task, identity in TASKS.items()}
    return [
        (principal.name, grant.role, grant.scope, tasks[identity.name])
        for identity in manifest.identities
        for principal in identity.principals.values()
        for grant in principal.grants
    ]


def test_without_one_grant_exactly_the_task_fails_that_has_it(tmp_path: Path) -> None:
    planned = expected()
    assert {task for *_, task in planned} == set(TASKS)
    if SOAK:
        carry_out(planned, tmp_path)
    sys.stdout.write(f"{len(planned)} grants, {len(planned) + 1 if SOAK else 0} nightly runs\n")


def carry_out(planned: list[tuple[str, str, str, str]], folder: Path) -> None:
    """Run the demo with what the exported commands made, then the night without each grant."""
    seed = empty_seed(folder / "empty.yaml")
    with serving(folder, seed) as sandbox:
        export(sandbox, folder)
    # From here on the machine that Airflow runs on has the identity that the manifest wants there.
    content = yaml.safe_load(seed.read_text())
    seed.write_text(yaml.safe_dump({**content, "host_identities": ["airflow-worker", "registry-reader"]}))
    demo(folder, seed)
    with serving(folder, seed) as sandbox:
        client = Client(sandbox)
        for principal, role, scope, task in planned:
            assert without(client, folder, principal, role, scope) == {task}, (principal, role, scope)
            sys.stdout.write(f"without {role} of {principal}: {task} failed\n")
        client.close()


@contextmanager
def serving(folder: Path, seed: Path) -> Iterator[Sandbox]:
    """The Azure of all these runs."""
    process, sandbox = start(folder / "sandbox", seed)
    try:
        yield sandbox
    finally:
        stop(process)


def export(sandbox: Sandbox, folder: Path) -> None:
    """Carry out what `access export` prints, and attach the run identities, which no format does."""
    _, script = access(sandbox, folder, "export", "--format", "az")
    (folder / "access.sh").write_text(script)
    with signed_in(sandbox, folder) as carried_out:
        carried_out("bash", str(folder / "access.sh"))
    client = Client(sandbox)
    group = sandbox.scope("nightly", "Microsoft.ManagedIdentity/userAssignedIdentities", "run-")
    attached = {"type": "UserAssigned", "userAssignedIdentities": {group + x: {} for x in ("prep", "train")}}
    client.http.patch(
        f"{ARM}{sandbox.workspace()}?api-version=2024-10-01",
        json={"identity": attached},
        headers=client.bearer("owner", ARM),
    ).raise_for_status()
    client.close()


def demo(folder: Path, seed: Path) -> None:
    """`make demo` on this Azure: it passes, or says why not."""
    command = [sys.executable, "-m", "demo", "run", "--state", str(folder), "--seed", str(seed)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    sys.stdout.write("with what the exported commands made: the demo passes\n")


def without(client: Client, folder: Path, principal: str, role: str, scope: str) -> set[str]:
    """The tasks of a night that fail while one grant is away."""
    held = assignment(client, client.sandbox.principal(principal)["object_id"], role, scope)
    address = f"{ARM}{held['id']}?api-version=2022-04-01"
    client.http.delete(address, headers=client.bearer("owner", ARM)).raise_for_status()
    # A process for each night, as tasks have theirs: a secret that was read once stays in memory.
    with nightly(client.sandbox, folder) as run:
        states = run()
    told = {name: held["properties"][name] for name in ("principalId", "roleDefinitionId")}
    body = {"properties": {**told, "principalType": "ServicePrincipal"}}
    client.http.put(address, json=body, headers=client.bearer("owner", ARM)).raise_for_status()
    return failed(states)


def failed(states: dict[str, str]) -> set[str]:
    """Tasks that failed themselves."""
    return {task for task, state in states.items() if state == "failed"}


def assignment(client: Client, object_id: str, role: str, scope: str) -> dict[str, Any]:
    """A principal's role assignment of a role at a scope."""
    base = f"{ARM}{scope}/providers/Microsoft.Authorization"
    owner = client.bearer("owner", ARM)
    roles = client.http.get(
        f"{base}/roleDefinitions",
        params={"api-version": "2022-04-01", "$filter": f"roleName eq '{role}'"},
        headers=owner,
    ).json()["value"]
    found = client.http.get(
        f"{base}/roleAssignments",
        params={"api-version": "2022-04-01", "$filter": f"principalId eq '{object_id}'"},
        headers=owner,
    ).json()["value"]
    guid = roles[0]["name"].lower()
    return next(
        each
        for each in found
        if each["properties"]["roleDefinitionId"].lower().endswith(guid)
        and each["properties"]["scope"].lower() == scope.lower()
    )


@contextmanager
def nightly(sandbox: Sandbox, folder: Path) -> Iterator[Any]:
    """A function that runs the night and says how its tasks ended."""
    home = folder / "nights"
    home.mkdir(exist_ok=True)
    environment = {
        **sandbox.environment,
        **variables(Azure(sandbox.description)),
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__AZUREML__DEPLOYMENT_ID": "grants",
    }
    options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": environment}
    command = [sys.executable, str(SCRIPT), str(DAGS)]
    with (
        (folder / "nightly.log").open("w") as log,
        subprocess.Popen(command, stderr=log, **options) as process,
    ):

        def run() -> dict[str, str]:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write("go\n")
            process.stdin.flush()
            for line in process.stdout:
                if line.startswith("STATES "):
                    found: dict[str, str] = json.loads(line.removeprefix("STATES "))
                    return found
            raise AssertionError((folder / "nightly.log").read_text()[-5000:])

        try:
            yield run
        finally:
            process.kill()
