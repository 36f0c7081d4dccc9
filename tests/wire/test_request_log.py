# SPDX-License-Identifier: Apache-2.0
"""The request log is evidence: it says who asked what, and holds nothing that could be used again."""

from __future__ import annotations

import uuid

from tests.wire.conftest import Sandbox
from tests.wire.identities import ARM, STORAGE, VAULT, Client

BLOB = {"x-ms-version": "2023-11-03", "x-ms-blob-type": "BlockBlob"}


def test_each_request_is_logged_with_its_caller_and_its_answer(sandbox: Sandbox, client: Client) -> None:
    path = f"/data/log/{uuid.uuid4().hex}"
    for identity in ("owner", "airflow-worker"):
        headers = {**BLOB, "User-Agent": "wire", **client.bearer(identity, STORAGE)}
        client.http.put(f"https://classiclake.blob.core.windows.net{path}", content=b"x", headers=headers)
    allowed, refused = (line for line in sandbox.requests() if line["path"] == path)
    assert (allowed["status"], allowed["object_id"]) == (201, sandbox.principal("owner")["object_id"])
    assert (refused["status"], refused["object_id"]) == (
        403,
        sandbox.principal("airflow-worker")["object_id"],
    )
    assert (refused["method"], refused["caller"], refused["user_agent"]) == ("PUT", "bearer", "wire")


def test_neither_log_holds_a_token_a_signature_a_secret_or_a_key(sandbox: Sandbox, client: Client) -> None:
    workspace = f"https://management.azure.com{sandbox.workspace('classic')}"
    owner = client.bearer("owner", ARM)
    uploaded = client.http.post(
        f"{workspace}/codes/{uuid.uuid4()}/versions/1/startPendingUpload?api-version=2023-04-01",
        json={"pendingUploadType": "TemporaryBlobReference"},
        headers=owner,
    ).json()
    container, _, sas = uploaded["blobReferenceForConsumption"]["credential"]["sasUri"].partition("?")
    put = client.http.put(f"{container}/a?{sas}", content=b"x", headers=BLOB)
    assert put.status_code == 201, put.text
    keys = client.http.post(
        f"{workspace}/datastores/workspaceblobstore/listSecrets?api-version=2024-10-01",
        json={},
        headers=owner,
    ).json()
    value = f"value-{uuid.uuid4().hex}"
    client.http.put(
        "https://classicvault.vault.azure.net/secrets/logged?api-version=7.4",
        json={"value": value},
        headers=client.bearer("owner", VAULT),
    ).raise_for_status()
    wrong = f"wrong-{uuid.uuid4().hex}"
    refused = client.http.post(
        f"https://login.microsoftonline.com/{sandbox.description['tenant_id']}/oauth2/v2.0/token",
        data={
            "grant_type": "client_credentials",
            "client_id": sandbox.principal("scientist")["client_id"],
            "client_secret": wrong,
            "scope": f"{ARM}/.default",
        },
    )
    assert refused.status_code == 401
    signature = next(part for part in sas.split("&") if part.startswith("sig="))
    token = owner["Authorization"].partition(" ")[2]
    logs = "".join((sandbox.data / name).read_text() for name in ("requests.jsonl", "sandbox.log"))
    assert container.rpartition("/")[2] in logs
    for secret in (signature, token, token.rpartition(".")[2], keys["key"], value, wrong):
        assert secret not in logs
