# SPDX-License-Identifier: Apache-2.0
"""The Blob endpoint's containers, and listing what is in them."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement

from starlette.responses import Response

from azure_sandbox.kernel.clock import http_date
from azure_sandbox.services.storage import listing
from azure_sandbox.services.storage.conditions import check_write
from azure_sandbox.services.storage.content import DEFAULT_TYPE
from azure_sandbox.services.storage.dispatch import Target
from azure_sandbox.services.storage.names import metadata_of
from azure_sandbox.services.storage.records import APPEND_BLOB, SUPERUSER, Container, Entry
from azure_sandbox.services.storage.refusals import refuse
from azure_sandbox.services.storage.xml import add_texts, xml_answer

#: How the Blob endpoint marks a directory of the hierarchical namespace.
FOLDER_MARK = {"hdi_isfolder": "true"}
_CONTENT = {
    "content-type": "Content-Type",
    "content-encoding": "Content-Encoding",
    "content-language": "Content-Language",
    "content-md5": "Content-MD5",
    "cache-control": "Cache-Control",
    "content-disposition": "Content-Disposition",
}


async def create(target: Target) -> Response:
    metadata = metadata_of(target.call.headers)
    owner = target.call.caller.object_id or SUPERUSER
    container = target.lake.create_container(target.account, target.container_name, metadata, owner)
    return target.answer(201, _headers(container))


async def properties(target: Target) -> Response:
    container = target.container
    headers = {
        **_headers(container),
        "x-ms-lease-status": "unlocked",
        "x-ms-lease-state": "available",
        "x-ms-has-immutability-policy": "false",
        "x-ms-has-legal-hold": "false",
    }
    return target.answer(200, {**headers, **{f"x-ms-meta-{k}": v for k, v in container.metadata.items()}})


async def set_metadata(target: Target) -> Response:
    container = target.container
    check_write(target.call.headers, container)
    metadata = metadata_of(target.call.headers)
    return target.answer(200, _headers(target.lake.catalog.set_container_metadata(container, metadata)))


async def delete(target: Target) -> Response:
    target.lake.delete_container(target.container, target.call.headers)
    return target.answer(202)


def _headers(container: Container) -> dict[str, str]:
    return {"ETag": f'"{container.etag}"', "Last-Modified": http_date(container.modified)}


async def list_blobs(target: Target) -> Response:
    """``startFrom``, which delta-rs sends, is ignored: it only saves a client some reading."""
    container = target.container
    page, limit = _page(target, container)
    endpoint = f"https://{target.account.host('blob')}/"
    root = Element("EnumerationResults", ServiceEndpoint=endpoint, ContainerName=container.name)
    asked = {name: target.query(name.lower()) for name in ("Prefix", "Marker", "Delimiter")}
    add_texts(root, {**{name: text for name, text in asked.items() if text}, "MaxResults": str(limit)})
    blobs = SubElement(root, "Blobs")
    include = set(target.query("include").lower().split(","))
    for item in page.items:
        if isinstance(item, str):
            add_texts(SubElement(blobs, "BlobPrefix"), {"Name": item})
        else:
            _add_blob(SubElement(blobs, "Blob"), item, include)
    add_texts(root, {"NextMarker": listing.encode_token(page.next)})
    return xml_answer(target, root)


def _page(target: Target, container: Container) -> tuple[listing.Page, int]:
    limit = target.number("maxresults", listing.LARGEST_PAGE)
    if not limit:
        raise refuse("OutOfRangeQueryParameterValue", QueryParameterName="maxresults")
    limit = min(limit, listing.LARGEST_PAGE)
    after = listing.decode_token("marker", target.query("marker"))
    prefix, delimiter = target.query("prefix"), target.query("delimiter")
    catalog = target.lake.catalog
    if not delimiter:
        return listing.flat(catalog, container, prefix, after, limit), limit
    if delimiter == "/" and target.account.hns:
        page = listing.children(catalog, container, prefix, after, limit)
        return listing.Page([_rolled_up(item) for item in page.items], page.next), limit
    return listing.by_delimiter(catalog, container, prefix, delimiter, after, limit), limit


def _rolled_up(item: Entry | str) -> Entry | str:
    return f"{item.path}/" if isinstance(item, Entry) and item.directory else item


def _add_blob(parent: Element, entry: Entry, include: set[str]) -> None:
    add_texts(parent, {"Name": entry.path})
    settings = entry.settings
    shown = {
        "Creation-Time": http_date(entry.created),
        "Last-Modified": http_date(entry.modified),
        "Etag": entry.etag,
        "Content-Length": str(entry.size),
        "Content-Type": DEFAULT_TYPE,
        "BlobType": entry.kind,
        "AccessTier": settings.extra.get("tier", "Hot"),
        "LeaseStatus": "unlocked",
        "LeaseState": "available",
        "ServerEncrypted": "true",
        "ResourceType": "directory" if entry.directory else "file",
    }
    if entry.kind == APPEND_BLOB:
        del shown["AccessTier"]
    content = {_CONTENT[name]: value for name, value in settings.headers.items() if name in _CONTENT}
    add_texts(SubElement(parent, "Properties"), {**shown, **content})
    if "metadata" in include:
        marked = FOLDER_MARK if entry.directory else {}
        add_texts(SubElement(parent, "Metadata"), {**settings.metadata, **marked})
    if "tags" in include and settings.tags:
        tags = SubElement(SubElement(parent, "Tags"), "TagSet")
        for name, value in settings.tags.items():
            add_texts(SubElement(tags, "Tag"), {"Key": name, "Value": value})
