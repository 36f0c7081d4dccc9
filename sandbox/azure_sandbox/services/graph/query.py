# SPDX-License-Identifier: Apache-2.0
"""OData on the wire: keys in the path, ``$select``, ``$filter``, ``$top`` and pages."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from azure_sandbox.kernel.errors import AzureError

_KEY = re.compile(r"\(\s*appId\s*=\s*'([^']*)'\s*\)", re.IGNORECASE)
_TEXT = r"'(?P<value>(?:[^']|'')*)'"
#: The three forms of a term: a property's text, its beginning, one of a list of texts.
_TERMS = {
    "eq": re.compile(rf"(?P<name>\w+)\s+eq\s+{_TEXT}"),
    "startswith": re.compile(rf"startsWith\(\s*(?P<name>\w+)\s*,\s*{_TEXT}\s*\)", re.IGNORECASE),
    "any": re.compile(rf"(?P<name>\w+)/any\(\s*(\w+)\s*:\s*\2\s+eq\s+{_TEXT}\s*\)", re.IGNORECASE),
}
_PAGE = 100
_LARGEST_PAGE = 999

Resource = dict[str, Any]


def alternate_key(text: str) -> str:
    """The app id of ``(appId='...')``.

    :raises AzureError: 400 where the path is not of this form
    """
    found = _KEY.fullmatch(text)
    if not found:
        raise AzureError(400, "BadRequest", f"Resource not found for the segment '{text}'.")
    return found.group(1)


def select(resource: Resource, query: Mapping[str, str]) -> Resource:
    """The properties that ``$select`` names, or all.

    :raises AzureError: 400 for a property that does not exist
    """
    asked = [name for name in query.get("$select", "").split(",") if name.strip()]
    if not asked:
        return resource
    known = {name.lower(): name for name in resource}
    for name in asked:
        if name.strip().lower() not in known:
            raise AzureError(400, "Request_BadRequest", f"Could not find a property named '{name.strip()}'.")
    return {known[name.strip().lower()]: resource[known[name.strip().lower()]] for name in asked}


def matching(resources: Sequence[Resource], query: Mapping[str, str]) -> list[Resource]:
    """Those that ``$filter`` lets through; understood is one term of those in the table above.

    :raises AzureError: 400 for any other filter
    """
    expression = query.get("$filter")
    if not expression:
        return list(resources)
    for kind, pattern in _TERMS.items():
        found = pattern.fullmatch(expression.strip())
        if found:
            name, value = found["name"], found["value"].replace("''", "'").lower()
            return [r for r in resources if _holds(kind, r.get(name), value)]
    raise AzureError(400, "Request_UnsupportedQuery", "Unsupported Query.")


def _holds(kind: str, held: object, value: str) -> bool:
    if kind == "any":
        return isinstance(held, list) and value in (str(entry).lower() for entry in held)
    if not isinstance(held, str):
        return False
    return held.lower().startswith(value) if kind == "startswith" else held.lower() == value


def page(resources: Sequence[Resource], query: Mapping[str, str], url: str) -> Resource:
    """One page and, where there is more, ``@odata.nextLink``."""
    size = _number(query, "$top", _PAGE)
    start = _number(query, "$skiptoken", 0)
    if not 1 <= size <= _LARGEST_PAGE:
        raise AzureError(400, "Request_BadRequest", "Invalid page size specified.")
    content: Resource = {"value": list(resources[start : start + size])}
    if start + size < len(resources):
        content["@odata.nextLink"] = f"{url}?{urlencode({**query, '$skiptoken': start + size})}"
    return content


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise AzureError(400, "Request_BadRequest", f"Invalid value '{text}' for {name} query option.")
    return int(text)
