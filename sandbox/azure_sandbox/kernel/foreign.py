# SPDX-License-Identifier: Apache-2.0
"""Short names in a seed for what lies outside of Azure: ``okta:ORG/SERVER``, ``aws:ACCOUNT``, ``gcp:NAME``.

The service that plays the outside registers a prefix; whoever reads a seed asks for the whole text.
"""

from __future__ import annotations

from collections.abc import Callable


class ForeignNames:
    """Prefix -> what stands for its names: issuers, subjects, audiences."""

    def __init__(self) -> None:
        self._known: dict[str, Callable[[str], str]] = {}

    def offer(self, prefix: str, resolve: Callable[[str], str]) -> None:
        """:param resolve: raises KeyError for a name that the seed does not hold"""
        self._known[prefix] = resolve

    def resolve(self, text: str) -> str:
        """The text in full; a text without a registered prefix is itself.

        :raises KeyError: where the prefix is known and the name is not
        """
        prefix, colon, name = text.partition(":")
        return self._known[prefix](name) if colon and prefix in self._known else text
