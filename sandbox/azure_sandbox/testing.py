# SPDX-License-Identifier: Apache-2.0
"""A sandbox inside a test's own process.

:func:`serving` is the real thing: its own thread and event loop, its own ports, TLS. :func:`in_process`
has no socket, no thread and no loop: one call is one request, answered on the caller's thread, for
harnesses that make tens of thousands of them under a clock of their own.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from contextvars import copy_context
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast
from urllib.parse import urlsplit

import httpx
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Message

from azure_sandbox.app import create_cloud, create_router, create_services, respond
from azure_sandbox.kernel.clock import Clock, CloudClock
from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.errors import REASON_HEADER
from azure_sandbox.kernel.fault_rules import Rule
from azure_sandbox.kernel.inward import http_scope
from azure_sandbox.kernel.leaks import find_leaks
from azure_sandbox.kernel.ledger import Effect
from azure_sandbox.kernel.operation import Router
from azure_sandbox.kernel.ports import Directory, Timelines
from azure_sandbox.rights import Rights
from azure_sandbox.server import Running, running

T = TypeVar("T")

#: What a job lives in :func:`in_process`, where no timeline wants it: nothing can be run there.
OTHERWISE = {
    "match": {},
    "states": [
        {"after": 0, "status": "Queued"},
        {"after": 1, "status": "Running"},
        {"after": 10, "status": "Completed"},
    ],
}


@contextmanager
def rights() -> Iterator[Rights]:
    """RBAC alone, of no sandbox, until the block ends: for thousands of cases."""
    alone = Rights.alone()
    try:
        yield alone
    finally:
        alone.close()


class _Tokens:
    """What both kinds of sandbox can do for a seeded principal."""

    cloud: Cloud

    def rights(self) -> Rights:
        """Roles, assignments, deny assignments and groups of the sandbox, by Python calls."""
        return Rights(self.cloud.rbac)

    def token(self, principal: str, resource: str | None = None) -> str:
        """A token of a seeded principal, minted without a request; for ARM, or for another resource."""
        directory = self.cloud.port(Directory)
        object_id = directory.object_id_by_name(principal)
        if object_id is None:
            raise KeyError(f"the seed has no principal {principal!r}")
        return directory.token(object_id, resource or self.cloud.azure.management_audiences[0])[0]

    def bearer(self, principal: str, resource: str | None = None) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token(principal, resource)}"}


class Sandbox(_Tokens):
    """A running sandbox as a test sees it: HTTP outside, the cloud's state inside."""

    def __init__(self, sandbox: Running) -> None:
        self.cloud = sandbox.cloud
        self.environment = sandbox.environment
        trust = ssl.create_default_context(cafile=sandbox.environment["SSL_CERT_FILE"])
        proxy = sandbox.environment["HTTPS_PROXY"]
        self.http = httpx.Client(proxy=proxy, verify=trust, trust_env=False, timeout=30)
        #: Without the proxy, for the plain port.
        self._direct = httpx.Client(verify=trust, trust_env=False, timeout=30)

    def control(self, method: str, path: str, **content: Any) -> httpx.Response:
        """Ask the control API, for example ``control("GET", "/ledger", params={"kind": "job"})``."""
        control = json.loads((self.cloud.data / "control.json").read_text(encoding="utf8"))
        headers = {"Authorization": f"Bearer {control['token']}"}
        url = control["url"] + path
        return self._direct.request(method, url, headers=headers, **content)

    def close(self) -> None:
        """End its connections."""
        self.http.close()
        self._direct.close()


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
        sandbox.close()
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)
        loop.close()


class Answer(NamedTuple):
    """One HTTP answer; the names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Lost(Exception):
    """A fault rule ended the connection before the whole answer was there.

    :param after_effect: whether the request had its effect
    :param received: what came before the end; None where not even the head did
    """

    def __init__(self, *, after_effect: bool, received: Answer | None = None) -> None:
        super().__init__(f"connection lost {'after' if after_effect else 'before'} the effect")
        self.after_effect = after_effect
        self.received = received


class Stalled(Exception):
    """A fault rule kept the connection silent; what a client makes of that is its own affair.

    :param seconds: how long
    :param after_effect: whether the request had its effect
    :param answer: what comes then; None: the end of the connection
    """

    def __init__(self, seconds: float, *, after_effect: bool, answer: Answer | None) -> None:
        super().__init__(f"silence of {seconds:g} s {'after' if after_effect else 'before'} the effect")
        self.seconds = seconds
        self.after_effect = after_effect
        self.answer = answer


class Unresolved(Exception):
    """A fault rule says that a host has no address."""


class InProcess(_Tokens):
    """A sandbox without sockets. One thread at a time may use it, any event loop's or none's."""

    def __init__(self, cloud: Cloud, router: Router) -> None:
        self.cloud = cloud
        self._router = router

    @property
    def clock(self) -> CloudClock:
        """Freeze it, advance it, set its ``skew``: the next request sees all that became due."""
        return self.cloud.clock

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Answer:
        """One request against a full URL (``https://management.azure.com/...``), as if over TLS.

        :raises Unresolved: where a fault rule says that the host has no address
        :raises Lost: where a fault rule ends the connection
        :raises Stalled: where a fault rule keeps it silent
        """
        parts = urlsplit(url)
        if self.cloud.faults.rules and self.cloud.faults.strike_connection(parts.netloc):
            raise Unresolved(parts.netloc)
        run = _on_a_loop if parts.netloc.endswith(self.cloud.azure.storage) else _at_once
        return copy_context().run(run, self._answer(http_scope(method.upper(), parts, headers or {}), body))

    def timeline(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """As ``POST /_sandbox/timelines``.

        :raises azure_sandbox.kernel.checks.InvalidRule: naming the member that is wrong
        """
        return self.cloud.port(Timelines).add(document)

    def fault(self, document: Mapping[str, Any]) -> Rule:
        """As ``POST /_sandbox/faults``; the rule counts what it has ``seen`` and ``struck``.

        :raises azure_sandbox.kernel.checks.InvalidRule: naming the member that is wrong
        """
        return self.cloud.faults.add(document)

    def throttle(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """As ``POST /_sandbox/throttle``; without members, as ``GET``: the limits and their tallies.

        :raises azure_sandbox.kernel.checks.InvalidRule: naming the member that is wrong
        """
        if document:
            self.cloud.throttle.set(document)
        return self.cloud.throttle.rendered()

    def lags(self, document: Mapping[str, Any]) -> None:
        """As ``POST /_sandbox/lags``.

        :raises azure_sandbox.kernel.checks.InvalidRule: naming the member that is wrong
        """
        self.cloud.lags.set(document)

    def revoke(self, object_id: str) -> None:
        """As ``POST /_sandbox/revoke``: the tokens that a principal holds are refused from now on."""
        self.cloud.entra.revoke(object_id, self.clock.time_of("entra"))

    def leaks(self, deployment: str) -> dict[str, list[dict[str, Any]]]:
        """As ``GET /_sandbox/leaks``."""
        self.cloud.agenda.catch_up()
        return find_leaks(self.cloud, deployment)

    def ledger(self, since: int = 0, kind: str | None = None) -> list[Effect]:
        """As ``GET /_sandbox/ledger``."""
        self.cloud.agenda.catch_up()
        return self.cloud.ledger.effects(since, kind)

    def heal(self) -> None:
        """No more faults, limits and lags, and no timelines for further jobs."""
        self.cloud.faults.clear()
        self.cloud.throttle.clear()
        self.cloud.lags.clear()
        self.cloud.port(Timelines).clear()

    async def _answer(self, scope: dict[str, Any], body: bytes) -> Answer:
        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        call, response = await respond(self._router, self.cloud, Request(scope, receive))
        answer = await _whole(response)
        return answer if call.fault is None else _damaged(call.fault, answer)


@contextmanager
def in_process(data: Path, seed: dict[str, Any], clock: Clock | None = None) -> Iterator[InProcess]:
    """A sandbox without sockets until the block ends. Jobs that no timeline wants live OTHERWISE.

    It starts no background work: service account tokens are not written to files.
    """
    cloud = create_cloud(data.resolve(), seed, clock)
    services = create_services(cloud, seed)
    cloud.port(Timelines).live_otherwise(OTHERWISE)
    try:
        yield InProcess(cloud, create_router(cloud, services))
    finally:
        cloud.store.close()


async def _whole(response: Response) -> Answer:
    content = bytes(getattr(response, "body", b""))
    if isinstance(response, StreamingResponse):
        content = b"".join([cast("bytes", piece) async for piece in response.body_iterator])
    headers = {name: value for name, value in response.headers.items() if name != REASON_HEADER}
    return Answer(response.status_code, headers, content)


def _damaged(rule: Rule, answer: Answer) -> Answer:
    """What is left of an answer; the table is in ``gateway/damage.py``."""
    action, phase = rule.action, rule.phase
    effect = phase != "before"
    if action.kind == "stall_seconds":
        raise Stalled(action.stall_seconds, after_effect=effect, answer=answer if effect else None)
    if action.kind == "reset":
        half = answer._replace(body=answer.body[: len(answer.body) // 2])
        raise Lost(after_effect=effect, received=half if phase == "mid_body" else None)
    if action.kind == "truncate":
        short = answer._replace(body=answer.body[: action.truncate])
        if phase == "mid_body":
            raise Lost(after_effect=True, received=short)
        return short._replace(headers={**answer.headers, "content-length": str(len(short.body))})
    return answer


def _at_once(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run what never waits, in one step and without a loop."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return cast("T", done.value)
    coroutine.close()
    raise RuntimeError("a request outside of storage waited for something")


def _on_a_loop(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run what may wait for its disk, on a loop of a thread of its own: the caller's may have a loop."""
    results: list[T] = []
    thread = threading.Thread(target=lambda: results.append(asyncio.run(coroutine)), name="storage")
    thread.start()
    thread.join()
    return results[0]
