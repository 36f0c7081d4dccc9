# SPDX-License-Identifier: Apache-2.0
"""Hundreds of spoiled requests to every surface: never a 5xx, always that surface's error shape.

Each case is a good request (it must succeed first) and its mutations, the same on every run.
"""

from __future__ import annotations

import http.client
import json
import ssl
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.wire.conftest import Sandbox
from tests.wire.identities import ARM, GRAPH, STORAGE, VAULT, Client
from tests.wire.mutations import Wire, spoiled

ROUNDS = 30
MANAGEMENT, REGION, LOGIN, GRAPH_HOST = (
    "management.azure.com",
    "eastus.api.azureml.ms",
    "login.microsoftonline.com",
    "graph.microsoft.com",
)
VAULT_HOST, BLOB, DFS = (
    "classicvault.vault.azure.net",
    "classiclake.blob.core.windows.net",
    "classiclake.dfs.core.windows.net",
)

#: name -> method, host, target, body; ``{...}`` is filled in by the test.
REQUESTS: dict[str, tuple[str, str, str, Any]] = {
    "an ARM resource group": ("GET", MANAGEMENT, "{group}?api-version=2022-09-01", None),
    "an ARM list of groups": (
        "GET",
        MANAGEMENT,
        "{subscription}/resourcegroups?api-version=2022-09-01",
        None,
    ),
    "a role assignment": (
        "PUT",
        MANAGEMENT,
        "{group}/providers/Microsoft.Authorization/roleAssignments/{guid}?api-version=2022-04-01",
        {
            "properties": {
                "roleDefinitionId": "{subscription}/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7",
                "principalId": "{auditor}",
                "principalType": "ServicePrincipal",
            }
        },
    ),
    "a list of role assignments": (
        "GET",
        MANAGEMENT,
        "{group}/providers/Microsoft.Authorization/roleAssignments?api-version=2022-04-01&$filter=atScope()",
        None,
    ),
    "a role definition": (
        "PUT",
        MANAGEMENT,
        "{subscription}/providers/Microsoft.Authorization/roleDefinitions/{guid}?api-version=2022-04-01",
        {
            "properties": {
                "roleName": "wire",
                "type": "CustomRole",
                "description": "",
                "assignableScopes": ["{subscription}"],
                "permissions": [
                    {"actions": ["*/read"], "notActions": [], "dataActions": [], "notDataActions": []}
                ],
            }
        },
    ),
    "a managed identity": (
        "PUT",
        MANAGEMENT,
        "{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/wire?api-version=2023-01-31",
        {"location": "eastus", "tags": {"a": "b"}},
    ),
    "a workspace": ("GET", MANAGEMENT, "{workspace}?api-version=2024-10-01", None),
    "a command job": (
        "PUT",
        MANAGEMENT,
        "{workspace}/jobs/wire-malformed?api-version=2024-10-01",
        {
            "properties": {
                "jobType": "Command",
                "command": "true",
                "environmentId": "{workspace}/environments/wire/versions/1",
                "experimentName": "wire",
                "inputs": {"a": {"jobInputType": "literal", "value": "1"}},
                "outputs": {"b": {"jobOutputType": "uri_folder"}},
                "environmentVariables": {"A": "B"},
                "tags": {"t": "v"},
                "limits": {"jobLimitsType": "Command", "timeout": "PT1M"},
                "identity": {"identityType": "Managed", "clientId": "{run}"},
            }
        },
    ),
    "a list of jobs": ("GET", MANAGEMENT, "{workspace}/jobs?api-version=2024-10-01&listViewType=All", None),
    "a cancel": ("POST", MANAGEMENT, "{workspace}/jobs/wire-malformed/cancel?api-version=2024-10-01", None),
    "a code version": (
        "PUT",
        MANAGEMENT,
        "{workspace}/codes/wire/versions/1?api-version=2023-04-01",
        {
            "properties": {
                "codeUri": "https://classicstore.blob.core.windows.net/azureml/x",
                "isAnonymous": True,
            }
        },
    ),
    "a pending upload": (
        "POST",
        MANAGEMENT,
        "{workspace}/codes/wire/versions/2/startPendingUpload?api-version=2023-04-01",
        {"pendingUploadType": "TemporaryBlobReference"},
    ),
    "an environment": (
        "PUT",
        MANAGEMENT,
        "{workspace}/environments/wire/versions/1?api-version=2023-04-01",
        {"properties": {"image": "i", "condaFile": "dependencies: [python=3.11]"}},
    ),
    "a data asset": (
        "PUT",
        MANAGEMENT,
        "{workspace}/data/wire/versions/1?api-version=2023-04-01",
        {"properties": {"dataType": "uri_folder", "dataUri": "azureml://datastores/lake/paths/a"}},
    ),
    "a model": (
        "PUT",
        MANAGEMENT,
        "{workspace}/models/wire/versions/1?api-version=2023-08-01-preview",
        {"properties": {"modelUri": "azureml://datastores/lake/paths/a", "modelType": "custom_model"}},
    ),
    "a batch of runs": (
        "POST",
        REGION,
        "/history/v1.0{workspace}/batchrundata?api-version=v1.0",
        {"requests": {"wire-malformed": {"runId": "wire-malformed", "selectRunMetadata": True}}},
    ),
    "a query of runs": (
        "POST",
        REGION,
        "/history/v1.0{workspace}/experiments/wire/runs:query?api-version=v1.0",
        {"filter": "(Status eq Running)", "top": 5},
    ),
    "a run's details": ("GET", REGION, "/history/v1.0{workspace}/runs/wire-malformed/details", None),
    "a metric": (
        "POST",
        REGION,
        "/mlflow/v2.0{workspace}/api/2.0/mlflow/runs/log-metric",
        {"run_id": "wire-malformed", "key": "m", "value": 1.5, "timestamp": 1, "step": 0},
    ),
    "a batch of metrics": (
        "POST",
        REGION,
        "/mlflow/v2.0{workspace}/api/2.0/mlflow/runs/log-batch",
        {
            "run_id": "wire-malformed",
            "metrics": [{"key": "m", "value": 1, "timestamp": 1, "step": 0}],
            "params": [{"key": "p", "value": "v"}],
            "tags": [{"key": "t", "value": "v"}],
        },
    ),
    "an MLflow run": (
        "GET",
        REGION,
        "/mlflow/v2.0{workspace}/api/2.0/mlflow/runs/get?run_id=wire-malformed",
        None,
    ),
    "discovery of a tenant": ("GET", LOGIN, "/{tenant}/v2.0/.well-known/openid-configuration", None),
    "an application": ("GET", GRAPH_HOST, "/v1.0/applications(appId='{scientist}')", None),
    "a list of applications": ("GET", GRAPH_HOST, "/v1.0/applications?$top=2", None),
    "a new password": (
        "POST",
        GRAPH_HOST,
        "/v1.0/applications(appId='{scientist}')/addPassword",
        {"passwordCredential": {"displayName": "d", "endDateTime": "2099-01-01T00:00:00Z"}},
    ),
    "a federated credential": (
        "PATCH",
        GRAPH_HOST,
        "/v1.0/applications(appId='{scientist}')",
        {"keyCredentials": []},
    ),
    "a new secret": (
        "PUT",
        VAULT_HOST,
        "/secrets/wire?api-version=7.4",
        {"value": "v", "tags": {"a": "b"}, "attributes": {"enabled": True, "exp": 4102444800, "nbf": 1}},
    ),
    "a secret": ("GET", VAULT_HOST, "/secrets/wire?api-version=7.4", None),
    "a list of secrets": ("GET", VAULT_HOST, "/secrets?api-version=7.4&maxresults=5", None),
    "a blob": ("PUT", BLOB, "/data/malformed/blob", b"content"),
    "a blob's content": ("GET", BLOB, "/data/malformed/blob", None),
    "a block": ("PUT", BLOB, "/data/malformed/blob?comp=block&blockid=AAAA", b"content"),
    "a block list": (
        "PUT",
        BLOB,
        "/data/malformed/blob?comp=blocklist",
        b"<?xml version='1.0' encoding='utf-8'?><BlockList><Latest>AAAA</Latest></BlockList>",
    ),
    "a list of blobs": ("GET", BLOB, "/data?restype=container&comp=list&prefix=malformed&maxresults=2", None),
    "a blob's metadata": ("PUT", BLOB, "/data/malformed/blob?comp=metadata", None),
    "a container's properties": ("GET", BLOB, "/data?restype=container", None),
    "a file": ("PUT", DFS, "/data/malformed/file?resource=file", None),
    "an append": ("PATCH", DFS, "/data/malformed/file?action=append&position=0", b"content"),
    "a flush": ("PATCH", DFS, "/data/malformed/file?action=flush&position=0", None),
    "a file's content": ("GET", DFS, "/data/malformed/file", None),
    "a file's status": ("HEAD", DFS, "/data/malformed/file?action=getStatus", None),
    "a file's permissions": ("PATCH", DFS, "/data/malformed/file?action=setAccessControl", None),
    "a list of paths": ("GET", DFS, "/data?resource=filesystem&recursive=true&maxResults=3", None),
    "a rename": ("PUT", DFS, "/data/malformed/renamed", None),
    "a directory": ("PUT", DFS, "/data/malformed/folder?resource=directory", None),
}
HEADERS = {
    "a blob": {"x-ms-blob-type": "BlockBlob"},
    "a blob's content": {"x-ms-range": "bytes=0-3"},
    "a blob's metadata": {"x-ms-meta-a": "b"},
    "a file's content": {"Range": "bytes=0-0"},
    "a file's permissions": {"x-ms-permissions": "0750"},
    "a rename": {"x-ms-rename-source": "/data/malformed/blob"},
}
AUDIENCES = {MANAGEMENT: ARM, REGION: ARM, GRAPH_HOST: GRAPH, VAULT_HOST: VAULT, BLOB: STORAGE, DFS: STORAGE}


def arm_shape(answer: http.client.HTTPResponse, body: bytes) -> None:
    error = json.loads(body)["error"]
    assert error["code"]
    assert isinstance(error["code"], str)
    assert isinstance(error["message"], str)


def oauth_shape(answer: http.client.HTTPResponse, body: bytes) -> None:
    error = json.loads(body)
    assert isinstance(error["error"], str)
    assert error["error_description"].startswith("AADSTS")
    assert error["error_codes"]


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
    """A good request by its name, as somebody who may make it."""
    values = {
        "subscription": f"/subscriptions/{sandbox.description['subscription_id']}",
        "group": sandbox.scope("classic"),
        "workspace": sandbox.workspace("classic"),
        "tenant": sandbox.description["tenant_id"],
        "guid": "7a1f7c14-0d5d-4a4e-9b0e-6a6f4d0e9f11",
        "auditor": sandbox.principal("auditor")["object_id"],
        "scientist": sandbox.principal("scientist")["client_id"],
        "run": sandbox.principal("run-classic")["client_id"],
    }

    def fill(text: str) -> str:
        for name, value in values.items():
            text = text.replace(f"{{{name}}}", value)
        return text

    def request_of(name: str) -> Wire:
        method, host, target, body = REQUESTS[name]
        headers = dict(HEADERS.get(name, {}))
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


#: What has to be there before a request can be a good one.
NEEDS = {
    "a command job": ("an environment",),
    "a cancel": ("an environment", "a command job"),
    "a batch of runs": ("an environment", "a command job"),
    "a query of runs": ("an environment", "a command job"),
    "a run's details": ("an environment", "a command job"),
    "a metric": ("an environment", "a command job"),
    "a batch of metrics": ("an environment", "a command job"),
    "an MLflow run": ("an environment", "a command job"),
    "a secret": ("a new secret",),
    "a blob's content": ("a blob",),
    "a block list": ("a block",),
    "a blob's metadata": ("a blob",),
    "an append": ("a file",),
    "a flush": ("a file",),
    "a file's content": ("a file", "a blob"),
    "a file's status": ("a file",),
    "a file's permissions": ("a file",),
    "a rename": ("a blob",),
}


@pytest.mark.parametrize("name", REQUESTS, ids=lambda name: name.replace(" ", "-").replace("'", ""))
def test_spoiled_requests_are_answered_in_azures_error_shape(
    connections: Connections, request_of: Callable[[str], Wire], name: str
) -> None:
    prepare(connections, request_of, *NEEDS.get(name, ()))
    good = request_of(name)
    answer, body = connections.send(good)
    assert answer.status < 300 or (name == "a file's content" and answer.status == 416), body[:500]
    for seed in range(ROUNDS):
        wire = spoiled(good, seed)
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
