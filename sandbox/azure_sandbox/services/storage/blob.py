# SPDX-License-Identifier: Apache-2.0
"""The Blob endpoint, ``{account}.blob.core.windows.net``: the table of all its verbs.

Source: the Blob service REST reference, and what the SDKs, delta-rs and the az command line send.
"""

from __future__ import annotations

from azure_sandbox.kernel.operation import Operation, Surface
from azure_sandbox.services.storage import (
    access,
    blob_account,
    blob_containers,
    blob_read,
    blob_write,
    blocks,
)
from azure_sandbox.services.storage.dispatch import (
    CONTAINER,
    PATH,
    SERVICE,
    Table,
    Target,
    append_access,
    create_access,
)
from azure_sandbox.services.storage.lake import Lake
from azure_sandbox.services.storage.refusals import bad_query, refuse

#: Verbs that Azure does not offer for accounts with a hierarchical namespace, or that we do not.
_UNSUPPORTED = frozenset(
    {"snapshot", "page", "pagelist", "incrementalcopy", "query", "immutabilitypolicies", "legalhold"}
)

#: The sub-operation of writes that take index tags, whether or not a request has any.
_TAGGED = "Blob.Write.WithTagHeaders"


def operations(lake: Lake, surface: Surface) -> list[Operation]:
    table = Table(lake, _discriminate)
    _add_account(table)
    _add_containers(table)
    _add_blobs(table)
    return table.operations(surface)


def _add_account(table: Table) -> None:
    table.add(SERVICE, "GET", "list", blob_account.list_containers, access.CONTAINERS_LIST)
    table.add(SERVICE, "GET", "service/properties", blob_account.service_properties, access.SERVICE_READ)
    table.add(
        SERVICE, "POST", "service/userdelegationkey", blob_account.delegation_key, access.DELEGATION_KEY
    )
    for level in (SERVICE, CONTAINER, PATH):
        table.add(
            level, "GET HEAD", "account/properties", blob_account.account_information, access.SERVICE_READ
        )


def _add_containers(table: Table) -> None:
    table.add(CONTAINER, "PUT", "container", blob_containers.create, access.CONTAINER_WRITE)
    table.add(CONTAINER, "GET HEAD", "container", blob_containers.properties, access.CONTAINER_READ)
    table.add(CONTAINER, "DELETE", "container", blob_containers.delete, access.CONTAINER_DELETE)
    table.add(CONTAINER, "GET HEAD", "container/metadata", blob_containers.properties, access.CONTAINER_READ)
    table.add(CONTAINER, "PUT", "container/metadata", blob_containers.set_metadata, access.CONTAINER_WRITE)
    table.add(CONTAINER, "GET", "container/list", blob_containers.list_blobs, access.LIST)


def _add_blobs(table: Table) -> None:
    table.add(PATH, "PUT", "", blob_write.put_blob, create_access, _TAGGED)
    table.add(PATH, "PUT", "copy-source", blob_write.copy_blob, create_access, _TAGGED)
    table.add(PATH, "GET", "", blob_read.get_blob, access.READ)
    table.add(PATH, "HEAD", "", blob_read.blob_properties, access.STATUS)
    table.add(PATH, "DELETE", "", blob_write.delete_blob, access.DELETE)
    table.add(PATH, "PUT", "metadata", blob_write.set_metadata, access.WRITE)
    table.add(PATH, "GET HEAD", "metadata", blob_read.blob_metadata, access.STATUS)
    table.add(PATH, "PUT", "properties", blob_write.set_properties, access.WRITE)
    table.add(PATH, "PUT", "tier", blob_write.set_tier, access.WRITE, "Blob.Write.Tier")
    table.add(PATH, "GET", "tags", blob_read.blob_tags, access.TAGS_READ)
    table.add(PATH, "PUT", "tags", blob_write.set_tags, access.TAGS_WRITE)
    table.add(PATH, "PUT", "block", blocks.put_block, create_access)
    table.add(PATH, "PUT", "blocklist", blocks.put_block_list, create_access, _TAGGED)
    table.add(PATH, "GET", "blocklist", blocks.get_block_list, access.READ)
    table.add(PATH, "PUT", "appendblock", blocks.append_block, append_access)


def _discriminate(target: Target, level: str) -> str:
    restype, comp = target.query("restype").lower(), target.query("comp").lower()
    if comp in _UNSUPPORTED or target.query("snapshot") or target.query("versionid"):
        raise refuse("FeatureNotYetSupportedForHierarchicalNamespaceAccounts")
    if restype not in ("", "service", "container", "account"):
        raise bad_query("restype", restype)
    if level == PATH and not comp and "x-ms-copy-source" in target.call.headers:
        return "copy-source"
    return f"{restype}/{comp}" if restype and comp else restype or comp
