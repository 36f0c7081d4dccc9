# SPDX-License-Identifier: Apache-2.0
"""Where a URI of a job points: account, container, path, and the scope at which Azure judges it.

A part that only exists at run time (`{{ ds }}`, `${{name}}`, `*`) ends what is known of a path: what
stands before it is what conditions are judged with, since every path that comes of it begins so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from urllib.parse import unquote

from airflow_provider_azureml.access.facts import Datastore, WorkspaceFacts
from airflow_provider_azureml.access.pattern import is_same

_DATASTORE = re.compile(
    r"azureml://(?:subscriptions/(?P<subscription>[^/]+)/resourcegroups/(?P<group>[^/]+)(?:/providers/[^/]+)?"
    r"/workspaces/(?P<workspace>[^/]+)/)?"
    r"datastores/(?P<store>[^/]+)(?:/paths)?(?:/(?P<path>.*))?",
    re.IGNORECASE | re.DOTALL,
)
_WORKSPACES = "/providers/Microsoft.MachineLearningServices/workspaces/"
_STORAGE = (
    re.compile(
        r"(?:abfss?|wasbs?)://(?P<container>[^@/]+)@(?P<account>[^./]+)\.[^/]+(?:/(?P<path>.*))?", re.S
    ),
    re.compile(
        r"https://(?P<account>[^./]+)\.(?:dfs|blob)\.[^/]+/(?P<container>[^/?]+)(?:/(?P<path>[^?]*))?(?:\?.*)?",
        re.S,
    ),
)
_SECRET = re.compile(r"https://(?P<vault>[a-zA-Z0-9-]+)\.vault\.[a-z.]+/secrets/(?P<name>[A-Za-z0-9-]+)")
_OPEN = re.compile(r"\$?\{\{|\{%|[*\[{]")


@dataclass(frozen=True)
class Place:
    """A path in a container.

    :param scope: ARM id of the container; empty with a `doubt`.
    :param secret: the kind of credentials that the datastore stores, which are used instead of an identity.
    :param doubt: why the place is not known.
    """

    uri: str
    account: str = ""
    container: str = ""
    path: str = ""
    scope: str = ""
    secret: str = ""
    doubt: str = ""
    is_folder: bool = True

    @property
    def known_path(self) -> str:
        """The path up to its first part that only exists at run time; of a folder, with a slash at the end."""
        known = _OPEN.split(self.path, maxsplit=1)[0]
        if known != self.path or not self.is_folder or not known:
            return known
        return known.rstrip("/") + "/"

    @property
    def is_pattern(self) -> bool:
        """Whether a part of the path is only known at run time."""
        return _OPEN.search(self.path) is not None


@dataclass(frozen=True)
class SecretPlace:
    """A secret that a job names by its address."""

    vault: str
    name: str
    scope: str = ""


def place_of(uri: str, facts: WorkspaceFacts, *, is_folder: bool = True) -> Place:
    """The place that a URI names; with a doubt where it cannot be told."""
    return replace(_found(uri, facts), is_folder=is_folder)


def _found(uri: str, facts: WorkspaceFacts) -> Place:
    found = _DATASTORE.fullmatch(uri)
    if found:
        return _in_datastore(uri, found, facts)
    for form in _STORAGE:
        found = form.fullmatch(uri)
        if found:
            return _in_account(uri, found, facts)
    return Place(uri, doubt=_why_not(uri))


def default_place(facts: WorkspaceFacts) -> Place:
    """Where an output without a path goes."""
    store = facts.default_datastore
    if store is None:
        why = facts.unread.get("datastores", "the workspace names no default datastore")
        return Place("(default datastore)", doubt=f"an output has no path, and {why}")
    return _at(store, f"azureml://datastores/{store.name}/paths/azureml/", "azureml/", facts)


def secrets_in(text: str, facts: WorkspaceFacts) -> list[SecretPlace]:
    """The Key Vault secrets whose addresses stand in a text."""
    places = []
    for match in _SECRET.finditer(text):
        vault = facts.vaults.get(match["vault"].lower(), "")
        scope = f"{vault}/secrets/{match['name']}" if vault else ""
        places.append(SecretPlace(match["vault"].lower(), match["name"], scope))
    return places


def _in_datastore(uri: str, found: re.Match[str], facts: WorkspaceFacts) -> Place:
    named, group = (
        found["workspace"],
        f"/subscriptions/{found['subscription']}/resourceGroups/{found['group']}",
    )
    if named and not is_same(f"{group}{_WORKSPACES}{named}", facts.scope):
        return Place(uri, doubt=f"it belongs to another workspace, '{named}' in {group}")
    if facts.datastores is None:
        return Place(uri, doubt=facts.unread.get("datastores", "the datastores were not read"))
    store = facts.datastores.get(found["store"])
    if store is None:
        return Place(uri, doubt=f"the workspace has no datastore '{found['store']}'")
    return _at(store, uri, found["path"] or "", facts)


def _at(store: Datastore, uri: str, path: str, facts: WorkspaceFacts) -> Place:
    scope = store.scope or _container_scope(facts, store.account, store.container)
    doubt = "" if scope else f"datastore '{store.name}' does not say where account '{store.account}' lies"
    secret = store.credentials if store.holds_secret else ""
    return Place(uri, store.account, store.container, path.lstrip("/"), scope, secret, doubt)


def _in_account(uri: str, found: re.Match[str], facts: WorkspaceFacts) -> Place:
    account, container = found["account"], found["container"]
    scope = _container_scope(facts, account, container)
    doubt = "" if scope else f"no storage account '{account}' was found in the subscription"
    return Place(uri, account, container, unquote(found["path"] or "").lstrip("/"), scope, doubt=doubt)


def _container_scope(facts: WorkspaceFacts, account: str, container: str) -> str:
    scope = facts.account_scope(account)
    return f"{scope}/blobServices/default/containers/{container}" if scope else ""


def _why_not(uri: str) -> str:
    if uri.startswith("azureml://jobs/"):
        return "it is another job's output, whose place that job decides"
    if _OPEN.match(uri):
        return "the whole of it is only known at run time"
    if uri.startswith(("azureml:", "/subscriptions/", "azureml://registries/")):
        return "it is a registered asset, whose place its version says"
    return "it is no place in a storage account"
