# SPDX-License-Identifier: Apache-2.0
"""Data in the lake is on disk: moving 1 GiB through the sandbox must not cost 1 GiB of its memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.wire.conftest import Sandbox, seed_with_tests_own, start, stop
from tests.wire.identities import STORAGE, Client

MIB = 1 << 20
TOTAL, CHUNK = 1024 * MIB, 8 * MIB
#: What the resident set may grow by: a few chunks in flight and what malloc keeps of them.
GROWTH = 64 * MIB


def resident(process_id: int) -> int:
    """Bytes of resident memory, from /proc."""
    for line in Path(f"/proc/{process_id}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[tuple[int, Sandbox, Client]]:
    """A sandbox of its own: its process id, itself, a client."""
    process, sandbox = start(tmp_path / "data", seed_with_tests_own(tmp_path / "seed.yaml"))
    client = Client(sandbox)
    yield process.pid, sandbox, client
    client.close()
    stop(process)


@pytest.mark.timeout(300)
def test_a_gibibyte_through_the_lake_stays_on_disk(alone: tuple[int, Sandbox, Client]) -> None:
    process_id, _, client = alone
    url = "https://classiclake.dfs.core.windows.net/data/large"
    headers = {"x-ms-version": "2023-11-03", **client.bearer("owner", STORAGE)}
    client.http.put(f"{url}?resource=file", headers=headers).raise_for_status()
    before = peak = resident(process_id)
    written, read = hashlib.sha256(), hashlib.sha256()
    for position in range(0, TOTAL, CHUNK):
        chunk = position.to_bytes(8, "big") * (CHUNK // 8)
        written.update(chunk)
        append = f"{url}?action=append&position={position}"
        client.http.patch(append, content=chunk, headers=headers).raise_for_status()
        peak = max(peak, resident(process_id))
    flush = f"{url}?action=flush&position={TOTAL}"
    client.http.patch(flush, headers=headers).raise_for_status()
    for position in range(0, TOTAL, CHUNK):
        ranged = {**headers, "Range": f"bytes={position}-{position + CHUNK - 1}"}
        answer = client.http.get(url, headers=ranged)
        assert answer.status_code == 206, answer.text
        read.update(answer.content)
        peak = max(peak, resident(process_id))
    assert read.digest() == written.digest()
    assert peak - before < GROWTH, f"{(peak - before) / MIB:.0f} MiB more than the {before / MIB:.0f} before"
