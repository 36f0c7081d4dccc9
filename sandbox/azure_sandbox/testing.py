# SPDX-License-Identifier: Apache-2.0
"""A real sandbox inside a test's own process: its own thread and event loop, its own ports."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from azure_sandbox.kernel.clock import Clock
from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.ports import Directory
from azure_sandbox.server import Running, running


class Sandbox:
    """A running sandbox as a test sees it: HTTP outside, the cloud's state inside."""

    def __init__(self, sandbox: Running) -> None:
        self.cloud: Cloud = sandbox.cloud
        self.environment = sandbox.environment
        self.http = httpx.Client(
            proxy=sandbox.environment["HTTPS_PROXY"],
            verify=ssl.create_default_context(cafile=sandbox.environment["SSL_CERT_FILE"]),
            trust_env=False,
            timeout=30,
        )

    def token(self, principal: str, resource: str = "https://management.azure.com") -> str:
        """A token of a seeded principal, minted without a request."""
        directory = self.cloud.port(Directory)
        object_id = directory.object_id_by_name(principal)
        if object_id is None:
            raise KeyError(f"the seed has no principal {principal!r}")
        return directory.token(object_id, resource)[0]

    def control(self, method: str, path: str, **content: Any) -> httpx.Response:
        """Ask the control API, for example ``control("GET", "/ledger", params={"kind": "job"})``."""
        control = json.loads((self.cloud.data / "control.json").read_text(encoding="utf8"))
        headers = {"Authorization": f"Bearer {control['token']}"}
        url = control["url"] + path
        return httpx.request(method, url, headers=headers, trust_env=False, timeout=30, **content)

    def bearer(self, principal: str, resource: str = "https://management.azure.com") -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token(principal, resource)}"}


@contextmanager
def serving(data: Path, seed: dict[str, Any], clock: Clock | None = None) -> Iterator[Sandbox]:
    """Run a sandbox in a thread until the block ends."""
    ready: list[Running | BaseException] = []
    up, loop = threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        try:
            async with running(data, seed, clock=clock) as sandbox:
                ready.append(sandbox)
                up.set()
                await stop.wait()
        except BaseException as error:
            ready.append(error)
            up.set()
            raise

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), name="sandbox")
    thread.start()
    up.wait(30)
    outcome = ready[0] if ready else TimeoutError("no answer within 30 s")
    if isinstance(outcome, BaseException):
        thread.join(5)
        raise RuntimeError("the sandbox did not start") from outcome
    sandbox = Sandbox(outcome)
    try:
        yield sandbox
    finally:
        sandbox.http.close()
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)
        loop.close()
