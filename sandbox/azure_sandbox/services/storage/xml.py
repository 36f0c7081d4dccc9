# SPDX-License-Identifier: Apache-2.0
"""XML out of the Blob endpoint; ``documents.py`` reads it."""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from starlette.responses import Response

from azure_sandbox.services.storage.dispatch import Target
from azure_sandbox.services.storage.refusals import legal_xml


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
