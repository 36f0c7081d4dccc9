# SPDX-License-Identifier: Apache-2.0
"""Plane 9: Key Vaults that the connection reads, and what a refusal of a vault says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airflow_provider_azureml.access.evaluate import Need
from airflow_provider_azureml.access.roles import SECRETS
from airflow_provider_azureml.checks import barrier
from airflow_provider_azureml.checks.case import Case
from airflow_provider_azureml.checks.finding import Finding, missing, present, unknown, unused
from airflow_provider_azureml.hooks.examination import Read
from airflow_provider_azureml.rest import graph, resource

_KIND = "Microsoft.KeyVault/vaults"
READ_SECRET = f"{SECRETS}/getSecret/action"


def vaults(case: Case) -> Iterator[Finding]:
    """The vault that holds the connection's credential, and the one that it names for secrets."""
    told = case.settings
    asked = [
        (told.credential_vault_url, told.credential_reader_client_id, told.credential_name),
        (told.vault_url, "", ""),
    ]
    wanted = [each for each in asked if each[0]]
    if not wanted:
        yield unused("vault", 9, "the connection names no vault")
    for url, reader, secret in wanted:
        yield _vault(case, url.removeprefix("https://").split(".")[0], reader, secret)


def _vault(case: Case, name: str, reader: str, secret: str) -> Finding:
    read = _found(case, name)
    if read.value is None:
        why = read.problem or "the subscription has none of this name"
        return unknown("vault", 9, f"{name}: {why}")
    refused = _by_refusal(case, name, read.value, secret)
    if refused:
        return refused
    who = _object_id(case, reader)
    properties = read.value.get("properties") or {}
    if properties.get("enableRbacAuthorization") is not True:
        return _by_policy(name, properties, who)
    if not who:
        return unknown("vault", 9, f"{name}: who reads it is not known")
    scope = f"{read.value['id']}/secrets/{secret}" if secret else str(read.value["id"])
    decision = case.judge(Need(READ_SECRET, scope, data=True), who)
    if decision.verdict == "DENIED" and secret:
        mend = barrier.mend(decision, who, "Key Vault Secrets User", scope)
        return missing(
            "vault", 9, f"{name}: object id {who} may not read '{secret}': {decision.reason}", mend
        )
    if decision.verdict == "ALLOWED":
        return present("vault", 9, f"{name}: object id {who} may read secrets, by {decision.reason}")
    return unknown("vault", 9, f"{name}: {decision.verdict}: {decision.reason}")


def _found(case: Case, name: str) -> Read[Any]:
    """The vault, wherever in the subscription; in the connection's own group where the list is refused."""
    told = case.settings
    read: Read[Any] = case.examination.see(resource.named(told.cloud, told.subscription_id, _KIND, name))
    if read.error is None or not told.resource_group:
        return read
    group = f"/subscriptions/{told.subscription_id}/resourceGroups/{told.resource_group}"
    return case.examination.see(resource.get(told.cloud, f"{group}/providers/{_KIND}/{name}"))


def _object_id(case: Case, reader: str) -> str:
    if not reader:
        return case.object_id
    found = case.examination.see(graph.service_principal(case.settings.cloud, reader)).value
    return found.object_id if found else ""


def _by_policy(name: str, properties: Any, who: str) -> Finding:
    """In a vault with access policies, roles count for nothing."""
    policies = properties.get("accessPolicies") or ()
    mine = [each for each in policies if str(each.get("objectId", "")).lower() == who.lower()]
    may = {
        str(right).lower() for each in mine for right in (each.get("permissions") or {}).get("secrets") or ()
    }
    if may & {"get", "all"}:
        return present("vault", 9, f"{name}: an access policy lets object id {who} read secrets")
    mend = f"az keyvault set-policy --name {name} --object-id {who} --secret-permissions get list"
    message = f"{name} has access policies, where roles count for nothing, and none for object id {who}"
    return missing("vault", 9, message, mend)


def _by_refusal(case: Case, name: str, vault: Any, secret: str) -> Finding | None:
    """What only the refusal tells: a firewall that is in the way, a version that is disabled."""
    number = case.refusal.number if case.refusal else 0
    rules = (vault.get("properties") or {}).get("networkAcls") or {}
    if number == 33 and rules.get("defaultAction") == "Deny":
        mend = f"az keyvault update --name {name} --default-action Allow"
        message = (
            f"{name}'s firewall refuses this network; the command opens it to all: a rule for it is better"
        )
        return missing("vault", 9, message, mend)
    if number == 34 and secret:
        mend = f"az keyvault secret set-attributes --vault-name {name} --name {secret} --enabled true"
        return missing("vault", 9, f"the latest version of '{secret}' in {name} is disabled", mend)
    return None
