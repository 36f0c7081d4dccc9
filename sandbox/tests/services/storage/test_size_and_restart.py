# SPDX-License-Identifier: Apache-2.0
"""Big content does not pass through memory, and what was written outlives the process."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import yaml
from azure.storage.blob import BlobServiceClient

from azure_sandbox.testing import serving
from sandbox.tests.services.storage.storage_cloud import StorageCloud, grant, seed

PIECE = 8 << 20
PIECES = 24


def test_a_file_of_many_pieces_is_written_and_read_whole(storage: StorageCloud, filesystem: str) -> None:
    piece = os.urandom(PIECE)
    url = f"dfs:/{filesystem}/big"
    assert storage.send("PUT", f"{url}?resource=file").status_code == 201
    for number in range(3):
        appended = storage.send("PATCH", f"{url}?action=append&position={number * PIECE}", content=piece)
        assert appended.status_code == 202
    assert storage.send("PATCH", f"{url}?action=flush&position={3 * PIECE}").status_code == 200
    content = storage.send("GET", url).content
    assert hashlib.sha256(content).digest() == hashlib.sha256(piece * 3).digest()
    part = storage.send("GET", url, headers={"Range": f"bytes={PIECE - 5}-{PIECE + 2_000_000}"})
    assert part.status_code == 206
    assert part.content == (piece[-5:] + piece)[:2_000_006]
    assert part.headers["content-range"] == f"bytes {PIECE - 5}-{PIECE + 2_000_000}/{3 * PIECE}"


def test_a_reader_keeps_what_it_began_to_read(storage: StorageCloud, filesystem: str) -> None:
    old, new = b"a" * (24 << 20), b"b" * 10
    headers = {"x-ms-blob-type": "BlockBlob", **storage.sandbox.bearer("owner", "https://storage.azure.com")}
    url = f"https://lake.blob.core.windows.net/{filesystem}/f"
    assert storage.sandbox.http.put(url, headers=headers, content=old).status_code == 201
    with storage.sandbox.http.stream("GET", url, headers=headers) as reading:
        pieces = reading.iter_bytes()
        first = next(pieces)
        assert storage.sandbox.http.put(url, headers=headers, content=new).status_code == 201
        assert hashlib.sha256(first + b"".join(pieces)).digest() == hashlib.sha256(old).digest()
    assert storage.sandbox.http.get(url, headers=headers).content == new


def test_the_lake_survives_a_restart(tmp_path: Path) -> None:
    with serving(tmp_path, seed()) as sandbox:
        grant(sandbox, "owner", "owner", sandbox.cloud.group_scope("rg"))
        before = StorageCloud(sandbox)
        before.send("PUT", "dfs:/data/a/b?resource=file", headers={"x-ms-permissions": "0644"})
        before.send("PATCH", "dfs:/data/a/b?action=append&position=0&flush=true", content=b"kept")
        before.send("PATCH", "dfs:/data/a/b?action=append&position=4", content=b"+later")
        etag = before.send("HEAD", "dfs:/data/a/b").headers["etag"]
    with serving(tmp_path, seed()) as sandbox:
        after = StorageCloud(sandbox)
        assert after.send("GET", "dfs:/data/a/b", headers={"If-Match": etag}).content == b"kept"
        assert after.send("HEAD", "dfs:/data/a/b").headers["x-ms-permissions"] == "rw-r--r--"
        assert after.send("PATCH", "dfs:/data/a/b?action=flush&position=10").status_code == 200
        assert after.send("GET", "blob:/data/a/b").content == b"kept+later"


@pytest.fixture
def process(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """``azure-sandbox serve`` in a process of its own, whose memory can be read."""
    document = {**seed(), "role_assignments": []}
    (tmp_path / "seed.yaml").write_text(yaml.safe_dump(document), encoding="utf8")
    command = [sys.executable, "-m", "azure_sandbox", "serve", "--data", str(tmp_path / "cloud")]
    command += ["--seed", str(tmp_path / "seed.yaml"), "--proxy-port", "0", "--metadata-port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            assert "proxy" in running.stdout.readline()
            yield running.pid, tmp_path / "cloud"
        finally:
            running.send_signal(signal.SIGTERM)
            running.wait(20)


def _most_memory(pid: int) -> int:
    """Bytes: the high-water mark of a process's resident memory."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf8").splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM"))


def test_big_files_do_not_pass_through_memory(process: tuple[int, Path]) -> None:
    pid, data = process
    description = json.loads((data / "cloud.json").read_text(encoding="utf8"))
    environment = description["environment"]
    key = _account_key(data)
    options = {
        "connection_verify": environment["SSL_CERT_FILE"],
        "proxies": {"https": environment["HTTPS_PROXY"]},
    }
    before = _most_memory(pid)
    with (
        BlobServiceClient("https://lake.blob.core.windows.net", key, **options) as service,
        service.get_blob_client("data", "big") as blob,
    ):
        blob.upload_blob(_zeros(PIECES), length=PIECES * PIECE, max_concurrency=2)
        copy = service.get_blob_client("data", "copy")
        copy.start_copy_from_url(blob.url)
        read = sum(map(len, copy.download_blob().chunks()))
    assert read == PIECES * PIECE
    assert _most_memory(pid) - before < 64 << 20


def _zeros(pieces: int) -> Iterator[bytes]:
    return (bytes(PIECE) for _ in range(pieces))


def _account_key(data: Path) -> str:
    with closing(sqlite3.connect(data / "state.sqlite3")) as connection:
        row = connection.execute("SELECT body FROM storage_account WHERE name='lake'").fetchone()
    return str(json.loads(row[0])["keys"][0])
