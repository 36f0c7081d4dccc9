# SPDX-License-Identifier: Apache-2.0
"""Spoils a good request, in ways that are reproducible from a seed."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote


@dataclass(frozen=True)
class Wire:
    """A request as it goes out: ``target`` is encoded path and query, ``body`` bytes."""

    method: str
    host: str
    target: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def __str__(self) -> str:
        shown = {name: value for name, value in self.headers.items() if name != "Authorization"}
        return f"{self.method} https://{self.host}{self.target[:300]} {shown} {self.body[:300]!r}"


JUNK: tuple[Any, ...] = (
    None, True, 0, -1, 1e308, 10**40, "", "x" * 5000, "\x00", "\ud800", "../..", "${{", "[[[", [], [None], {}, {"a": {}}, [[1]],
)  # fmt: skip
TEXT = (
    "",
    "-1",
    "0",
    "abc",
    "9" * 30,
    "1e9",
    "%00",
    "%ff%fe",
    "a" * 3000,
    "..%2f..",
    "%F0%9F%94%A5",
    "'",
    "(((",
    "%7B%7D",
    "null",
)
HEADERS = {
    "Range": ("bytes=", "bytes=-", "bytes=5-1", "bytes=a-b", f"bytes={'9' * 30}-", "bytes=0-0,2-3", "rows=1-2"),
    "x-ms-range": ("bytes=", "bytes=9-2", "0-5", f"bytes=0-{'9' * 30}"),
    "If-Match": ("", "*", '"0x', "junk", "\xe9"),
    "If-None-Match": ("*", "junk", '""'),
    "If-Modified-Since": ("yesterday", "0", "Mon, 32 Foo 9999 99:99:99 GMT"),
    "If-Unmodified-Since": ("never", "Mon, 01 Jan 0001 00:00:00 GMT"),
    "Authorization": ("", "Bearer", "Bearer a.b.c", "Bearer eyJ.eyJ.", "Basic eDp5", "SharedKey", "SharedKey a:b", "SharedKey a:!!", "\xff"),
    "Content-Type": ("", "text/html", "application/json; charset=utf-99", "multipart/form-data", "application/x-www-form-urlencoded"),
    "Content-MD5": ("junk", "AAAA", "=" * 24),
    "x-ms-version": ("", "junk", "2009-09-19", "9999-99-99"),
    "x-ms-blob-type": ("", "junk", "PageBlob", "AppendBlob"),
    "x-ms-rename-source": ("", "/", "junk", "/%ff/%00", "/nightlylake"),
    "x-ms-permissions": ("9999", "rwxrwx", "junk"),
    "x-ms-acl": ("junk", "user:::", ",,,", "user::rwx,user::rwx"),
    "x-ms-properties": ("junk", "a=!!", "=,="),
    "x-ms-meta-": ("empty name",),
    "x-ms-lease-id": ("junk",),
    "x-ms-copy-source": ("junk", "https://[", "https://example.invalid/x"),
    "x-ms-date": ("junk",),
    "x-ms-source-if-match": ("junk",),
    "x-http-method-override": ("", "JUNK", "DELETE", "GET", "PATCH"),
    "Metadata": ("", "false"),
    "secret": ("", "junk"),
    "x-ms-client-request-id": ("x" * 2000,),
}  # fmt: skip

Mutation = Callable[[random.Random, Wire], Wire]


def spoiled(base: Wire, name: str, seed: int) -> Wire:
    """One or two mutations of the request; the same for the same name and seed."""
    chance = random.Random(f"{seed} {name}")
    for mutate in chance.sample(MUTATIONS, chance.choice((1, 1, 2))):
        base = mutate(chance, base)
    return base


def _segment(chance: random.Random, wire: Wire) -> Wire:
    path, mark, query = wire.target.partition("?")
    segments = path.split("/")
    segments[chance.randrange(1, len(segments))] = chance.choice(TEXT)
    return replace(wire, target="/".join(segments) + mark + query)


def _more_path(chance: random.Random, wire: Wire) -> Wire:
    path, mark, query = wire.target.partition("?")
    more = chance.choice(
        ("/", "//", "/extra/deep", "/%2e%2e/%2e%2e", "/" + "a/" * 300, "/%00", "/%", "/%zz", ";x=y")
    )
    return replace(wire, target=path + more + mark + query)


def _query(chance: random.Random, wire: Wire) -> Wire:
    path, _, query = wire.target.partition("?")
    pairs = [pair.split("=", 1) for pair in query.split("&") if "=" in pair]
    if not pairs:
        return _more_query(chance, wire)
    index = chance.randrange(len(pairs))
    if chance.random() < 0.3:
        del pairs[index]
    else:
        pairs[index][1] = chance.choice(TEXT)
    return replace(wire, target=path + "?" + "&".join("=".join(pair) for pair in pairs))


def _more_query(chance: random.Random, wire: Wire) -> Wire:
    name = chance.choice(
        ("$top", "$skip", "$filter", "$select", "$orderBy", "hash", "maxresults", "maxResults", "marker", "continuation",
         "position", "comp", "restype", "resource", "action", "recursive", "directory", "prefix", "delimiter", "timeout",
         "sv", "sig", "se", "sp", "blockid", "snapshot", "versionid", "listViewType", "tag", "properties", "api-version")
    )  # fmt: skip
    mark = "&" if "?" in wire.target else "?"
    return replace(wire, target=f"{wire.target}{mark}{quote(name)}={chance.choice(TEXT)}")


def _header(chance: random.Random, wire: Wire) -> Wire:
    name = chance.choice(sorted(HEADERS))
    return replace(wire, headers={**wire.headers, name: chance.choice(HEADERS[name])})


def _no_header(chance: random.Random, wire: Wire) -> Wire:
    if not wire.headers:
        return wire
    gone = chance.choice(sorted(wire.headers))
    return replace(wire, headers={name: value for name, value in wire.headers.items() if name != gone})


def _raw_body(chance: random.Random, wire: Wire) -> Wire:
    body = chance.choice(
        (b"", b"{", b"[]", b"null", b"1", b'"text"', b"\xff\xfe\x00", b"{" * 20_000, b"[" * 20_000, b'{"a":NaN}',
         b"<a/>", b"<!DOCTYPE x [<!ENTITY y 'z'>]><x>&y;</x>", b"a=b&c", b'{"properties":' * 3000, b"x" * (1 << 20),
         wire.body[: len(wire.body) // 2], wire.body + b"}")
    )  # fmt: skip
    return replace(wire, body=body)


def _member(chance: random.Random, wire: Wire) -> Wire:
    """One member of the JSON body, at any depth, removed or replaced by something of another type."""
    try:
        document = json.loads(wire.body)
    except (ValueError, RecursionError):
        return _raw_body(chance, wire)
    places = list(_places(document))
    if not places:
        return _raw_body(chance, wire)
    document = copy.deepcopy(document)
    path = chance.choice(places)
    parent = document
    for step in path[:-1]:
        parent = parent[step]
    if chance.random() < 0.3:
        del parent[path[-1]]
    else:
        parent[path[-1]] = chance.choice(JUNK)
    return replace(wire, body=json.dumps(document).encode())


def _places(document: Any, above: tuple[Any, ...] = ()) -> Any:
    inner = (
        document.items()
        if isinstance(document, dict)
        else enumerate(document)
        if isinstance(document, list)
        else ()
    )
    for key, value in inner:
        yield (*above, key)
        yield from _places(value, (*above, key))


def _method(chance: random.Random, wire: Wire) -> Wire:
    return replace(
        wire, method=chance.choice(("GET", "PUT", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS", "PROPFIND"))
    )


MUTATIONS: list[Mutation] = [
    _segment, _more_path, _query, _more_query, _header, _header, _no_header, _raw_body, _member, _member, _member, _method,
]  # fmt: skip
