# SPDX-License-Identifier: Apache-2.0
"""Hundreds of spoiled requests to every surface: never a 5xx, always that surface's error shape.

Each case is a good request (it must succeed first) and its mutations, the same on every run.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import uuid
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from tests.wire.conftest import Sandbox
from tests.wire.good_requests import (
    AUDIENCES,
    BLOB,
    DFS,
    GRAPH_HOST,
    HEADERS,
    LOGIN,
    MANAGEMENT,
    NEEDS,
    REGION,
    REQUESTS,
    VAULT_HOST,
)
from tests.wire.identities import GRAPH, STORAGE, Client
from tests.wire.mutations import Wire, spoiled

ROUNDS = 100


def arm_shape(answer: http.client.HTTPResponse, body: bytes) -> None:
    error = json.loads(body)["error"]
    assert error["code"]
    assert isinstance(error["code"], str)
    assert isinstance(error["message"], str)


def oauth_shape(answer: http.client.HTTPResponse, body: bytes) -> None:
    error = json.loads(body)
    assert isinstance(error["error"], str)
    # A path that is no endpoint has no AADSTS number.
    assert answer.status == 404 or error["error_description"].startswith("AADSTS")


def region_shape(answer: http.client.HTTPResponse, body: bytes) -> None:
    error = json.loads(body)
    if "error_code" in error:
        assert error["error_code"].isupper()
        assert isinstance(error["message"], str)
        return
    arm_shape(answer, body)
    assert "correlation" in error


def blob_shape(answer: http.client.HTTPResponse, body: bytes) -> None:
    error = ElementTree.fromstring(body)
    assert error.tag == "Error"
    assert error.findtext("Code") == answer.getheader("x-ms-error-code")
    assert error.findtext("Message")


def dfs_shape(answer: http.client.HTTPResponse, body: bytes) -> None:
    arm_shape(answer, body)
    assert json.loads(body)["error"]["code"] == answer.getheader("x-ms-error-code")


SHAPES: dict[str, Callable[[http.client.HTTPResponse, bytes], None]] = {
    MANAGEMENT: arm_shape,
    REGION: region_shape,
    LOGIN: oauth_shape,
    GRAPH_HOST: arm_shape,
    VAULT_HOST: arm_shape,
    BLOB: blob_shape,
    DFS: dfs_shape,
}


class Connections:
    """Keep-alive connections that send what httpx would refuse to."""

    def __init__(self, sandbox: Sandbox) -> None:
        environment = sandbox.description["environment"]
        self._proxy = urlsplit(environment["HTTPS_PROXY"])
        self._context = ssl.create_default_context(cafile=environment["SSL_CERT_FILE"])
        self._open: dict[str, http.client.HTTPSConnection] = {}

    def send(self, wire: Wire) -> tuple[http.client.HTTPResponse, bytes]:
        connection = self._open.get(wire.host) or self._connect(wire.host)
        connection.putrequest(wire.method, wire.target, skip_accept_encoding=True)
        for name, value in wire.headers.items():
            connection.putheader(name, value.encode("latin-1"))
        if wire.body or wire.method in ("PUT", "POST", "PATCH"):
            connection.putheader("Content-Length", str(len(wire.body)))
        connection.endheaders(wire.body or None)
        answer = connection.getresponse()
        body = answer.read()
        if answer.will_close:
            connection.close()
            del self._open[wire.host]
        return answer, body

    def _connect(self, host: str) -> http.client.HTTPSConnection:
        connection = http.client.HTTPSConnection(
            self._proxy.hostname or "", self._proxy.port, context=self._context, timeout=30
        )
        connection.set_tunnel(host, 443)
        self._open[host] = connection
        return connection

    def close(self) -> None:
        for connection in self._open.values():
            connection.close()


@pytest.fixture(scope="module")
def connections(sandbox: Sandbox) -> Iterator[Connections]:
    connections = Connections(sandbox)
    yield connections
    connections.close()


@pytest.fixture
def request_of(sandbox: Sandbox, client: Client) -> Callable[[str], Wire]:
    """A good request by its name, as somebody who may make it; each test has a container, an application
    and names of its own: a spoiled request may delete them."""
    unique = uuid.uuid4().hex[:8]
    made = client.http.put(
        f"https://{BLOB}/wire-{unique}?restype=container",
        headers={**client.bearer("owner", STORAGE), "x-ms-version": "2023-11-03"},
    )
    assert made.status_code == 201, made.text
    application = client.http.post(
        f"https://{GRAPH_HOST}/v1.0/applications",
        json={"displayName": f"wire-{unique}"},
        headers=client.bearer("directory-admin", GRAPH),
    )
    values = {
        "unique": unique,
        "container": f"wire-{unique}",
        "subscription": f"/subscriptions/{sandbox.description['subscription_id']}",
        "group": sandbox.scope("classic"),
        "workspace": sandbox.workspace("classic"),
        "tenant": sandbox.description["tenant_id"],
        "guid": "7a1f7c14-0d5d-4a4e-9b0e-6a6f4d0e9f11",
        "auditor": sandbox.principal("auditor")["object_id"],
        "application": application.raise_for_status().json()["appId"],
        "run": sandbox.principal("run-classic")["client_id"],
    }

    def fill(text: str) -> str:
        for name, value in values.items():
            text = text.replace(f"{{{name}}}", value)
        return text

    def request_of(name: str) -> Wire:
        method, host, target, body = REQUESTS[name]
        headers = {header: fill(value) for header, value in HEADERS.get(name, {}).items()}
        if host in AUDIENCES:
            who = "directory-admin" if host == GRAPH_HOST else "owner"
            headers |= client.bearer(who, AUDIENCES[host])
        if host in (BLOB, DFS):
            headers["x-ms-version"] = "2023-11-03"
        if isinstance(body, bytes):
            return Wire(method, host, fill(target), headers, body)
        if body is None:
            return Wire(method, host, fill(target), headers)
        headers["Content-Type"] = "application/json"
        return Wire(method, host, fill(target), headers, fill(json.dumps(body)).encode())

    return request_of


def check(wire: Wire, answer: http.client.HTTPResponse, body: bytes) -> None:
    assert answer.status < 500, f"{wire}\n-> {answer.status} {body[:500]!r}"
    if answer.status < 400:
        return
    if wire.method == "HEAD":
        assert body == b"", f"{wire}\n-> {body[:200]!r}"
        return
    try:
        SHAPES[wire.host](answer, body)
    except (AssertionError, ValueError, KeyError, TypeError, ElementTree.ParseError) as error:
        pytest.fail(f"{wire}\n-> {answer.status} {body[:500]!r}: not the shape of {wire.host} ({error!r})")


def prepare(connections: Connections, request_of: Callable[[str], Wire], *names: str) -> None:
    for name in names:
        answer, body = connections.send(request_of(name))
        assert answer.status < 300, f"{name}: {answer.status} {body[:500]!r}"


@pytest.mark.parametrize("name", REQUESTS, ids=lambda name: name.replace(" ", "-").replace("'", ""))
def test_spoiled_requests_are_answered_in_azures_error_shape(
    connections: Connections, request_of: Callable[[str], Wire], name: str
) -> None:
    prepare(connections, request_of, *NEEDS.get(name, ()))
    good = request_of(name)
    answer, body = connections.send(good)
    assert answer.status < 300 or (name == "a file's content" and answer.status == 416), body[:500]
    for seed in range(ROUNDS):
        wire = spoiled(good, name, seed)
        check(wire, *connections.send(wire))


TOKEN = {
    "grant_type": "client_credentials",
    "client_id": "{scientist}",
    "scope": "https://management.azure.com/.default",
    "client_secret": "junk",
}
SPOILED_TOKENS = [
    {},
    {**TOKEN, "grant_type": "password"},
    {**TOKEN, "grant_type": ""},
    {**TOKEN, "client_id": ""},
    {**TOKEN, "client_id": "nobody"},
    {**TOKEN, "client_id": "\x00"},
    {**TOKEN, "scope": ""},
    {**TOKEN, "scope": "junk"},
    {**TOKEN, "scope": "https://nothing.example/.default"},
    {**TOKEN, "client_secret": ""},
    {**TOKEN, "client_secret": "x" * 100_000},
    {**TOKEN, "client_assertion": "a.b.c", "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
    {**TOKEN, "client_assertion": "eyJ9.e30.x", "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
    {**TOKEN, "client_assertion": "", "client_assertion_type": "junk"},
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(SPOILED_TOKENS)))
def test_a_spoiled_token_request_is_answered_with_an_aadsts_error(
    sandbox: Sandbox, client: Client, number: int
) -> None:
    form = {
        name: value.replace("{scientist}", sandbox.principal("scientist")["client_id"])
        for name, value in SPOILED_TOKENS[number].items()
    }
    for path in ("oauth2/v2.0/token", "oauth2/token"):
        answer = client.http.post(f"https://{LOGIN}/{sandbox.description['tenant_id']}/{path}", data=form)
        assert answer.status_code in (400, 401), answer.text
        assert answer.json()["error_description"].startswith("AADSTS")


@pytest.mark.parametrize(
    "body", [b"\xff\xfe", b"{}", b"a" * 200_000, b"client_id=%ff%fe&grant_type=%00"], ids=len
)
@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "application/json", "multipart/form-data", ""]
)
def test_a_token_request_that_is_no_form_is_answered_with_an_aadsts_error(
    connections: Connections, sandbox: Sandbox, body: bytes, kind: str
) -> None:
    target = f"/{sandbox.description['tenant_id']}/oauth2/v2.0/token"
    wire = Wire("POST", LOGIN, target, {"Content-Type": kind}, body)
    answer, content = connections.send(wire)
    assert answer.status in (400, 401), content
    check(wire, answer, content)


@pytest.mark.parametrize(
    "query, metadata",
    [
        ("", "true"),
        ("?api-version=2018-02-01", "true"),
        ("?api-version=junk&resource=https://management.azure.com", "true"),
        ("?api-version=2018-02-01&resource=junk", "true"),
        ("?api-version=2018-02-01&resource=https://management.azure.com&client_id=nobody", "true"),
        ("?api-version=2018-02-01&resource=https://management.azure.com", ""),
        ("?api-version=2018-02-01&resource=%ff&client_id=%00", "true"),
    ],
)
def test_a_spoiled_request_to_the_metadata_service_is_a_400_that_says_why(
    sandbox: Sandbox, query: str, metadata: str
) -> None:
    endpoint = urlsplit(sandbox.description["metadata_url"])
    connection = http.client.HTTPConnection(endpoint.hostname or "", endpoint.port, timeout=30)
    connection.request("GET", f"/metadata/identity/oauth2/token{query}", headers={"Metadata": metadata})
    answer = connection.getresponse()
    error = json.loads(answer.read())
    connection.close()
    assert answer.status == 400
    assert error["error"]
    assert error["error_description"]


def test_an_unknown_host_or_account_is_not_found_rather_than_made(client: Client) -> None:
    answer = client.http.get(
        "https://nosuchaccount.blob.core.windows.net/c/b",
        headers={**client.bearer("owner", STORAGE), "x-ms-version": "2023-11-03"},
    )
    assert answer.status_code in (400, 404)
    assert answer.headers["x-ms-error-code"]


def test_an_oversized_body_is_refused_before_it_is_read(
    connections: Connections, request_of: Callable[[str], Wire]
) -> None:
    """ARM takes 4 MB (its documented limit); more is 413, not a full memory."""
    good = request_of("an environment")
    wire = replace(good, body=b'{"properties": {"image": "' + b"x" * (5 << 20) + b'"}}')
    answer, body = connections.send(wire)
    assert answer.status == 413, body[:300]
    arm_shape(answer, body)


@pytest.mark.parametrize(
    "line, status",
    [
        (b"GET http://[/ HTTP/1.1", b"403"),
        (b"GET http://example.com/ HTTP/1.1", b"403"),
        (b"CONNECT example.com:443 HTTP/1.1", b"403"),
        (b"CONNECT management.azure.com:80 HTTP/1.1", b"403"),
        (b"CONNECT [::1 HTTP/1.1", b"403"),
        (b"GET http://169.254.169.254/metadata", b"400"),
        (b"\x16\x03\x01\x00\xff", b"400"),
        (b"", b"400"),
    ],
)
def test_the_proxy_refuses_what_is_no_request_for_an_azure_host(
    sandbox: Sandbox, line: bytes, status: bytes
) -> None:
    proxy = urlsplit(sandbox.description["environment"]["HTTPS_PROXY"])
    with socket.create_connection((proxy.hostname or "", proxy.port or 0), timeout=10) as connection:
        connection.sendall(line + b"\r\n\r\n")
        assert connection.recv(1000).split(b" ")[1] == status
