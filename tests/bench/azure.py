# SPDX-License-Identifier: Apache-2.0
"""The sandbox as the benchmarks use it: its jobs with scripted lives, and who asked it for what."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx

from tests.bench.load import connect, exchange
from tests.wire.conftest import Sandbox, start, stop

ARM = "management.azure.com"
SEED = Path(__file__).parent / "seed.yaml"
WRITERS = 8
USER_AGENT = "bench"
IMAGE = {"image": "mcr.microsoft.com/azureml/openmpi5.0-ubuntu24.04"}


@dataclass
class Azure:
    """A running sandbox with one workspace, `bench`."""

    sandbox: Sandbox

    @property
    def workspace(self) -> str:
        """The ARM id."""
        return self.sandbox.workspace("bench")

    @property
    def connection(self) -> dict[str, Any]:
        """Airflow's connection of the submitter; there is no secret in it."""
        extra = {
            "auth": "managed_identity",
            "client_id": self.sandbox.principal("submitter")["client_id"],
            "subscription_id": self.sandbox.description["subscription_id"],
            "resource_group": "bench",
            "workspace_name": "bench",
        }
        return {"conn_type": "azureml", "extra": extra}

    @property
    def connection_variable(self) -> dict[str, str]:
        """The same connection, in the environment."""
        return {"AIRFLOW_CONN_AZUREML_BENCH": json.dumps(self.connection)}

    def create_jobs(self, names: Sequence[str], experiment: str, **properties: Any) -> None:
        """Submit jobs as the bystander, several at the same time; what becomes of them says a timeline."""
        job = {"jobType": "Command", "command": "true", "environmentId": self.register_environment()}
        body = {"properties": {**job, "experimentName": experiment, **properties}}
        self._send([self._request("PUT", f"/jobs/{name}", body) for name in names])

    def script(self, experiment: str, states: list[dict[str, Any]], **more: Any) -> None:
        """What becomes of the jobs of an experiment from now on; empty is any that no other script wants."""
        match = {"experiment": f"^{experiment}$"} if experiment else {}
        self.control("POST", "timelines", {"match": match, "states": states, **more})

    def register_environment(self) -> str:
        """An environment that is there before anybody submits; its ARM id."""
        return self._register("/environments/bench/versions/1", IMAGE)

    def register_code(self) -> str:
        """Code that is there; its ARM id."""
        where = "https://benchstore.blob.core.windows.net/code/main"
        return self._register("/codes/bench/versions/1", {"codeUri": where})

    def _register(self, path: str, properties: dict[str, str]) -> str:
        self._send([self._request("PUT", path, {"properties": properties})])
        return self.workspace + path

    def cancel(self, names: Sequence[str]) -> None:
        """Ask for the end of jobs; what becomes of them stands in their timeline."""
        self._send([self._request("POST", f"/jobs/{name}/cancel") for name in names])

    def control(self, method: str, path: str, document: dict[str, Any] | None = None) -> Any:
        """A request to the control API; the answer, None where it is empty."""
        address = json.loads((self.sandbox.data / "control.json").read_text())
        headers = {"Authorization": f"Bearer {address['token']}"}
        answer = self._http.request(method, f"{address['url']}/{path}", json=document, headers=headers)
        return answer.raise_for_status().json() if answer.content else None

    def asked(self, since: float, until: float) -> list[dict[str, Any]]:
        """The requests of others than the benchmark between two moments (Unix time)."""
        lines = self.sandbox.requests()
        return [x for x in lines if since <= x["time"] < until and x["user_agent"] != USER_AGENT]

    def _request(self, method: str, path: str, body: dict[str, Any] | None = None) -> bytes:
        content = b"" if body is None else json.dumps(body).encode()
        head = [
            f"{method} {self.workspace}{path}?api-version=2024-10-01 HTTP/1.1",
            f"Host: {ARM}",
            f"User-Agent: {USER_AGENT}",
            f"Authorization: Bearer {self._token}",
            "Content-Type: application/json",
            f"Content-Length: {len(content)}",
        ]
        return "\r\n".join(head).encode() + b"\r\n\r\n" + content

    def _send(self, requests: Sequence[bytes]) -> None:
        asyncio.run(self._write(requests))

    async def _write(self, requests: Sequence[bytes]) -> None:
        port = int(self.sandbox.environment["HTTPS_PROXY"].rpartition(":")[2])
        context = ssl.create_default_context(cafile=self.sandbox.environment["SSL_CERT_FILE"])
        waiting = iter(requests)

        async def write_some() -> None:
            reader, writer = await connect(ARM, port, context)
            for request in waiting:
                status = await exchange(reader, writer, request)
                if status >= 300:
                    raise RuntimeError(f"the sandbox answered {status} to {request.splitlines()[0]!r}")
            writer.close()

        await asyncio.gather(*(write_some() for _ in range(WRITERS)))

    @cached_property
    def _token(self) -> str:
        answer = self._http.get(
            f"{self.sandbox.description['metadata_url']}/metadata/identity/oauth2/token",
            params={
                "api-version": "2018-02-01",
                "resource": f"https://{ARM}",
                "client_id": self.sandbox.principal("bystander")["client_id"],
            },
            headers={"Metadata": "true"},
        )
        return str(answer.raise_for_status().json()["access_token"])

    @cached_property
    def _http(self) -> httpx.Client:
        return httpx.Client(trust_env=False, timeout=60, headers={"User-Agent": USER_AGENT})


@contextmanager
def running(directory: Path) -> Iterator[Azure]:
    """A sandbox with the benchmarks' seed, stopped afterwards."""
    process, sandbox = start(directory / "sandbox", SEED)
    try:
        yield Azure(sandbox)
    finally:
        stop(process)
