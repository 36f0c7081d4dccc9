# SPDX-License-Identifier: Apache-2.0
"""XML in and out of the Blob endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from starlette.responses import Response

from azure_sandbox.services.storage.dispatch import Target
from azure_sandbox.services.storage.refusals import legal_xml, refuse

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


def add_texts(parent: Element, texts: Mapping[str, str]) -> None:
    """One child element per entry."""
    for name, text in texts.items():
        SubElement(parent, name).text = legal_xml(text)


def xml_answer(
    target: Target, root: Element, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    content = b'<?xml version="1.0" encoding="utf-8"?>' + ElementTree.tostring(
        root, encoding="utf-8", xml_declaration=False
    )
    return target.answer(status, headers, content, "application/xml")
