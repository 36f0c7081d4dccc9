# SPDX-License-Identifier: Apache-2.0
"""XML bodies of the Blob endpoint."""

from __future__ import annotations

from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from azure_sandbox.services.storage.refusals import refuse

#: A block list of 50,000 ids of 64 bytes fits twice.
_LONGEST_DOCUMENT = 16 << 20


def parse_xml(body: bytes, root: str) -> Element:
    """A document whose root has this name.

    :raises AzureError: 400 InvalidXmlDocument; also for any DTD, so that no entity can blow up
    """
    if len(body) > _LONGEST_DOCUMENT:
        raise refuse("RequestBodyTooLarge")
    if b"<!" in body:
        raise refuse("InvalidXmlDocument")
    try:
        element = ElementTree.fromstring(body)
    except (ElementTree.ParseError, ValueError, LookupError):
        raise refuse("InvalidXmlDocument") from None
    if element.tag != root:
        raise refuse("InvalidXmlDocument")
    return element


def tags_of(body: bytes) -> dict[str, str]:
    """The index tags of a Set Blob Tags body.

    :raises AzureError: 400 InvalidXmlDocument
    """
    root = parse_xml(body, "Tags")
    return {tag.findtext("Key") or "": tag.findtext("Value") or "" for tag in root.iterfind("TagSet/Tag")}
