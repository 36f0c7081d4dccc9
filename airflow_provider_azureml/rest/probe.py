# SPDX-License-Identifier: Apache-2.0
"""Whether a grant works already: asked of Azure by the principal that has it, or of its list by another.

Azure takes up to ten minutes to notice a role assignment, and its servers do not notice together.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote

from airflow_provider_azureml.connection import Cloud
from airflow_provider_azureml.errors import DeniedError
from airflow_provider_azureml.rest import authorization
from airflow_provider_azureml.rest.assignment import Grant
from airflow_provider_azureml.rest.authorization import Assignment, Permission
from airflow_provider_azureml.rest.flow import STORAGE_SCOPE, STORAGE_VERSION, Flow, Request, expect

_CONTAINER = re.compile(
    r".*/storageAccounts/(?P<account>[^/]+)/blobServices/default/containers/(?P<container>[^/]+)",
    re.IGNORECASE,
)
_BLOBS = "microsoft.storage/storageaccounts/blobservices/containers/blobs"


def works(cloud: Cloud, grant: Grant, permissions: Sequence[Permission]) -> Flow[bool]:
    """Ask as the grantee. A container is listed for real; elsewhere Azure says what the caller may do.

    :param permissions: of the role's definition.
    """
    place = _CONTAINER.fullmatch(grant.scope)
    if place and not grant.condition and _reads_blobs(permissions):
        answer = yield _listing(cloud, place["account"], place["container"])
        return answer.status != 403 and bool(expect(answer, 200))
    try:
        held = yield from authorization.permissions(cloud, grant.scope)
    except DeniedError:
        return False
    return {_plain(each) for each in permissions} <= {_plain(each) for each in held}


def is_listed(cloud: Cloud, grant: Grant) -> Flow[bool]:
    """Ask as somebody else: Azure has the assignment, which does not say that all of Azure heeds it.

    It is known by what it grants, and to whom: PIM names its assignments itself. What the principal holds
    through a group, above the scope or under another condition is another one, and may end at another time.
    """
    found = yield from authorization.assignments_of(cloud, grant.scope, grant.principal_id)
    return any(_gives(each, grant) for each in found)


def role_permissions(cloud: Cloud, grant: Grant) -> Flow[tuple[Permission, ...]]:
    """What the role of a grant allows; raises NotFoundError for a role that is none."""
    path = f"{grant.scope}/{authorization.PROVIDER}/roleDefinitions/{grant.role}"
    return (yield from authorization.role_definition(cloud, path)).permissions


def _gives(held: Assignment, grant: Grant) -> bool:
    there = (held.principal_id.lower(), held.role_guid, held.scope.lower(), held.condition)
    return there == (grant.principal_id.lower(), grant.role.lower(), grant.scope.lower(), grant.condition)


def _reads_blobs(permissions: Sequence[Permission]) -> bool:
    return any(
        action.lower() in (f"{_BLOBS}/read", f"{_BLOBS}/*")
        for entry in permissions
        for action in entry.data_actions
    )


def _listing(cloud: Cloud, account: str, container: str) -> Request:
    host = f"https://{account}.blob.{cloud.storage_suffix}"
    url = f"{host}/{quote(container)}?restype=container&comp=list&maxresults=1"
    return Request("GET", url, scope=STORAGE_SCOPE, headers={"x-ms-version": STORAGE_VERSION})


def _plain(entry: Permission) -> tuple[frozenset[str], ...]:
    kinds = (entry.actions, entry.not_actions, entry.data_actions, entry.not_data_actions)
    return tuple(frozenset(text.lower() for text in kind) for kind in kinds)
