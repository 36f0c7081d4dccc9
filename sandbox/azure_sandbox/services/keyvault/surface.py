# SPDX-License-Identifier: Apache-2.0
"""How a vault greets a stranger, and how it refuses an address, and a caller without role or policy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from starlette.requests import Request

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.errors import AzureError, render_arm
from azure_sandbox.kernel.network import ENABLED, admits, is_trusted
from azure_sandbox.kernel.operation import Caller, Need, Surface, bearer_for, by_role
from azure_sandbox.kernel.ports import Directory
from azure_sandbox.services.keyvault.records import Vault
from azure_sandbox.services.keyvault.service import KeyVault

_UNAUTHORIZED = {
    "missing": "AKV10000: Request is missing a Bearer or PoP token.",
    "expired": "AKV10022: Invalid token: the token is expired.",
    "audience": "AKV10022: Invalid audience. Expected {audience}.",
    "issuer": "AKV10032: Invalid issuer.",
}


@dataclass(frozen=True)
class VaultNeed(Need):
    """A need that an access policy meets, in a vault that is governed by those."""

    vault: Vault | None = None
    permission: str = ""


def _admit(vaults: KeyVault, cloud: Cloud, request: Request) -> Caller:
    """A caller with a token for Key Vault who says which api-version they speak, from where it may be asked."""
    audience = cloud.azure.vault_audience

    def unauthorized(why: str) -> AzureError:
        challenge = f'Bearer authorization="{cloud.azure.authority}/{cloud.tenant_id}", resource="{audience}"'
        message = _UNAUTHORIZED.get(why, "AKV10015: The token is invalid.").replace("{audience}", audience)
        return AzureError(401, "Unauthorized", message, headers={"WWW-Authenticate": challenge})

    caller = bearer_for(lambda azure: [azure.vault_audience], unauthorized)(cloud, request)
    if not request.query_params.get("api-version"):
        raise AzureError(400, "BadParameter", "api-version must be specified")
    vault = vaults.records.vault(request.headers.get("host", "").partition(".")[0])
    if vault is not None:
        _check_network(cloud, vault, request, caller)
    return caller


def _check_network(cloud: Cloud, vault: Vault, request: Request, caller: Caller) -> None:
    """:raises AzureError: 403 in the words for a vault without public access, or for an address"""
    origin = cloud.origin(request)
    if admits(vault.public_access, vault.rules, origin):
        return
    if is_trusted(cloud.port(Directory), vault.rules, caller.object_id):
        return
    who = f"Caller: {_named(caller)}\r\nVault: {vault.name};location={cloud.location}"
    if vault.public_access != ENABLED:
        text = (
            "Public network access is disabled and request is not from a trusted service nor via an approved "
        )
        raise _forbidden(f"{text}private link.\r\n{who}", "ForbiddenByConnection")
    text = "Client address is not authorized and caller is not a trusted service.\r\n"
    raise _forbidden(f"{text}Client address: {origin.address}\r\n{who}", "ForbiddenByFirewall")


def _named(caller: Caller) -> str:
    return f"appid={caller.app_id};oid={caller.object_id};iss={caller.claims.get('iss', '')}"


def _forbidden(message: str, inner: str) -> AzureError:
    return AzureError(403, "Forbidden", message, body={"innererror": {"code": inner}})


def _permits(cloud: Cloud, caller: Caller, need: Need) -> bool:
    """By roles, or by access policies: a vault knows one of them only."""
    if not isinstance(need, VaultNeed) or need.vault is None or need.vault.rbac:
        return by_role(cloud, caller, need)
    ids = cloud.rbac.groups.identities(caller.object_id)
    return any(
        policy.object_id in ids and {need.permission, "all"} & set(policy.secrets)
        for policy in need.vault.policies
    )


def _denied(location: str, caller: Caller, need: Need) -> AzureError:
    vault = need.scope.partition("/vaults/")[2].partition("/")[0]
    if isinstance(need, VaultNeed) and need.vault and not need.vault.rbac:
        return _forbidden(
            f"The user, group or application '{_named(caller)}' does not have secrets {need.permission} "
            f"permission on key vault '{vault};location={location}'. For help resolving this issue, please see "
            "https://go.microsoft.com/fwlink/?linkid=2125287",
            "AccessDenied",
        )
    message = (
        "Caller is not authorized to perform action on resource.\r\n"
        "If role assignments, deny assignments or role definitions were changed recently, please observe "
        "propagation time.\r\n"
        f"Caller: {_named(caller)}\r\n"
        f"Action: '{need.action}'\r\n"
        f"Resource: '{need.scope.lower()}'\r\n"
        "Assignment: (not found)\r\n"
        "DenyAssignmentId: null\r\n"
        "DecisionReason: null \r\n"
        f"Vault: {vault};location={location}\r\n"
    )
    return _forbidden(message, "ForbiddenByRbac")


def surface(cloud: Cloud, vaults: KeyVault) -> Surface:
    admit, denied = partial(_admit, vaults), partial(_denied, cloud.location)
    return Surface("keyvault", ("{vault}.$vault",), admit, render_arm, denied, _permits)
