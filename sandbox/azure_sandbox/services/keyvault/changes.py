# SPDX-License-Identifier: Apache-2.0
"""What ARM may change of a vault: who decides, access policies, network rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from azure_sandbox.kernel.errors import AzureError
from azure_sandbox.kernel.network import DISABLED, ENABLED, checked_rules
from azure_sandbox.services.keyvault.records import Policy, Vault


def changed(vault: Vault, body: Mapping[str, Any]) -> Vault:
    """A vault after a PUT or PATCH; what is not named stays, but a list of policies replaces the list.

    :raises AzureError: 400 naming the member
    """
    properties = _object(body, "properties")
    rbac = properties.get("enableRbacAuthorization")
    if rbac is not None and not isinstance(rbac, bool):
        raise _invalid("enableRbacAuthorization: true or false is expected")
    given = {"Enabled": ENABLED, "Disabled": DISABLED}
    asked = str(properties.get("publicNetworkAccess") or vault.public_access)
    public = next((value for name, value in given.items() if name.lower() == asked.lower()), "")
    if not public:
        raise _invalid(f"publicNetworkAccess: '{asked}' is not Enabled or Disabled")
    try:
        rules = checked_rules(_object(properties, "networkAcls"), vault.rules)
    except ValueError as error:
        raise _invalid(str(error)) from None
    policies = properties.get("accessPolicies")
    tags = body.get("tags")
    return replace(
        vault,
        rbac=vault.rbac if rbac is None else rbac,
        policies=vault.policies if policies is None else tuple(map(_policy, _list(policies))),
        public_access=public,
        rules=rules,
        tags=dict(tags) if isinstance(tags, dict) else vault.tags,
    )


def with_policies(vault: Vault, kind: str, body: Mapping[str, Any]) -> Vault:
    """A vault after ``accessPolicies/add``, ``replace`` or ``remove``.

    :raises AzureError: 400 for another word, or a policy that is none
    """
    given = [_policy(entry) for entry in _list(_object(body, "properties").get("accessPolicies"))]
    named = {policy.object_id for policy in given}
    others = [policy for policy in vault.policies if policy.object_id not in named]
    held = {policy.object_id: set(policy.secrets) for policy in vault.policies}
    if kind == "replace":
        return replace(vault, policies=(*others, *given))
    if kind not in ("add", "remove"):
        raise _invalid(f"operationKind: '{kind}' is not add, replace or remove")
    merged = []
    for policy in given:
        before = held.get(policy.object_id, set())
        after = before | set(policy.secrets) if kind == "add" else before - set(policy.secrets)
        merged.append(replace(policy, secrets=tuple(sorted(after))))
    return replace(vault, policies=(*others, *(policy for policy in merged if policy.secrets)))


def _policy(entry: Any) -> Policy:
    if not isinstance(entry, dict) or not entry.get("objectId"):
        raise _invalid("accessPolicies: every policy has an objectId")
    secrets = _list(_object(entry, "permissions").get("secrets"))
    return Policy(str(entry["objectId"]).lower(), tuple(str(word).lower() for word in secrets), dict(entry))


def _object(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = document.get(name) or {}
    if not isinstance(value, dict):
        raise _invalid(f"{name}: an object is expected")
    return value


def _list(value: Any) -> list[Any]:
    if value is not None and not isinstance(value, list):
        raise _invalid("a list is expected")
    return value or []


def _invalid(what: str) -> AzureError:
    return AzureError(400, "BadRequest", f"The request is not valid: {what}.")
