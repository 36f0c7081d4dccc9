# SPDX-License-Identifier: Apache-2.0
"""A real sandbox for tests: its own thread and event loop, its own ports, a seed of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from identity_seed import IDENTITY_SEED

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
            verify=httpx_context(sandbox.environment["SSL_CERT_FILE"]),
            trust_env=False,
            timeout=30,
        )

    def token(self, principal: str, resource: str = "https://management.azure.com") -> str:
        """A token of a seeded principal, minted without a request."""
        directory = self.cloud.port(Directory)
        object_id = directory.object_id_by_name(principal)
        assert object_id is not None, f"the seed has no principal {principal!r}"
        return directory.token(object_id, resource)[0]

    def bearer(self, principal: str, resource: str = "https://management.azure.com") -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token(principal, resource)}"}


def httpx_context(authority: str) -> Any:
    import ssl

    return ssl.create_default_context(cafile=authority)


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
    if not ready or isinstance(ready[0], BaseException):
        thread.join(5)
        raise RuntimeError("the sandbox did not start") from (ready[0] if ready else None)  # type: ignore[arg-type]
    sandbox = Sandbox(ready[0])
    try:
        yield sandbox
    finally:
        sandbox.http.close()
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)
        loop.close()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Sandbox]]:
    """``serve(seed, clock=None)`` starts a sandbox that lives as long as the test."""
    with ExitStack() as stack:

        def start(seed: dict[str, Any], clock: Clock | None = None) -> Sandbox:
            return stack.enter_context(serving(tmp_path / "cloud", seed, clock))

        yield start


@pytest.fixture(scope="module")
def serve_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Sandbox]]:
    """``serve`` for a module's tests to share: starting a sandbox costs more than most of them."""
    with ExitStack() as stack:

        def start(seed: dict[str, Any], clock: Clock | None = None) -> Sandbox:
            return stack.enter_context(serving(tmp_path_factory.mktemp("cloud"), seed, clock))

        yield start
