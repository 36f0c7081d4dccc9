# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest


def test_a_host_that_is_not_azures_is_refused(serve):
    sandbox = serve({})
    with pytest.raises(httpx.ProxyError, match="403"):
        sandbox.http.get("https://example.org/")


@pytest.mark.parametrize(
    "target", ["management.azure.com:80", "management.azure.com.evil.org:443", ":443", "127.0.0.1:443"]
)
def test_connect_opens_for_azure_names_on_port_443_only(serve, target):
    sandbox = serve({})
    port = int(sandbox.environment["HTTPS_PROXY"].rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 403")


def test_garbage_at_the_proxy_is_refused(serve):
    sandbox = serve({})
    port = int(sandbox.environment["HTTPS_PROXY"].rpartition(":")[2])
    for garbage in (b"\r\n\r\n", b"\xff\xfe\r\n\r\n", b"A" * 20_000):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(garbage)
            assert connection.recv(4096).startswith(b"HTTP/1.1 4")


def test_every_socket_is_bound_to_loopback(serve):
    serve({})
    listening = subprocess.run(
        [sys.executable, "-c", _LISTENING, str(os.getpid())], capture_output=True, text=True, check=True
    ).stdout.split()
    assert listening, "the sandbox listens somewhere"
    assert set(listening) == {"0100007F"}


_LISTENING = """
import os, re, sys
pid = sys.argv[1]
inodes = {m.group(1) for fd in os.listdir(f'/proc/{pid}/fd')
          if (m := re.match(r'socket:\\[(\\d+)]', os.readlink(f'/proc/{pid}/fd/{fd}')))}
for name in ('tcp', 'tcp6'):
    for line in open(f'/proc/{pid}/net/{name}').readlines()[1:]:
        fields = line.split()
        if fields[3] == '0A' and fields[9] in inodes:
            print(fields[1].split(':')[0])
"""


def test_an_unknown_seed_section_is_named(tmp_path: Path):
    seed = tmp_path / "seed.yaml"
    seed.write_text("storage: []\n")
    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "azure_sandbox",
            "serve",
            "--data",
            str(tmp_path / "data"),
            "--seed",
            str(seed),
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 2
    assert "unknown section 'storage'" in ran.stderr


def test_a_refusal_of_storage_says_why_in_its_status_line_even_to_head(serve):
    seed = {
        "resource_groups": ["rg"],
        "managed_identities": [{"name": "stranger", "resource_group": "rg"}],
        "storage_accounts": [
            {"name": "lake", "resource_group": "rg", "hns": True, "shared_key": False, "containers": ["raw"]}
        ],
    }
    sandbox = serve(seed)
    headers = {**sandbox.bearer("stranger", "https://storage.azure.com"), "x-ms-version": "2021-12-02"}
    answer = sandbox.http.head(
        "https://lake.dfs.core.windows.net/raw/?action=getAccessControl", headers=headers
    )
    assert answer.status_code == 403
    assert (
        answer.reason_phrase
        == "This request is not authorized to perform this operation using this permission."
    )
    assert "x-azure-sandbox-reason" not in answer.headers
