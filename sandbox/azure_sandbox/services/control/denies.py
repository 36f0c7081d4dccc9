# SPDX-License-Identifier: Apache-2.0
"""Deny assignments by the control API: what Azure makes for its own services, a test makes here."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from azure_sandbox.kernel import checks
from azure_sandbox.kernel.checks import InvalidRule
from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.condition_parser import InvalidCondition
from azure_sandbox.kernel.denies import ALL_PRINCIPALS, DenyAssignment
from azure_sandbox.kernel.roles import Permission

_PARTS = ("actions", "not_actions", "data_actions", "not_data_actions")
_MEMBERS = {"name", "scope", "principals", "excluded", "only_at_scope", "condition", "description", *_PARTS}


def add(cloud: Cloud, document: Mapping[str, Any]) -> dict[str, Any]:
    """Make a deny assignment; it, as the seed writes one, with its ``id``.

    :raises InvalidRule: naming the member that is wrong
    """
    checks.only(document, "the deny assignment", _MEMBERS)
    scope = checks.text(document, "", "scope")
    if not scope.startswith("/"):
        raise InvalidRule("scope must be an ARM id, which begins with '/'")
    only_at_scope = document.get("only_at_scope", False)
    if not isinstance(only_at_scope, bool):
        raise InvalidRule("only_at_scope must be true or false")
    deny = DenyAssignment(
        str(uuid.uuid4()),
        checks.text(document, "", "name"),
        scope.rstrip("/"),
        (Permission(*(_texts(document, part) for part in _PARTS)),),
        tuple(one.lower() for one in _texts(document, "principals")) or (ALL_PRINCIPALS,),
        tuple(one.lower() for one in _texts(document, "excluded")),
        only_at_scope,
        description=checks.text(document, "", "description", ""),
        condition=checks.text(document, "", "condition", ""),
        created_on=cloud.clock.time(),
    )
    try:
        cloud.rbac.deny(deny)
    except InvalidCondition as error:
        raise InvalidRule(f"condition must be one that can be read: {error}") from None
    return rendered(deny)


def rendered(deny: DenyAssignment) -> dict[str, Any]:
    """As the seed writes one, with its ``id``."""
    parts = {name: list(patterns) for name, patterns in asdict(deny.permissions[0]).items()}
    return {
        "id": deny.resource_id,
        "name": deny.name,
        "scope": deny.scope,
        "principals": list(deny.principals),
        "excluded": list(deny.excluded),
        "only_at_scope": deny.only_at_scope,
        "condition": deny.condition,
        "description": deny.description,
        **parts,
    }


def _texts(document: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = document.get(name, [])
    if not isinstance(value, list) or not all(isinstance(text, str) and text for text in value):
        raise InvalidRule(f"{name} must be a list of texts")
    return tuple(value)
