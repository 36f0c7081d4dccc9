# SPDX-License-Identifier: Apache-2.0
"""What ARM may change of a storage account: network, keys, tags; and what a new one is like."""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.errors import AzureError, bad_request
from azure_sandbox.kernel.network import DISABLED, ENABLED, checked_rules
from azure_sandbox.services.storage.records import Account

_NAME = re.compile(r"[a-z0-9]{3,24}")
_KEY_BYTES = 64
_KEY_NAMES = ("key1", "key2")
_PUBLIC = (ENABLED, DISABLED, "SecuredByPerimeter")


def is_name(name: str) -> bool:
    """Whether an account may be called so."""
    return _NAME.fullmatch(name) is not None


def new_key() -> str:
    return base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


def new_account(cloud: Cloud, name: str, resource_id: str, body: Mapping[str, Any]) -> Account:
    """An account as a PUT describes it.

    :raises AzureError: 400 where ARM requires more, or the body says what cannot be
    """
    if not is_name(name):
        raise bad_request(
            "AccountNameInvalid",
            f"{name} is not a valid storage account name. Storage account name must be between 3 and 24 "
            "characters in length and use numbers and lower-case letters only.",
        )
    for member in ("location", "sku", "kind"):
        if not body.get(member):
            raise bad_request("InvalidRequestContent", f"The required member '{member}' is missing.")
    hns = _flag(_properties(body), "isHnsEnabled", False)
    keys = (new_key(), new_key())
    made = Account(
        name,
        resource_id,
        str(body["location"]),
        hns,
        True,
        keys,
        cloud.clock.time(),
        cloud.azure.storage,
        seal=new_key(),
    )
    return changed(made, body)


def changed(account: Account, body: Mapping[str, Any]) -> Account:
    """An account after a PATCH, or a PUT of an existing one; what is not named stays.

    :raises AzureError: 400 naming the member
    """
    properties = _properties(body)
    if _flag(properties, "isHnsEnabled", account.hns) != account.hns:
        raise AzureError(
            400,
            "AccountPropertyCannotBeUpdated",
            "The property 'isHnsEnabled' was specified in the input, but it cannot be updated.",
        )
    public = str(properties.get("publicNetworkAccess") or account.public_access)
    if public not in _PUBLIC:
        raise _invalid(f"publicNetworkAccess: '{public}' is not one of {', '.join(_PUBLIC)}")
    rules = properties.get("networkAcls")
    try:
        acls = checked_rules(rules, account.rules) if isinstance(rules, dict) else account.rules
    except ValueError as error:
        raise _invalid(str(error)) from None
    tags = body.get("tags")
    return replace(
        account,
        shared_key=_flag(properties, "allowSharedKeyAccess", account.shared_key),
        public_access=public,
        rules=acls,
        tags=dict(tags) if isinstance(tags, dict) else account.tags,
    )


def with_new_key(account: Account, body: Mapping[str, Any], now: float) -> Account:
    """An account with one key replaced; what was signed with the old one is refused from now on.

    :raises AzureError: 400 where no such key exists
    """
    name = str(body.get("keyName") or "")
    if name not in _KEY_NAMES:
        raise bad_request(
            "InvalidValuesForRequestParameters", "Values for request parameters are invalid: keyName."
        )
    place = _KEY_NAMES.index(name)
    keys, times = list(account.keys), list(account.key_times or (account.created,) * 2)
    keys[place], times[place] = new_key(), now
    return replace(account, keys=(keys[0], keys[1]), key_times=tuple(times), seal=account.delegation_seal)


def _properties(body: Mapping[str, Any]) -> Mapping[str, Any]:
    properties = body.get("properties") or {}
    if not isinstance(properties, dict):
        raise bad_request(
            "InvalidRequestContent", "The request content was invalid: 'properties' is no object."
        )
    return properties


def _flag(properties: Mapping[str, Any], name: str, default: bool) -> bool:
    value = properties.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise _invalid(f"{name}: true or false is expected")
    return value


def _invalid(what: str) -> AzureError:
    return bad_request(
        "InvalidValuesForRequestParameters", f"Values for request parameters are invalid: {what}."
    )
