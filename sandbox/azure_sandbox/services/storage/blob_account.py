# SPDX-License-Identifier: Apache-2.0
"""The Blob endpoint's account: containers, service properties, user delegation keys."""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree.ElementTree import Element, SubElement

from starlette.responses import Response

from azure_sandbox.kernel.clock import http_date, iso_z, parse_iso
from azure_sandbox.services.storage import signatures
from azure_sandbox.services.storage.dispatch import Target
from azure_sandbox.services.storage.documents import parse_xml
from azure_sandbox.services.storage.listing import LARGEST_PAGE, decode_token, encode_token
from azure_sandbox.services.storage.records import Container
from azure_sandbox.services.storage.refusals import refuse
from azure_sandbox.services.storage.xml import add_texts, xml_answer

#: A user delegation key lives for seven days at most.
_LONGEST_DELEGATION = 7 * 86_400


async def list_containers(target: Target) -> Response:
    prefix, marker = target.query("prefix"), target.query("marker")
    limit = min(target.number("maxresults", LARGEST_PAGE), LARGEST_PAGE) or LARGEST_PAGE
    after = decode_token("marker", marker)
    found = target.lake.catalog.containers(target.account.name, prefix, after)
    root = Element("EnumerationResults", ServiceEndpoint=f"https://{target.account.host('blob')}/")
    add_texts(root, {"Prefix": prefix, "Marker": marker, "MaxResults": str(limit)})
    listed = SubElement(root, "Containers")
    with_metadata = "metadata" in target.query("include")
    for container in found[:limit]:
        _add_container(SubElement(listed, "Container"), container, with_metadata)
    more = len(found) > limit
    add_texts(root, {"NextMarker": encode_token(found[limit - 1].name) if more else ""})
    return xml_answer(target, root)


def _add_container(parent: Element, container: Container, with_metadata: bool) -> None:
    add_texts(parent, {"Name": container.name})
    properties = {
        "Last-Modified": http_date(container.modified),
        "Etag": f'"{container.etag}"',
        "LeaseStatus": "unlocked",
        "LeaseState": "available",
        "HasImmutabilityPolicy": "false",
        "HasLegalHold": "false",
    }
    add_texts(SubElement(parent, "Properties"), properties)
    if with_metadata:
        add_texts(SubElement(parent, "Metadata"), container.metadata)


async def service_properties(target: Target) -> Response:
    root = Element("StorageServiceProperties")
    logging = SubElement(root, "Logging")
    add_texts(logging, {"Version": "1.0", "Read": "false", "Write": "false", "Delete": "false"})
    add_texts(SubElement(logging, "RetentionPolicy"), {"Enabled": "false"})
    for name in ("HourMetrics", "MinuteMetrics"):
        metrics = SubElement(root, name)
        add_texts(metrics, {"Version": "1.0", "Enabled": "false"})
        add_texts(SubElement(metrics, "RetentionPolicy"), {"Enabled": "false"})
    SubElement(root, "Cors")
    for name in ("DeleteRetentionPolicy", "StaticWebsite"):
        add_texts(SubElement(root, name), {"Enabled": "false"})
    return xml_answer(target, root)


async def account_information(target: Target) -> Response:
    headers = {
        "x-ms-sku-name": "Standard_LRS",
        "x-ms-account-kind": "StorageV2",
        "x-ms-is-hns-enabled": str(target.account.hns).lower(),
    }
    return target.answer(200, headers)


async def delegation_key(target: Target) -> Response:
    caller = target.call.caller
    if caller.kind != "bearer":
        raise refuse("AuthorizationPermissionMismatch")
    start, expiry = await _lifetime(target)
    fields = {
        "skoid": caller.object_id,
        "sktid": str(caller.claims.get("tid", "")),
        "skt": start,
        "ske": expiry,
        "sks": "b",
        "skv": target.header("x-ms-version"),
    }
    return xml_answer(target, _delegation_document(target, fields))


async def _lifetime(target: Target) -> tuple[str, str]:
    """Start and expiry as the key will be known by: whole seconds, UTC."""
    root = parse_xml(await target.call.request.body(), "KeyInfo")
    now = target.call.cloud.clock.time()
    try:
        start = parse_iso(root.findtext("Start") or iso_z(now))
        expiry = parse_iso(root.findtext("Expiry") or "")
    except ValueError:
        raise refuse("InvalidXmlDocument") from None
    if not now < expiry <= now + _LONGEST_DELEGATION + 60 or expiry <= start:
        raise refuse("InvalidInput")
    return iso_z(start), iso_z(expiry)


def _delegation_document(target: Target, fields: Mapping[str, str]) -> Element:
    root = Element("UserDelegationKey")
    names = {
        "SignedOid": "skoid",
        "SignedTid": "sktid",
        "SignedStart": "skt",
        "SignedExpiry": "ske",
        "SignedService": "sks",
        "SignedVersion": "skv",
    }
    add_texts(root, {name: fields[short] for name, short in names.items()})
    add_texts(root, {"Value": signatures.delegation_key(target.account.delegation_seal, fields)})
    return root
