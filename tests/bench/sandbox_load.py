# SPDX-License-Identifier: Apache-2.0
"""The sandbox under load: requests per second through proxy and TLS with RBAC on, and its memory."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import yaml

from tests.bench.figure import Figure
from tests.bench.load import Step, measure
from tests.wire.conftest import Sandbox, start, stop

SECONDS = 8.0
BLOB = b"x" * 4096
MIB = 1 << 20

SEED = {
    "resource_groups": ["rg-bench"],
    "applications": [{"name": "bench"}],
    "storage_accounts": [
        {
            "name": "benchlake",
            "resource_group": "rg-bench",
            "hns": True,
            "shared_key": False,
            "containers": ["data"],
        }
    ],
    "managed_identities": [{"name": "id-bench", "resource_group": "rg-bench"}],
    "host_identities": ["id-bench"],
    "role_assignments": [
        {"principal": "id-bench", "role": "Reader", "scope": "group:rg-bench"},
        {
            "principal": "id-bench",
            "role": "Storage Blob Data Contributor",
            "scope": "container:benchlake/data",
        },
    ],
}

BARE = """
import sys, uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
async def bare(request): return JSONResponse({"value": "bare"})
uvicorn.run(Starlette(routes=[Route("/", bare)]), port=int(sys.argv[1]), access_log=False, log_level="error")
"""


def figures() -> Iterator[Figure]:
    """Requests per second (beside a bare Starlette route in the same run), and resident memory."""
    bare = asyncio.run(_bare())
    with tempfile.TemporaryDirectory() as folder:
        seed = Path(folder) / "seed.yaml"
        seed.write_text(yaml.safe_dump(SEED))
        process, sandbox = start(Path(folder) / "data", seed)
        try:
            rate = asyncio.run(_loaded(sandbox))
            _fill(sandbox, 100)
            resident = _resident_mb(process.pid)
        finally:
            stop(process)
    yield Figure(
        "sandbox requests",
        rate,
        "req/s",
        500,
        f"bare Starlette route {bare:.0f} req/s, ratio {rate / bare:.2f}",
        True,
    )
    yield Figure("sandbox memory, 100 MB in the lake", resident, "MB", 300, "resident set of the process")


def _token(sandbox: Sandbox, resource: str) -> str:
    answer = httpx.get(
        f"{sandbox.description['metadata_url']}/metadata/identity/oauth2/token",
        params={"api-version": "2018-02-01", "resource": resource},
        headers={"Metadata": "true"},
        trust_env=False,
    )
    return str(answer.raise_for_status().json()["access_token"])


def _request(method: str, host: str, path: str, token: str, body: bytes = b"", **headers: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", f"Authorization: Bearer {token}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if body or method == "PUT":
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def _loaded(sandbox: Sandbox) -> float:
    context = ssl.create_default_context(cafile=sandbox.environment["SSL_CERT_FILE"])
    port = int(sandbox.environment["HTTPS_PROXY"].rpartition(":")[2])
    arm, blob = "management.azure.com", "benchlake.blob.core.windows.net"
    group = f"/subscriptions/{sandbox.description['subscription_id']}/resourceGroups/rg-bench?api-version=2022-09-01"
    management, storage = (
        _token(sandbox, "https://management.azure.com"),
        _token(sandbox, "https://storage.azure.com"),
    )
    get_group = _request("GET", arm, group, management)
    get_blob = _request("GET", blob, "/data/seeded.bin", storage, x_ms_version="2023-11-03")
    number = itertools.count()

    def put_blob() -> bytes:
        path = f"/data/load/{next(number) % 2000}.bin"
        return _request(
            "PUT", blob, path, storage, BLOB, x_ms_version="2023-11-03", x_ms_blob_type="BlockBlob"
        )

    seeded = _request(
        "PUT", blob, "/data/seeded.bin", storage, BLOB, x_ms_version="2023-11-03", x_ms_blob_type="BlockBlob"
    )
    created, ok = frozenset({201}), frozenset({200})
    await measure([[Step(blob, lambda: seeded, created)]], port, context, 0.2)
    read_group = Step(arm, lambda: get_group, ok)
    # Half ARM, a quarter writes, a quarter reads; eight workers with a connection to either host.
    turn = [read_group, Step(blob, put_blob, created), read_group, Step(blob, lambda: get_blob, ok)]
    return await measure([turn] * 8, port, context, SECONDS)


async def _bare() -> float:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-c", BARE, str(port)])
    try:
        request = b"GET / HTTP/1.1\r\nHost: bare\r\n\r\n"
        step = Step("bare", lambda: request, frozenset({200}))
        deadline = time.monotonic() + 15
        while True:
            try:
                return await measure([[step]] * 16, port, None, SECONDS)
            except ConnectionRefusedError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.1)
    finally:
        process.terminate()
        process.wait(10)


def _fill(sandbox: Sandbox, mib: int) -> None:
    """Put so many MiB into the lake, 4 MiB a blob."""
    context = ssl.create_default_context(cafile=sandbox.environment["SSL_CERT_FILE"])
    token = _token(sandbox, "https://storage.azure.com")
    headers = {
        "Authorization": f"Bearer {token}",
        "x-ms-version": "2023-11-03",
        "x-ms-blob-type": "BlockBlob",
    }
    with httpx.Client(proxy=sandbox.environment["HTTPS_PROXY"], verify=context, trust_env=False) as client:
        for number in range(mib // 4):
            url = f"https://benchlake.blob.core.windows.net/data/fill/{number}.bin"
            client.put(url, content=os.urandom(4 * MIB), headers=headers).raise_for_status()


def _resident_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(json.dumps({"pid": pid, "error": "no VmRSS"}))
