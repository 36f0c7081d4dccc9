# SPDX-License-Identifier: Apache-2.0
"""What `access export` prints, carried out: Azure CLI commands by the unmodified Azure CLI, ARM JSON by ARM.

In an Azure in which nobody has anything, `access check` finds all missing before, and nothing to say after.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.wire.conftest import Sandbox, start, stop
from tests.wire.empty_seed import OWNER, empty_seed
from tests.wire.exported import access, signed_in
from tests.wire.identities import ARM, GRAPH, Client


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    data = tmp_path_factory.mktemp("empty")
    process, sandbox = start(data, empty_seed(data / "seed.yaml"))
    yield sandbox
    stop(process)


def states(text: str) -> dict[str, int]:
    """How often each state of a finding occurs."""
    found = [row["state"] for row in json.loads(text) if row["is_finding"]]
    return {state: found.count(state) for state in set(found)}


def test_the_azure_cli_makes_what_the_manifest_says_and_again_changes_nothing(
    empty: Sandbox, tmp_path: Path
) -> None:
    code, before = access(empty, tmp_path, "check", "--json", "--conn-id", "auditor")
    assert (code, set(states(before)) <= {"MISSING", "UNKNOWN"}) == (1, True)
    _, script = access(empty, tmp_path, "export", "--format", "az")
    (tmp_path / "access.sh").write_text(script)
    began = time.monotonic()
    with signed_in(empty, tmp_path) as carried_out:
        carried_out("bash", str(tmp_path / "access.sh"))
        made = effects(empty)
        carried_out("bash", str(tmp_path / "access.sh"))
    assert effects(empty) == made
    code, after = access(empty, tmp_path, "check", "--json", "--conn-id", "auditor")
    assert (code, states(after)) == (0, {})
    sys.stdout.write(f"the exported commands, twice: {time.monotonic() - began:.0f} s\n")


def test_arm_deploys_the_template_and_the_check_is_clean(tmp_path: Path) -> None:
    data = tmp_path / "arm"
    data.mkdir()
    process, sandbox = start(data, empty_seed(data / "seed.yaml", applications=True))
    try:
        _, printed = access(sandbox, tmp_path, "export", "--format", "arm")
        template = json.loads(printed)
        names = {f"app_{name.replace('-', '_')}": name for name in sandbox.description["principals"]}
        values = {
            name: {"value": sandbox.principal(names[name])["object_id"]} for name in template["parameters"]
        }
        properties = {"mode": "Incremental", "template": template, "parameters": values}
        client = Client(sandbox)
        for _ in range(2):  # again, it is the same
            address = f"{ARM}/subscriptions/{sandbox.description['subscription_id']}/providers"
            answer = client.http.put(
                f"{address}/Microsoft.Resources/deployments/access?api-version=2022-09-01",
                json={"location": "eastus", "properties": properties},
                headers=client.bearer(OWNER, ARM),
            )
            assert answer.status_code in (200, 201), answer.text[:3000]
            shown = client.http.get(str(answer.request.url), headers=client.bearer(OWNER, ARM)).json()
            assert shown["properties"]["provisioningState"] == "Succeeded", json.dumps(shown)[:3000]
        client.close()
        code, after = access(sandbox, tmp_path, "check", "--json", "--conn-id", "auditor")
        assert (code, states(after)) == (0, {})
    finally:
        stop(process)


def test_what_is_extra_in_entra_goes_by_the_commands_that_stand_beside_it(tmp_path: Path) -> None:
    data = tmp_path / "extra"
    data.mkdir()
    process, sandbox = start(data, empty_seed(data / "seed.yaml", applications=True))

    def extra() -> dict[str, str]:
        """What is found, and the command beside it."""
        _, found = access(sandbox, tmp_path, "check", "--json", "--conn-id", "auditor")
        rows = json.loads(found)
        return {row["what"]: row["mend"] for row in rows if row["state"] == "EXTRA"}

    try:
        give_too_much(sandbox)
        mends = extra()
        assert set(mends) == {
            "Graph permission Directory.ReadWrite.All",
            "owner of application 'airflow-train'",
        }
        with signed_in(sandbox, tmp_path) as carried_out:
            for mend in mends.values():
                carried_out("bash", "-c", mend)
        assert extra() == {}
    finally:
        stop(process)


def give_too_much(sandbox: Sandbox) -> None:
    """`airflow-land` gets a permission of Graph, and becomes an owner of `airflow-train`."""
    client = Client(sandbox)
    land, train = (sandbox.principal(name) for name in ("airflow-land", "airflow-train"))

    def graph(method: str, path: str, body: dict[str, str] | None = None) -> Any:
        headers = client.bearer(OWNER, GRAPH)
        answer = client.http.request(method, f"{GRAPH}/v1.0/{path}", headers=headers, json=body)
        return answer.raise_for_status().json() if answer.content else None

    itself = graph("GET", "servicePrincipals(appId='00000003-0000-0000-c000-000000000000')")
    role = next(role["id"] for role in itself["appRoles"] if role["value"] == "Directory.ReadWrite.All")
    body = {"principalId": land["object_id"], "resourceId": itself["id"], "appRoleId": role}
    graph("POST", f"servicePrincipals/{land['object_id']}/appRoleAssignments", body)
    reference = {"@odata.id": f"{GRAPH}/v1.0/directoryObjects/{land['object_id']}"}
    graph("POST", f"applications(appId='{train['client_id']}')/owners/$ref", reference)
    client.close()


def effects(sandbox: Sandbox) -> list[Any]:
    """Changes of role assignments so far, by the sandbox's ledger."""
    import httpx

    control = json.loads((sandbox.data / "control.json").read_text())
    answer = httpx.get(
        f"{control['url']}/ledger",
        params={"kind": "role-assignment"},
        headers={"Authorization": f"Bearer {control['token']}"},
        trust_env=False,
    )
    return list(answer.raise_for_status().json().get("value", answer.json()))
