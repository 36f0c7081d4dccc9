# SPDX-License-Identifier: Apache-2.0
"""Plane 8: settings of storage accounts that refuse whatever the roles are: keys, network, public access."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from airflow_provider_azureml.access.command import giving
from airflow_provider_azureml.access.place import Place
from airflow_provider_azureml.checks.case import Case
from airflow_provider_azureml.checks.finding import Finding, missing, present, unknown, unused
from airflow_provider_azureml.rest import resource

_NETWORK_ROWS = (21, 23)
_OPENS = (
    "; the command opens it to every network: a private endpoint, or a rule for the job's subnet, is better"
)
_KEPT = (
    *("datastoreType", "accountName", "containerName", "filesystem", "endpoint", "protocol"),
    *("resourceGroup", "subscriptionId", "description"),
)


def accounts(case: Case) -> Iterator[Finding]:
    """The settings of each account that the job, or a URI, is about."""
    places = {place.account: place for _, _, place, _ in case.accesses if place.account}
    if not places:
        yield unused("account", 8, "no place was named")
    for name, place in places.items():
        read = case.account(name, place.scope)
        if read.value is None:
            why = read.problem or f"the subscription has no account '{name}'"
            yield unknown("account", 8, f"{name}: {why}")
        else:
            yield _settings(case, name, place, read.value)


def _settings(case: Case, name: str, place: Place, account: Any) -> Finding:
    told = account.get("properties") or {}
    rules = told.get("networkAcls") or {}
    if "FirewallSettingsResolutionFailure" in case.error:
        return _unreadable(case, name, account)
    if place.secret and told.get("allowSharedKeyAccess") is False:
        message = f"{name} refuses keys, and the datastore of {place.uri} stores {place.secret}"
        return missing("account", 8, message, _without_key(case, place))
    if _is_stale(case, place):
        message = f"{name} does not take the stored {place.secret} of {place.uri} any more"
        return missing("account", 8, message, _without_key(case, place))
    if told.get("publicNetworkAccess") == "Disabled":
        mend = f"az storage account update --ids {shlex.quote(account['id'])} --public-network-access Enabled"
        message = f"{name} takes no request from outside its private endpoints{_OPENS}"
        return missing("account", 8, message, mend)
    if rules.get("defaultAction") == "Deny":
        return _firewalled(case, name, account, rules)
    keys = "no keys" if told.get("allowSharedKeyAccess") is False else "keys too"
    kind = "hierarchical" if told.get("isHnsEnabled") else "flat"
    return present("account", 8, f"{name}: {kind}, open to all networks, takes {keys}")


def _unreadable(case: Case, name: str, account: Any) -> Finding:
    """The workspace itself looks at the account's firewall first, and may not."""
    read = case.examination.see(resource.get(case.settings.cloud, case.examination.hook.workspace.path))
    who = str(((read.value or {}).get("identity") or {}).get("principalId") or "")
    message = (
        f"the workspace's own identity (object id {who or 'not known'}) may not read the settings of {name}"
    )
    return missing("account", 8, message, giving(who, "Reader", account["id"]) if who else "")


def _firewalled(case: Case, name: str, account: Any, rules: Any) -> Finding:
    """A firewall is right or wrong only for who was refused by it."""
    admitted = [rule.get("value") for rule in rules.get("ipRules") or ()]
    message = f"{name} admits {', '.join(map(str, admitted)) or 'no address'} only"
    if case.refusal is None or case.refusal.number not in _NETWORK_ROWS:
        return unknown("account", 8, f"{message}; whether that includes the job's network is not known here")
    mend = f"az storage account update --ids {shlex.quote(account['id'])} --default-action Allow"
    return missing("account", 8, message + _OPENS, mend)


def _is_stale(case: Case, place: Place) -> bool:
    return bool(place.secret and case.refusal and case.refusal.number == 25)


def _without_key(case: Case, place: Place) -> str:
    """The datastore as it is, with no stored credential: whoever runs the job signs in itself."""
    workspace = case.examination.hook.workspace
    store = place.uri.partition("datastores/")[2].partition("/")[0]
    path = f"{workspace.path}/datastores/{quote(store)}"
    read = case.examination.see(resource.get(case.settings.cloud, path))
    told = (read.value or {}).get("properties") or {}
    body = {name: told[name] for name in _KEPT if told.get(name)}
    text = shlex.quote(json.dumps({"properties": {**body, "credentials": {"credentialsType": "None"}}}))
    return f"az rest --method put --url {shlex.quote(workspace.url(f'/datastores/{quote(store)}'))} --body {text}"
