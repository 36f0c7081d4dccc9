# SPDX-License-Identifier: Apache-2.0
"""What a sandbox knows outlives it: killed without warning, then started again on the same data."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.wire.conftest import Sandbox, seed_with_tests_own, start, stop
from tests.wire.identities import ARM, GRAPH, STORAGE, VAULT, Client

BLOB = {"x-ms-version": "2023-11-03", "x-ms-blob-type": "BlockBlob"}
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
ASSIGNMENT = "11111111-2222-4333-8444-555555555555"


def urls(sandbox: Sandbox) -> dict[str, str]:
    arm = "https://management.azure.com"
    workspace = f"{arm}{sandbox.workspace('classic')}"
    registry = sandbox.principal("airflow-registry")["client_id"]
    return {
        "secret": "https://classicvault.vault.azure.net/secrets/kept?api-version=7.4",
        "assignment": f"{arm}{sandbox.scope('classic')}/providers/Microsoft.Authorization/roleAssignments/"
        f"{ASSIGNMENT}?api-version=2022-04-01",
        "blob": "https://classiclake.blob.core.windows.net/data/kept/blob",
        "file": "https://classiclake.dfs.core.windows.net/data/kept/file",
        "model": f"{workspace}/models/kept/versions/1?api-version=2023-08-01-preview",
        "environment": f"{workspace}/environments/kept/versions/1?api-version=2023-04-01",
        "finished": f"{workspace}/jobs/kept-finished?api-version=2024-01-01-preview",
        "running": f"{workspace}/jobs/kept-running?api-version=2024-01-01-preview",
        "application": f"https://graph.microsoft.com/v1.0/applications(appId='{registry}')",
    }


def send(client: Client, method: str, url: str, **content: object) -> httpx.Response:
    """A request of the owner (or, to Graph, of the directory's administrator)."""
    audiences = {"management": ARM, "classicvault": VAULT, "classiclake": STORAGE, "graph": GRAPH}
    audience = next(a for part, a in audiences.items() if f"://{part}" in url)
    headers = client.bearer("directory-admin" if audience == GRAPH else "owner", audience)
    headers |= BLOB if audience == STORAGE else {}
    answer = client.http.request(method, url, headers=headers, **content)
    assert answer.is_success, f"{method} {url}: {answer.status_code} {answer.text}"
    return answer


def status(client: Client, url: str) -> str:
    return str(send(client, "GET", url).json()["properties"]["status"])


def wait_for(client: Client, url: str, *wanted: str) -> str:
    deadline = time.monotonic() + 60
    while (found := status(client, url)) not in wanted and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


def fill(sandbox: Sandbox, client: Client) -> None:
    """Put one of everything into the cloud."""
    at = urls(sandbox)
    send(client, "PUT", at["secret"], json={"value": "first"})
    send(client, "PUT", at["secret"], json={"value": "second"})
    role = f"/subscriptions/{sandbox.description['subscription_id']}/providers/Microsoft.Authorization/roleDefinitions/{READER}"
    principal = sandbox.principal("airflow-land")["object_id"]
    properties = {"roleDefinitionId": role, "principalId": principal, "principalType": "ServicePrincipal"}
    send(client, "PUT", at["assignment"], json={"properties": properties})
    send(client, "PUT", at["blob"], content=b"blob content")
    send(client, "PUT", f"{at['file']}?resource=file")
    send(client, "PATCH", f"{at['file']}?action=append&position=0", content=b"file content")
    send(client, "PATCH", f"{at['file']}?action=flush&position=12")
    model = {"modelUri": "azureml://datastores/lake/paths/kept", "modelType": "custom_model"}
    send(client, "PUT", at["model"], json={"properties": model})
    send(client, "PUT", at["environment"], json={"properties": {"image": "any"}})
    for name, command in (("finished", "echo done"), ("running", "sleep 300")):
        identity = {"identityType": "Managed", "clientId": sandbox.principal("run-classic")["client_id"]}
        job = {
            "jobType": "Command",
            "command": command,
            "environmentId": f"{sandbox.workspace('classic')}/environments/kept/versions/1",
            "identity": identity,
        }
        send(client, "PUT", at[name], json={"properties": job})


@pytest.fixture(scope="module")
def restarted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sandbox, Client, dict[str, str]]]:
    """A sandbox after kill -9 and a second start, with what was noted before."""
    folder = tmp_path_factory.mktemp("restart")
    data, seed = folder / "data", seed_with_tests_own(folder / "seed.yaml")
    process, sandbox = start(data, seed)
    client = Client(sandbox)
    try:
        fill(sandbox, client)
        at = urls(sandbox)
        assert wait_for(client, at["finished"], "Completed", "Failed") == "Completed"
        assert wait_for(client, at["running"], "Running") == "Running"
        added = send(
            client, "POST", f"{at['application']}/addPassword", json={"passwordCredential": {}}
        ).json()
        noted = {"key": added["keyId"], "token": client.bearer("owner", ARM)["Authorization"]}
    finally:
        client.close()
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
    process, sandbox = start(data, seed)
    client = Client(sandbox)
    yield sandbox, client, noted
    client.close()
    stop(process)


Restarted = tuple[Sandbox, Client, dict[str, str]]


def test_secrets_survive_with_all_their_versions(restarted: Restarted) -> None:
    sandbox, client, _ = restarted
    secret = urls(sandbox)["secret"]
    assert send(client, "GET", secret).json()["value"] == "second"
    versions = send(client, "GET", secret.replace("/kept?", "/kept/versions?")).json()["value"]
    assert len(versions) == 2


def test_role_assignments_survive_and_still_count(restarted: Restarted) -> None:
    sandbox, client, _ = restarted
    assigned = send(client, "GET", urls(sandbox)["assignment"]).json()["properties"]
    assert assigned["principalId"] == sandbox.principal("airflow-land")["object_id"]
    group = f"https://management.azure.com{sandbox.scope('classic')}?api-version=2022-09-01"
    allowed = client.http.get(group, headers=client.bearer("airflow-land", ARM))
    assert allowed.status_code == 200, allowed.text


def test_blobs_and_files_survive(restarted: Restarted) -> None:
    sandbox, client, _ = restarted
    assert send(client, "GET", urls(sandbox)["blob"]).content == b"blob content"
    assert send(client, "GET", urls(sandbox)["file"]).content == b"file content"


def test_models_and_finished_jobs_survive(restarted: Restarted) -> None:
    sandbox, client, _ = restarted
    assert send(client, "GET", urls(sandbox)["model"]).json()["properties"]["modelType"] == "custom_model"
    assert status(client, urls(sandbox)["finished"]) == "Completed"


def test_a_job_that_died_with_the_sandbox_is_failed_rather_than_running_for_ever(
    restarted: Restarted,
) -> None:
    sandbox, client, _ = restarted
    assert wait_for(client, urls(sandbox)["running"], "Failed", "Canceled") == "Failed"


def test_client_secrets_and_tokens_survive(restarted: Restarted) -> None:
    sandbox, client, noted = restarted
    passwords = send(client, "GET", urls(sandbox)["application"]).json()["passwordCredentials"]
    assert noted["key"] in {password["keyId"] for password in passwords}
    group = f"https://management.azure.com{sandbox.scope('classic')}?api-version=2022-09-01"
    assert client.http.get(group, headers={"Authorization": noted["token"]}).status_code == 200


def test_the_seed_is_not_applied_over_what_changed(restarted: Restarted) -> None:
    """The seeded secret of the vault still signs in: it was not made a second time."""
    _, client, _ = restarted
    assert client.bearer("airflow-registry", ARM)["Authorization"].startswith("Bearer ")
