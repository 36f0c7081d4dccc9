# SPDX-License-Identifier: Apache-2.0
"""What a request does, in Azure's own words: the name of the action and the id of the resource.

ARM's actions follow from its addresses (`PUT .../workspaces/w/jobs/j` is
`Microsoft.MachineLearningServices/workspaces/jobs/write`), so that no table can fall behind them.
A request that changes something and is not known is recorded as its method and address, never dropped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from airflow_provider_azureml.connection import Cloud
from airflow_provider_azureml.naming import LOG_PLACE
from airflow_provider_azureml.rest.flow import Request

JOB_WRITE = "Microsoft.MachineLearningServices/workspaces/jobs/write"
JOB_CANCEL = "Microsoft.MachineLearningServices/workspaces/jobs/cancel/action"
RUN_WRITE = "Microsoft.MachineLearningServices/workspaces/experiments/runs/write"
ALWAYS = frozenset({JOB_CANCEL, RUN_WRITE})
"""Never refused because the log fails: a cancel stops the bill, and a mark on the job tells why."""
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_RUN = re.compile(r"/history/v1\.0(?P<workspace>/subscriptions/.*?/workspaces/[^/]+)/experiments/[^/]+/runs/")
_QUESTION = re.compile(r"/history/v1\.0/.*/batchrundata|/v1\.0/.*/(?:getMemberGroups|checkMemberGroups)")
"""Reads that are POSTs."""
_SECRET = re.compile(r"/secrets/(?!.*/versions$)[^/]+(/[^/]+)?")
_APPLICATION = re.compile(
    r"/v1\.0/(?P<resource>(?P<kind>\w+)\([^)]*\)|(?P<kind2>\w+)/[^/]+)(/(?P<verb>\w+))?"
)
_BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers"
_VERBS = {"PUT": "write", "PATCH": "write", "DELETE": "delete"}
_VAULT = "Microsoft.KeyVault/vaults/secrets"
_VAULT_VERBS = {
    "GET": f"{_VAULT}/getSecret/action",
    "PUT": f"{_VAULT}/setSecret/action",
    "PATCH": f"{_VAULT}/update/action",
    "DELETE": f"{_VAULT}/delete",
}


@dataclass(frozen=True)
class Act:
    """What a request does.

    :param resource: ARM id, or an address without query, which may hold a signature.
    """

    action: str
    resource: str

    @property
    def may_be_refused(self) -> bool:
        """Whether it may be refused when it cannot be recorded."""
        return self.action not in ALWAYS


def classify(request: Request, cloud: Cloud) -> Act | None:
    """The act that a request is; None for one that changes nothing and reveals no secret."""
    parts = urlsplit(request.url)
    host = parts.hostname or ""
    if host.endswith("." + cloud.vault_suffix):
        return _in_vault(request, parts)
    if request.method in _READS:
        return None
    if host == urlsplit(cloud.resource_manager).hostname:
        return _in_arm(request, parts.path) or _unknown(request)
    if request.method == "POST" and _QUESTION.fullmatch(parts.path):
        return None
    if host == urlsplit(cloud.graph).hostname:
        return _in_graph(request, parts.path)
    if host.endswith("." + cloud.region_suffix):
        return _in_run_history(request, parts.path)
    if host.endswith("." + cloud.storage_suffix):
        return _in_storage(request, parts)
    return _unknown(request)


def _unknown(request: Request) -> Act:
    method, _, address = request.operation.partition(" ")
    return Act(f"{method} {urlsplit(address).path}", address)


def _in_arm(request: Request, path: str) -> Act | None:
    """`.../providers/NAMESPACE/type/name/type/name[/verb]`: the last provider says what it is about."""
    scope, found, below = path.rpartition("/providers/")
    namespace, *rest = below.split("/")
    verb = _VERBS.get(request.method, "")
    if request.method == "POST" and len(rest) > 1:
        verb = f"{rest.pop()}/action"
    if not found or not verb or not rest:
        return None
    kinds, names = rest[::2], rest[1::2]
    resource = f"{scope}/providers/" + "/".join([namespace, *rest])
    known = len(names) in (len(kinds), len(kinds) - 1)
    return Act("/".join([namespace, *kinds, verb]), resource) if known else None


def _in_run_history(request: Request, path: str) -> Act | None:
    """A run is a job: its id is the job's, so that both are found together."""
    if _is_bookmark(request):
        return None
    found = _RUN.match(path)
    name = path.rpartition("/runs/")[2]
    if request.method == "PATCH" and found and "/" not in name:
        return Act(RUN_WRITE, f"{found['workspace']}/jobs/{name}")
    return _unknown(request)


def _is_bookmark(request: Request) -> bool:
    """A reader of a job's log leaves its place in it, every few seconds: nobody acts on that."""
    tags = request.json.get("tags") if isinstance(request.json, Mapping) else None
    return request.method == "PATCH" and isinstance(tags, Mapping) and set(tags) == {LOG_PLACE}


def _in_graph(request: Request, path: str) -> Act:
    """Graph has no action names: its own words behind the name of its service principal."""
    found = _APPLICATION.fullmatch(path)
    if not found:
        return _unknown(request)
    kind = found["kind"] or found["kind2"]
    verb = f"{found['verb']}/action" if found["verb"] else _VERBS.get(request.method, "action")
    return Act(f"Microsoft.Graph/{kind}/{verb}", f"/{found['resource']}")


def _in_vault(request: Request, parts: SplitResult) -> Act | None:
    verb = _VAULT_VERBS.get(request.method)
    if verb and _SECRET.fullmatch(parts.path):
        return Act(verb, f"{parts.scheme}://{parts.netloc}{parts.path}")
    return None if request.method in _READS else _unknown(request)


def _in_storage(request: Request, parts: SplitResult) -> Act:
    verb = "delete" if request.method == "DELETE" else "write"
    below = "/blobs" if parts.path.strip("/").count("/") else ""
    return Act(f"{_BLOBS}{below}/{verb}", f"{parts.scheme}://{parts.netloc}{parts.path}")
