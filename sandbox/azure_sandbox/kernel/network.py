# SPDX-License-Identifier: Apache-2.0
"""Where a request comes from, and the network rules of storage accounts and vaults.

All of the sandbox is on loopback. So that a firewall can admit the machine that submits and not the
compute that runs, or the reverse, requests are told apart by the proxy port that they came through,
and each side has an address in Azure's eyes.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from starlette.requests import Request

from azure_sandbox.kernel.ports import Directory

ALLOW, DENY = "Allow", "Deny"
ENABLED, DISABLED = "Enabled", "Disabled"
TRUSTED = "AzureServices"

#: Whose managed identity counts as a trusted service that reads and writes data.
_TRUSTED_RESOURCE = re.compile(r".*/providers/microsoft\.machinelearningservices/workspaces/[^/]+")
_BYPASSES = {"none": "None", "logging": "Logging", "metrics": "Metrics", "azureservices": TRUSTED}


@dataclass(frozen=True)
class Origin:
    """Where a request comes from: a public address, and the subnet's ARM id where it has one."""

    address: str
    subnet: str = ""


@dataclass(frozen=True)
class Network:
    """The two sides of a sandbox. The addresses are of the ranges that documentation may use.

    :param clients: whoever uses ``env.sh``: a laptop, an Airflow worker
    :param jobs: the compute that Azure ML jobs run on
    """

    clients: Origin = Origin("203.0.113.10")
    jobs: Origin = Origin("198.51.100.20")

    def origin(self, request: Request, job_port: int) -> Origin:
        """:param job_port: the proxy port that only jobs are told of; 0 where there is none"""
        server = request.scope.get("server")
        from_job = bool(job_port and server and server[1] == job_port)
        return self.jobs if from_job else self.clients


def open_rules() -> dict[str, Any]:
    """``networkAcls`` of a resource that nobody restricted."""
    return {"bypass": TRUSTED, "defaultAction": ALLOW, "ipRules": [], "virtualNetworkRules": []}


def admits(public_access: str, rules: Mapping[str, Any], origin: Origin) -> bool:
    """Whether network rules let an address in.

    :param public_access: ``publicNetworkAccess`` of the resource
    :param rules: its ``networkAcls``, checked
    """
    if public_access != ENABLED:
        return False
    if rules["defaultAction"] == ALLOW:
        return True
    address = ipaddress.ip_address(origin.address)
    if any(address in ipaddress.ip_network(rule["value"]) for rule in rules["ipRules"]):
        return True
    subnets = {str(rule["id"]).lower() for rule in rules["virtualNetworkRules"]}
    return bool(origin.subnet) and origin.subnet.lower() in subnets


def is_trusted(directory: Directory, rules: Mapping[str, Any], object_id: str) -> bool:
    """Whether rules let a caller in wherever it asks from: the managed identity of a resource that they
    name, or of a trusted service where those may pass."""
    identity = directory.managed_identity(object_id) if object_id else None
    if identity is None:
        return False
    resource = identity.resource_id.lower()
    if TRUSTED in rules["bypass"] and _TRUSTED_RESOURCE.fullmatch(resource):
        return True
    named = (str(rule["resourceId"]).lower() for rule in rules.get("resourceAccessRules", ()))
    return any(fnmatchcase(resource, pattern) for pattern in named)


def checked_rules(given: Mapping[str, Any], current: Mapping[str, Any]) -> dict[str, Any]:
    """``networkAcls`` as they will be: members that are given replace the current ones.

    :raises ValueError: naming what is wrong in Azure's manner
    """
    action = str(given.get("defaultAction", current["defaultAction"]))
    if action not in (ALLOW, DENY):
        raise ValueError(f"networkAcls.defaultAction: '{action}' is not Allow or Deny")
    found = {
        "bypass": _bypass(str(given.get("bypass") or current["bypass"])),
        "defaultAction": action,
        "ipRules": [_address_rule(rule) for rule in _rules(given, current, "ipRules")],
        "virtualNetworkRules": [_subnet_rule(rule) for rule in _rules(given, current, "virtualNetworkRules")],
    }
    instances = [_instance_rule(rule) for rule in _rules(given, current, "resourceAccessRules")]
    return {**found, "resourceAccessRules": instances} if instances else found


def _bypass(text: str) -> str:
    parts = [_BYPASSES.get(part.strip().lower()) for part in text.split(",")]
    if None in parts:
        raise ValueError(f"networkAcls.bypass: '{text}' is not of None, Logging, Metrics, AzureServices")
    return ", ".join(str(part) for part in parts)


def _rules(given: Mapping[str, Any], current: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = given.get(name)
    if found is None:
        found = current.get(name) or []
    if not isinstance(found, list) or not all(isinstance(rule, dict) for rule in found):
        raise ValueError(f"networkAcls.{name} must be a list of objects")
    return found


def _address_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    value = str(rule.get("value") or rule.get("addressPrefix") or "")
    try:
        network = ipaddress.ip_network(value)
    except ValueError:
        raise ValueError(f"networkAcls.ipRules: '{value}' is no IPv4 address or range") from None
    if network.version != 4 or _is_private(network):
        raise ValueError(f"networkAcls.ipRules: '{value}' is not a public IPv4 address or range")
    return {"value": value, "action": ALLOW}


def _is_private(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    """RFC 1918: the ranges that Azure refuses. ``is_private`` also covers those for documentation."""
    reserved = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8")
    return any(network.overlaps(ipaddress.ip_network(block)) for block in reserved if network.version == 4)


def _subnet_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    name = str(rule.get("id") or "")
    if "/subnets/" not in name.lower():
        raise ValueError(f"networkAcls.virtualNetworkRules: '{name}' is no id of a subnet")
    return {"id": name, "action": ALLOW, "state": "Succeeded"}


def _instance_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    tenant, resource = str(rule.get("tenantId") or ""), str(rule.get("resourceId") or "")
    if not tenant or not resource.startswith("/subscriptions/"):
        raise ValueError("networkAcls.resourceAccessRules: a rule has tenantId and resourceId")
    return {"tenantId": tenant, "resourceId": resource}
