# SPDX-License-Identifier: Apache-2.0
"""Whatever comes in, Azure's error shape goes out: never a 500, and never a crash."""

from __future__ import annotations

import random
from xml.etree import ElementTree

import pytest

from sandbox.tests.services.storage.storage_cloud import StorageCloud

BLOCK = {"x-ms-blob-type": "BlockBlob"}

#: method, URL, headers, body -> status and code.
REQUESTS: list[tuple[str, str, dict[str, str], bytes, int, str]] = [
    ("PUT", "dfs:/No_Good?resource=filesystem", {}, b"", 400, "InvalidResourceName"),
    ("PUT", "dfs:/c?resource=filesystem", {}, b"", 400, "OutOfRangeInput"),
    ("PUT", "blob:/double--dash?restype=container", {}, b"", 400, "InvalidResourceName"),
    ("PUT", "dfs:/data?resource=filesystem", {}, b"", 409, "FilesystemAlreadyExists"),
    ("PUT", "blob:/data?restype=container", {}, b"", 409, "ContainerAlreadyExists"),
    ("GET", "dfs:/missing?resource=filesystem&recursive=true", {}, b"", 404, "FilesystemNotFound"),
    ("GET", "blob:/missing/x", {}, b"", 404, "ContainerNotFound"),
    ("GET", "dfs:/data/x", {}, b"", 404, "PathNotFound"),
    ("GET", "dfs:/data?resource=filesystem", {}, b"", 400, "MissingRequiredQueryParameter"),
    ("GET", "dfs:/data?resource=filesystem&recursive=maybe", {}, b"", 400, "InvalidQueryParameterValue"),
    (
        "GET",
        "dfs:/data?resource=filesystem&recursive=true&maxResults=-1",
        {},
        b"",
        400,
        "InvalidQueryParameterValue",
    ),
    (
        "GET",
        "dfs:/data?resource=filesystem&recursive=true&maxResults=0",
        {},
        b"",
        400,
        "OutOfRangeQueryParameterValue",
    ),
    (
        "GET",
        "dfs:/data?resource=filesystem&recursive=true&continuation=%C3%BC",
        {},
        b"",
        400,
        "InvalidQueryParameterValue",
    ),
    ("PATCH", "dfs:/data/f?action=append", {}, b"x", 400, "MissingRequiredQueryParameter"),
    ("PATCH", "dfs:/data/f?action=append&position=x", {}, b"x", 400, "InvalidQueryParameterValue"),
    ("PATCH", "dfs:/data/f?action=append&position=5", {}, b"", 400, "InvalidHeaderValue"),
    ("PATCH", f"dfs:/data/f?action=append&position={10**18}", {}, b"x", 400, "InvalidQueryParameterValue"),
    ("PATCH", "dfs:/data/f?action=append&position=0", {}, b"x", 400, "InvalidFlushPosition"),
    ("PATCH", "dfs:/data/f?action=flush&position=99", {}, b"", 400, "InvalidFlushPosition"),
    ("PATCH", "dfs:/data/f?action=dance", {}, b"", 400, "InvalidQueryParameterValue"),
    ("POST", "dfs:/data/f", {}, b"", 405, "UnsupportedHttpVerb"),
    ("PUT", "dfs:/data/f/below?resource=file", {}, b"", 409, "PathConflict"),
    ("PUT", "dfs:/data/f?resource=directory", {}, b"", 409, "PathConflict"),
    ("PUT", "dfs:/data/d?resource=file", {}, b"", 409, "PathConflict"),
    ("PUT", "dfs:/data/f?resource=file", {"If-None-Match": "*"}, b"", 409, "PathAlreadyExists"),
    ("PUT", "dfs:/data/f?resource=file", {"If-Match": '"0x1"'}, b"", 412, "ConditionNotMet"),
    ("PUT", "dfs:/data/n?resource=file", {"x-ms-permissions": "9999"}, b"", 400, "InvalidHeaderValue"),
    ("PUT", "dfs:/data/n?resource=file", {"x-ms-properties": "a=%"}, b"", 400, "InvalidHeaderValue"),
    ("PUT", "dfs:/data/n", {"x-ms-rename-source": "x"}, b"", 400, "InvalidHeaderValue"),
    ("PUT", "dfs:/data/n", {"x-ms-rename-source": "/data/missing"}, b"", 404, "SourcePathNotFound"),
    ("PATCH", "dfs:/data/f?action=setAccessControl", {"x-ms-acl": "me:you"}, b"", 400, "InvalidHeaderValue"),
    ("PATCH", "dfs:/data/f?action=setAccessControl", {}, b"", 400, "MissingRequiredHeader"),
    ("HEAD", "dfs:/data/f?action=checkAccess", {}, b"", 400, "MissingRequiredQueryParameter"),
    ("DELETE", "dfs:/data/d", {}, b"", 409, "DirectoryNotEmpty"),
    ("DELETE", "blob:/data/d", {}, b"", 409, "DirectoryIsNotEmpty"),
    ("GET", "dfs:/data/f", {"Range": "bytes=5-"}, b"", 416, "InvalidRange"),
    ("GET", "blob:/data/f", {"x-ms-range": "bytes=9-99"}, b"", 416, "InvalidRange"),
    ("GET", "blob:/data/f", {"If-Modified-Since": "yesterday"}, b"", 400, "InvalidHeaderValue"),
    ("PUT", "blob:/data/n", {}, b"x", 400, "MissingRequiredHeader"),
    ("PUT", "blob:/data/n", {"x-ms-blob-type": "Tape"}, b"x", 400, "InvalidHeaderValue"),
    ("PUT", "blob:/data/n", {**BLOCK, "Content-MD5": "AAAA"}, b"x", 400, "Md5Mismatch"),
    ("PUT", "blob:/data/n", {**BLOCK, "x-ms-meta-1bad": "x"}, b"x", 400, "InvalidHeaderValue"),
    ("PUT", "blob:/data/f", {**BLOCK, "If-None-Match": "*"}, b"x", 409, "BlobAlreadyExists"),
    ("PUT", "blob:/data/f?comp=block", {}, b"x", 400, "MissingRequiredQueryParameter"),
    ("PUT", "blob:/data/f?comp=block&blockid=%25", {}, b"x", 400, "InvalidBlockId"),
    ("PUT", "blob:/data/f?comp=blocklist", {}, b"<x/>", 400, "InvalidXmlDocument"),
    ("PUT", "blob:/data/f?comp=blocklist", {}, b"\xff\x00<", 400, "InvalidXmlDocument"),
    (
        "PUT",
        "blob:/data/f?comp=blocklist",
        {},
        b'<!DOCTYPE x [<!ENTITY a "b">]><BlockList/>',
        400,
        "InvalidXmlDocument",
    ),
    ("PUT", "blob:/data/f?comp=appendblock", {}, b"x", 409, "InvalidBlobType"),
    ("PUT", "blob:/data/n", {"x-ms-copy-source": "https://"}, b"", 400, "InvalidSourceUri"),
    (
        "PUT",
        "blob:/data/n",
        {"x-ms-copy-source": "https://nix.blob.core.windows.net/a/b"},
        b"",
        404,
        "CannotVerifyCopySource",
    ),
    ("GET", "blob:/data?restype=container&comp=dance", {}, b"", 400, "InvalidQueryParameterValue"),
    ("GET", "blob:/data/f?restype=dance", {}, b"", 400, "InvalidQueryParameterValue"),
    ("PUT", "blob:/data/f?comp=page", {}, b"", 409, "FeatureNotYetSupportedForHierarchicalNamespaceAccounts"),
    ("POST", "blob:/?restype=service&comp=userdelegationkey", {}, b"<KeyInfo/>", 400, "InvalidXmlDocument"),
    ("GET", "blob:/data/%00", {}, b"", 400, "InvalidUri"),
    ("GET", "blob:/data/..%2Fetc", {}, b"", 400, "InvalidUri"),
    ("GET", "dfs:/data/" + "a" * 1100, {}, b"", 400, "InvalidUri"),
]


@pytest.fixture(scope="module", autouse=True)
def content(storage: StorageCloud) -> None:
    """A file ``f`` of five bytes and a directory ``d`` with something in it."""
    assert storage.send("PUT", "blob:/data/f", headers=BLOCK, content=b"12345").status_code == 201
    assert storage.send("PUT", "dfs:/data/d/e?resource=file").status_code == 201


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda it: f"{it[0]} {it[1][:60]} {it[5]}")
def test_a_bad_request_gets_azures_code(
    storage: StorageCloud, request_: tuple[str, str, dict[str, str], bytes, int, str]
) -> None:
    method, url, headers, body, status, code = request_
    answer = storage.send(method, url, headers=headers, content=body)
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (status, code), answer.text
    assert answer.headers["x-ms-version"] == "2023-11-03"
    if method == "HEAD":
        assert answer.content == b""
    elif url.startswith("dfs:"):
        assert answer.json()["error"]["code"] == code
    else:
        assert ElementTree.fromstring(answer.text.lstrip("\ufeff")).findtext("Code") == code


def test_a_bad_authorization_is_no_server_error(storage: StorageCloud) -> None:
    for value in (
        "Bearer",
        "Bearer x",
        "Bearer a.b.c",
        "SharedKey",
        "SharedKey lake:%",
        "Basic eDp5",
    ):
        answer = storage.send("GET", "blob:/data/f", None, headers={"Authorization": value})
        assert answer.status_code in (401, 403), value
    for query in ("sig=x", "sig=%&se=x", "sig=&se=2999-01-01&sr=x", "sig=a&se=2999-01-01&sr=b&skoid=x"):
        assert storage.send("GET", f"blob:/data/f?{query}", None).status_code == 403, query


def test_noise_never_makes_a_server_error(storage: StorageCloud) -> None:
    """A thousand requests put together at random from words that mean something."""
    dice = random.Random(4)
    queries = [
        "resource",
        "action",
        "comp",
        "restype",
        "position",
        "recursive",
        "continuation",
        "maxResults",
        "directory",
        "prefix",
    ]
    queries += [
        "delimiter",
        "marker",
        "blockid",
        "blocklisttype",
        "snapshot",
        "close",
        "flush",
        "mode",
        "fsAction",
        "include",
    ]
    words = [
        "file",
        "directory",
        "filesystem",
        "append",
        "flush",
        "list",
        "block",
        "blocklist",
        "appendblock",
        "metadata",
        "tags",
        "getStatus",
    ]
    words += [
        "setAccessControl",
        "getAccessControl",
        "setProperties",
        "container",
        "service",
        "all",
        "true",
        "-1",
        "0",
        "7",
        "a/b",
        "%00",
        "=",
    ]
    headers = [
        "x-ms-rename-source",
        "x-ms-acl",
        "x-ms-permissions",
        "x-ms-umask",
        "x-ms-properties",
        "Range",
        "If-Match",
    ]
    headers += [
        "If-None-Match",
        "If-Modified-Since",
        "x-ms-blob-type",
        "x-ms-copy-source",
        "x-ms-tags",
        "x-ms-access-tier",
    ]
    values = [
        "*",
        "/data/f",
        "0777",
        "a=MQ==",
        "bytes=0-1",
        "BlockBlob",
        "AppendBlob",
        "Hot",
        "",
        "%",
        "x=1&y",
    ]
    for _ in range(1000):
        path = dice.choice(
            ["/", "/data", "/data/", "/data/f", "/data/d", "/data/d/e", "/data/new/x", "/zzz/x"]
        )
        query = "&".join(f"{dice.choice(queries)}={dice.choice(words)}" for _ in range(dice.randint(0, 3)))
        sent = {dice.choice(headers): dice.choice(values) for _ in range(dice.randint(0, 2))}
        method = dice.choice(["GET", "HEAD", "PUT", "PATCH", "POST", "DELETE"])
        if method == "DELETE" and path in ("/data", "/data/"):
            continue
        service = dice.choice(["dfs", "blob"])
        body = dice.choice([b"", b"x", b"<a/>", b"<BlockList/>"])
        answer = storage.send(method, f"{service}:{path}?{query}", headers=sent, content=body)
        assert answer.status_code < 500, (method, path, query, sent, answer.text)
