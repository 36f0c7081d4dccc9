# SPDX-License-Identifier: Apache-2.0
"""Which ARM resources there are: each service says which kinds it has, and lists them when asked."""

from __future__ import annotations

from collections.abc import Callable

#: ARM ids of all resources of one kind.
Lister = Callable[[], list[str]]


class Resources:
    """Kinds of resources by their ARM type, for example ``Microsoft.KeyVault/vaults``."""

    def __init__(self) -> None:
        self._listers: dict[str, Lister] = {}

    def offer(self, kind: str, lister: Lister) -> None:
        """A service's resources of a kind."""
        self._listers[kind] = lister

    def ids(self, kind: str = "") -> list[tuple[str, str]]:
        """(kind, id) of every resource of a kind, or of all kinds; case does not matter."""
        return [
            (known, found)
            for known, lister in sorted(self._listers.items())
            if not kind or kind.lower() == known.lower()
            for found in lister()
        ]
