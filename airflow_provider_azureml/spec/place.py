# SPDX-License-Identifier: Apache-2.0
"""What a job definition, or a REST body, names by itself: compute, datastores, containers, workspaces.

A registered data asset names none of them: what it points at is known to Azure only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple


class Place(NamedTuple):
    """One of them: `compute`, `datastores`, `containers` (`account/container`) or `workspaces`."""

    kind: str
    name: str


_COMPUTE = frozenset({"compute", "computeid", "compute_id", "default_compute", "defaultcompute"})
_COMPUTE_NAME = re.compile(r"(?:azureml:|.*/computes/)?([A-Za-z0-9][\w-]*)", re.DOTALL)
_DATASTORE = re.compile(r"azureml://(?:\S*?/workspaces/(?P<workspace>[\w-]+)/)?datastores/(?P<name>\w+)")
_HADOOP = re.compile(r"(?:abfss?|wasbs?)://(?P<container>[\w$-]+)@(?P<account>[\w-]+)\.")
_WEB = re.compile(r"https://(?P<account>[\w-]+)\.(?:blob|dfs)\.[\w.]+/(?P<container>[\w$-]+)")


def places(content: Any) -> list[Place]:
    """The places in a definition, each once, in the order in which they stand."""
    return list(dict.fromkeys(_walk(content, "")))


def _walk(content: Any, key: str) -> Iterator[Place]:
    if isinstance(content, Mapping):
        for name, value in content.items():
            yield from _walk(value, str(name).lower())
    elif isinstance(content, (list, tuple)):
        for value in content:
            yield from _walk(value, "")
    elif isinstance(content, str):
        yield from _in_text(content)
        compute = _COMPUTE_NAME.fullmatch(content.strip()) if key in _COMPUTE else None
        if compute:
            yield Place("compute", compute[1])


def _in_text(text: str) -> Iterator[Place]:
    for found in _DATASTORE.finditer(text):
        yield Place("datastores", found["name"])
        if found["workspace"]:
            yield Place("workspaces", found["workspace"])
    for pattern in (_HADOOP, _WEB):
        for found in pattern.finditer(text):
            yield Place("containers", f"{found['account']}/{found['container']}")
