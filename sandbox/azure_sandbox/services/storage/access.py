# SPDX-License-Identifier: Apache-2.0
"""What each operation asks of its caller: an RBAC action, and the letters of a SAS that stand for it.

Source: "Azure built-in roles, Storage", "Permissions for blob service operations", and "Create an
account / service / user delegation SAS" of the Azure documentation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.condition_attributes import NO_ATTRIBUTES, Attributes
from azure_sandbox.kernel.errors import AzureError
from azure_sandbox.kernel.operation import Caller, Need
from azure_sandbox.services.storage import posix
from azure_sandbox.services.storage.records import Account
from azure_sandbox.services.storage.refusals import refuse

#: SAS resource types: service, container, object.
SERVICE, CONTAINER, OBJECT = "s", "c", "o"

#: Signs delegation SAS for Azure's own services (upload URLs of Azure ML); holds no role and needs none.
PLATFORM = "00000000-0000-0000-0000-000000000001"

_PREFIX = "Microsoft.Storage/storageAccounts/blobServices"


@dataclass(frozen=True)
class Access:
    """An RBAC action relative to ``blobServices``, and what a SAS must say instead.

    :param letters: any one of these in ``sp`` will do; empty where no SAS will
    :param posix: what the ACLs are asked where no role grants the action; empty where none can grant it
    """

    action: str
    letters: str
    level: str = OBJECT
    data: bool = True
    posix: str = ""

    def need(
        self,
        account: Account,
        container: str,
        attributes: Attributes = NO_ATTRIBUTES,
        sub_operation: str = "",
    ) -> StorageNeed:
        """:param attributes, sub_operation: for conditions of role assignments"""
        scope = account.resource_id
        if container:
            scope = f"{scope}/blobServices/default/containers/{container}"
        action = f"{_PREFIX}/{self.action}"
        return StorageNeed(action, scope, self.data, attributes, sub_operation, self.letters, self.level)


@dataclass(frozen=True)
class StorageNeed(Need):
    """A need that a SAS may meet too, and ACLs.

    :param by_acl: whether the ACLs grant it to a principal
    """

    letters: str = ""
    level: str = OBJECT
    by_acl: Callable[[str], bool] | None = field(default=None, compare=False)


READ = Access("containers/blobs/read", "r", posix=posix.READ)
STATUS = Access("containers/blobs/read", "re", posix=posix.STATUS)
LIST = Access("containers/blobs/read", "l", CONTAINER, posix=posix.LIST)
WRITE = Access("containers/blobs/write", "w", posix=posix.WRITE)
OVERWRITE = Access("containers/blobs/write", "w", posix=posix.PUT)
CREATE = Access("containers/blobs/write", "cw", posix=posix.PUT)
#: What "add" alone may do: make what was not there, and append.
ADD_NEW = Access("containers/blobs/add/action", "cw", posix=posix.PUT)
APPEND = Access("containers/blobs/write", "aw", posix=posix.APPEND)
ADD = Access("containers/blobs/add/action", "aw", posix=posix.APPEND)
DELETE = Access("containers/blobs/delete", "d", posix=posix.DELETE)
MOVE = Access("containers/blobs/move/action", "m", posix=posix.UNLINK)
MOVE_TO = Access("containers/blobs/move/action", "m", posix=posix.LINK)
WRITE_TO = Access("containers/blobs/write", "w", posix=posix.LINK)
CHECK = Access("containers/blobs/read", "re", posix=posix.CHECK)
CHECK_WRITE = Access("containers/blobs/write", "w", posix=posix.CHECK)
TAGS_READ = Access("containers/blobs/tags/read", "t")
TAGS_WRITE = Access("containers/blobs/tags/write", "t")
OWN_PERMISSIONS = Access("containers/blobs/write", "p", posix=posix.SET_ACL)
ANY_PERMISSIONS = Access("containers/blobs/runAsSuperUser/action", "p")
CONTAINER_READ = Access("containers/read", "r", CONTAINER, data=False)
CONTAINER_WRITE = Access("containers/write", "cw", CONTAINER, data=False)
CONTAINER_DELETE = Access("containers/delete", "d", CONTAINER, data=False)
CONTAINERS_LIST = Access("containers/read", "l", SERVICE, data=False)
SERVICE_READ = Access("read", "r", SERVICE, data=False)
DELEGATION_KEY = Access("generateUserDelegationKey/action", "", SERVICE, data=False)


def permits(cloud: Cloud, caller: Caller, need: Need) -> bool:
    """A principal by its roles or else the ACLs, the account's key always, a SAS by what it says."""
    if caller.kind == "bearer":
        return _has_role(cloud, caller.object_id, need) or _by_acl(cloud, caller.object_id, need)
    if caller.kind == "sas":
        return not _sas_lacks(caller.claims, need) and _delegator_may(cloud, caller.claims, need)
    return caller.kind == "key"


def denied(caller: Caller, need: Need) -> AzureError:
    code = _sas_lacks(caller.claims, need) if caller.kind == "sas" else ""
    return refuse(code or "AuthorizationPermissionMismatch")


def _has_role(cloud: Cloud, principal: str, need: Need) -> bool:
    return cloud.rbac.allowed(
        principal,
        need.action,
        need.scope,
        data=need.data,
        attributes=need.attributes,
        sub_operation=need.sub_operation,
    )


def groups_of(cloud: Cloud, object_id: str) -> frozenset[str]:
    """The groups of a principal, direct or not."""
    return frozenset(cloud.rbac.groups.holding(object_id))


def _by_acl(cloud: Cloud, principal: str, need: Need) -> bool:
    if not isinstance(need, StorageNeed) or need.by_acl is None or not need.by_acl(principal):
        return False
    blocked = cloud.rbac.blocked(
        principal,
        need.action,
        need.scope,
        data=need.data,
        attributes=need.attributes,
        sub_operation=need.sub_operation,
    )
    return blocked is None


def _delegator_may(cloud: Cloud, grant: Mapping[str, Any], need: Need) -> bool:
    """A delegation SAS is worth no more than the roles of whoever delegated."""
    delegator = grant.get("skoid", "")
    return delegator in ("", PLATFORM) or _has_role(cloud, delegator, need)


def _sas_lacks(grant: Mapping[str, Any], need: Need) -> str:
    """The code of the refusal; empty where the SAS covers the need."""
    if not isinstance(need, StorageNeed) or need.level not in grant["levels"]:
        return "AuthorizationResourceTypeMismatch"
    if not set(need.letters) & set(grant["sp"]):
        return "AuthorizationPermissionMismatch"
    return ""
