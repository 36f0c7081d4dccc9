# SPDX-License-Identifier: Apache-2.0
"""Entra's security groups, and who is in which, through any number of groups in groups."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

from azure_sandbox.kernel.store import Document, Store


@dataclass(frozen=True)
class Group:
    """A security group.

    :param id: object id, lower case, as are ``members`` and ``owners``
    :param created: seconds since the epoch
    """

    id: str
    name: str
    mail_nickname: str = ""
    description: str | None = None
    members: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    created: float = 0.0


def _nothing() -> None:
    return None


class Groups:
    """The groups of one tenant. A circle of groups is allowed, as in Entra, and ends every search."""

    def __init__(self, store: Store) -> None:
        self._rows = store.collection("group")
        self._groups = {group.id: group for group in map(_group, self._rows.values())}
        self._parents = self._indexed()
        #: called after every change
        self.changed: Callable[[], None] = _nothing

    def get(self, identifier: str) -> Group | None:
        return self._groups.get(identifier.lower())

    def all(self) -> list[Group]:
        return list(self._groups.values())

    def save(self, group: Group) -> None:
        """Create the group or replace it."""
        self._rows.put(group.id, asdict(group))
        self._groups[group.id] = group
        self._note_change()

    def delete(self, identifier: str) -> bool:
        """False where there is no such group."""
        gone = self._groups.pop(identifier.lower(), None)
        if gone is None:
            return False
        self._rows.delete(gone.id)
        self._note_change()
        return True

    def clear(self) -> None:
        """No groups any more."""
        for identifier in list(self._groups):
            self.delete(identifier)

    def holding(self, object_id: str) -> list[str]:
        """Ids of the groups that an object is a member of, itself or through groups; nearest first."""
        return _reached(object_id.lower(), lambda one: self._parents.get(one, ()))

    def below(self, group_id: str) -> list[str]:
        """Ids of a group's members, and of the members of the groups among them; nearest first."""

        def members(one: str) -> tuple[str, ...]:
            group = self._groups.get(one)
            return group.members if group else ()

        return _reached(group_id.lower(), members)

    def identities(self, object_id: str) -> frozenset[str]:
        """An object's own id and those of all groups that it is in: all that grants can be made to."""
        if not self._parents:
            return frozenset((object_id,))
        return frozenset((object_id, *self.holding(object_id)))

    def _note_change(self) -> None:
        self._parents = self._indexed()
        self.changed()

    def _indexed(self) -> dict[str, list[str]]:
        parents: dict[str, list[str]] = {}
        for group in self._groups.values():
            for member in group.members:
                parents.setdefault(member, []).append(group.id)
        return parents


def _group(document: Document) -> Group:
    return Group(**{**document, "members": tuple(document["members"]), "owners": tuple(document["owners"])})


def _reached(start: str, following: Callable[[str], tuple[str, ...] | list[str]]) -> list[str]:
    """All that can be reached from a start, which itself is not part of it."""
    found: dict[str, None] = {}
    waiting = list(following(start))
    while waiting:
        one = waiting.pop(0)
        if one not in found and one != start:
            found[one] = None
            waiting += following(one)
    return list(found)
