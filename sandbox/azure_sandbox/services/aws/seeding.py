# SPDX-License-Identifier: Apache-2.0
"""The section ``aws`` of a seed, checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.ports import AssertionIssuers
from azure_sandbox.kernel.seed import InvalidSeed
from azure_sandbox.services.aws.records import Account, Pool, Principal, WebTrust

_NAME = re.compile(r"[\w+=,.@-]{1,64}")
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-\d")
_ACCOUNT = re.compile(r"\d{12}")
_FIELDS = {
    "account": {"id", "name", "regions", "outbound_federation", "users", "roles", "identity_pools"},
    "users": {"name", "token_audiences", "longest_token"},
    "roles": {"name", "trusts", "web_identity", "token_audiences", "longest_token"},
    "web_identity": {"issuer", "subject", "audience"},
    "identity_pools": {"name", "region", "developer_provider"},
}


def account(entry: Any) -> Account:
    """:raises InvalidSeed: naming the member"""
    _check(entry, "account", "aws", "id")
    identifier = str(entry["id"])
    if not _ACCOUNT.fullmatch(identifier):
        raise InvalidSeed(f"aws: id {identifier!r} is not of 12 digits; write it in quotes")
    regions = tuple(map(str, entry.get("regions") or ("us-east-1",)))
    for region in regions:
        if not _REGION.fullmatch(region):
            raise InvalidSeed(f"aws: {identifier}: {region!r} is no region, for example us-east-1")
    return Account(identifier, str(entry.get("name") or identifier), regions)


def principals(cloud: Cloud, owner: Account, entry: Mapping[str, Any]) -> list[Principal]:
    """Users, then roles.

    :raises InvalidSeed: naming the member
    """
    found = [_principal(cloud, owner, "user", item) for item in entry.get("users") or ()]
    found += [_principal(cloud, owner, "role", item) for item in entry.get("roles") or ()]
    names = [principal.name for principal in found]
    for principal in found:
        if names.count(principal.name) > 1:
            raise InvalidSeed(f"aws: {owner.id}: the name {principal.name!r} is used twice")
        if principal.trusts - set(names):
            raise InvalidSeed(f"aws: {owner.id}: {principal.name} trusts {min(principal.trusts)!r}, nobody")
    return found


def pools(owner: Account, entry: Mapping[str, Any]) -> list[Pool]:
    """:raises InvalidSeed: naming the member"""
    found = []
    for item in entry.get("identity_pools") or ():
        _check(item, "identity_pools", f"aws: {owner.id}", "name")
        region = str(item.get("region") or owner.regions[0])
        if region not in owner.regions:
            raise InvalidSeed(f"aws: {owner.id}: identity_pools: {region!r} is not in regions")
        provider = str(item.get("developer_provider") or "login.airflow")
        found.append(Pool(owner.id, str(item["name"]), region, provider))
    return found


def _principal(cloud: Cloud, owner: Account, kind: str, entry: Any) -> Principal:
    where = f"aws: {owner.id}: {kind}s"
    _check(entry, f"{kind}s", where, "name")
    name = str(entry["name"])
    if not _NAME.fullmatch(name):
        raise InvalidSeed(f"{where}: {name!r} is no name for IAM")
    # A role may ask for tokens unless the seed says otherwise, a user only if it says so.
    default: list[str] | None = [] if kind == "role" else None
    audiences = entry.get("token_audiences", default)
    return Principal(
        kind,
        owner.id,
        name,
        frozenset(map(str, entry.get("trusts") or ())),
        tuple(_web_trust(cloud, item, where) for item in entry.get("web_identity") or ()),
        None if audiences is None else tuple(map(str, audiences)),
        int(entry.get("longest_token") or 3600),
    )


def _web_trust(cloud: Cloud, entry: Any, where: str) -> WebTrust:
    _check(entry, "web_identity", f"{where}: web_identity", "issuer", "subject", "audience")
    issuer = str(entry["issuer"])
    if not issuer.startswith("https://"):
        issuer = cloud.port(AssertionIssuers).url(issuer)
    return WebTrust(issuer, str(entry["subject"]), str(entry["audience"]))


def _check(entry: Any, kind: str, where: str, *required: str) -> None:
    if not isinstance(entry, dict):
        raise InvalidSeed(f"{where}: a mapping is expected")
    unknown = sorted(set(entry) - _FIELDS[kind])
    if unknown:
        raise InvalidSeed(f"{where}: unknown field {unknown[0]!r}; one of {', '.join(sorted(_FIELDS[kind]))}")
    missing = [name for name in required if not entry.get(name)]
    if missing:
        raise InvalidSeed(f"{where}: {missing[0]} is missing")
