# SPDX-License-Identifier: Apache-2.0
"""Whether a grant works already: asked of Azure by the principal that has it, or of its list by another.

Azure takes up to ten minutes to notice a role assignment, and its servers do not notice together.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from airflow_provider_azureml.connection import Cloud
from airflow_provider_azureml.rest import assignment
from airflow_provider_azureml.rest.assignment import API_VERSION, Grant
from airflow_provider_azureml.rest.flow import STORAGE_SCOPE, STORAGE_VERSION, Flow, Request, expect

_CONTAINER = re.compile(
    r".*/storageAccounts/(?P<account>[^/]+)/blobServices/default/containers/(?P<container>[^/]+)",
    re.IGNORECASE,
)
_KINDS = ("actions", "notActions", "dataActions", "notDataActions")


def works(cloud: Cloud, grant: Grant, permissions: Sequence[Mapping[str, Any]]) -> Flow[bool]:
    """Ask as the grantee. A container is listed for real; elsewhere Azure says what the caller may do.

    :param permissions: of the role's definition, as Azure spells them.
    """
    place = _CONTAINER.fullmatch(grant.scope)
    if place and not grant.condition and _reads_blobs(permissions):
        answer = yield _listing(cloud, place["account"], place["container"])
        return answer.status != 403 and bool(expect(answer, 200))
    url = f"{cloud.resource_manager}{grant.scope}/providers/Microsoft.Authorization/permissions"
    answer = yield Request("GET", f"{url}?api-version={API_VERSION}", scope=cloud.arm_scope)
    if answer.status == 403:
        return False
    held = [_plain(entry) for entry in expect(answer, 200).json()["value"]]
    return all(_plain(entry) in held for entry in permissions)


def is_listed(cloud: Cloud, grant: Grant) -> Flow[bool]:
    """Ask as somebody else: Azure has the assignment, which does not say that all of Azure heeds it."""
    return (yield from assignment.get(cloud, grant)) is not None


def role_permissions(cloud: Cloud, grant: Grant) -> Flow[list[dict[str, Any]]]:
    """What the role of a grant allows, as Azure spells it; raises NotFoundError for a role that is none."""
    subscription = assignment.subscription_of(grant.scope)
    path = f"{subscription}/providers/Microsoft.Authorization/roleDefinitions/{quote(grant.role)}"
    url = f"{cloud.resource_manager}{path}?api-version={API_VERSION}"
    body = expect((yield Request("GET", url, scope=cloud.arm_scope)), 200).json()
    return [
        {kind: list(entry.get(kind) or []) for kind in _KINDS} for entry in body["properties"]["permissions"]
    ]


def _reads_blobs(permissions: Sequence[Mapping[str, Any]]) -> bool:
    wanted = "microsoft.storage/storageaccounts/blobservices/containers/blobs/read"
    return any(
        action.lower() in (wanted, wanted.removesuffix("read") + "*")
        for entry in permissions
        for action in entry.get("dataActions") or []
    )


def _listing(cloud: Cloud, account: str, container: str) -> Request:
    host = f"https://{account}.blob.{cloud.storage_suffix}"
    url = f"{host}/{quote(container)}?restype=container&comp=list&maxresults=1"
    return Request("GET", url, scope=STORAGE_SCOPE, headers={"x-ms-version": STORAGE_VERSION})


def _plain(entry: Mapping[str, Any]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(sorted(text.lower() for text in entry.get(kind) or [])) for kind in _KINDS)
