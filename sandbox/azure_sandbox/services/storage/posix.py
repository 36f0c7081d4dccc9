# SPDX-License-Identifier: Apache-2.0
"""Whether the ACLs of a hierarchical namespace let a principal do something that no role grants.

Source: "Access control lists (ACLs) in Azure Data Lake Storage", the access check algorithm and the
table of common scenarios. ACLs can only grant: who holds a role was admitted before anyone asks here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from azure_sandbox.services.storage.acl import parse
from azure_sandbox.services.storage.lake import Lake
from azure_sandbox.services.storage.records import Container, Entry, ancestors, parent_of

#: What a verb asks of the ACLs.
STATUS, READ, WRITE, APPEND, LIST, PUT, LINK, UNLINK, DELETE, SET_ACL, CHECK = (
    "status",
    "read",
    "write",
    "append",
    "list",
    "put",
    "link",
    "unlink",
    "delete",
    "set-acl",
    "check",
)


@dataclass(frozen=True)
class Principal:
    """Who asks: an object id and the groups that it belongs to, directly or not."""

    object_id: str
    groups: frozenset[str]


class Permissions:
    """The ACLs of one container."""

    def __init__(self, lake: Lake, container: Container) -> None:
        self._lake = lake
        self._container = container

    def permit(self, who: Principal, verb: str, path: str, *, below: str = "", asked: str = "") -> bool:
        """Whether a verb on a path is granted.

        :param path: the target; of a listing, the directory listed
        :param below: of a listing that goes all the way down, the prefix that it shows
        :param asked: of a check, the permissions in question: ``rw-``; of a listing, ``recursive`` or nothing
        """
        if not self._reaches(who, path):
            return False
        return _RULES[verb](self, who, path, below, asked)

    def hide(self, who: Principal, path: str) -> bool:
        """Whether the ACL of a path is for a principal, and one above it does not let it get there."""
        entry = self._lake.find(self._container, path)
        return entry is not None and _is_for(entry, who) and not self._reaches(who, path)

    def _reaches(self, who: Principal, path: str) -> bool:
        """``--X`` on the root and every ancestor that exists; what is missing the operation itself finds out."""
        return all(allows(entry, who, "x") for entry in self._chain(path))

    def _chain(self, path: str) -> Iterator[Entry]:
        """The directories above a path, outermost first, as far as they exist."""
        for name in ("", *ancestors(path)):
            entry = self._lake.find(self._container, name)
            if entry is None:
                return
            yield entry

    def _target(self, who: Principal, path: str, wanted: str) -> bool:
        """The permissions on a path; one that is not there is no secret to who may look for it."""
        entry = self._lake.find(self._container, path)
        return entry is None or allows(entry, who, wanted)

    def _status(self, who: Principal, path: str, below: str, asked: str) -> bool:
        return True

    def _read(self, who: Principal, path: str, below: str, asked: str) -> bool:
        return self._target(who, path, "r")

    def _write(self, who: Principal, path: str, below: str, asked: str) -> bool:
        return self._target(who, path, "w")

    def _append(self, who: Principal, path: str, below: str, asked: str) -> bool:
        return self._target(who, path, "rw")

    def _check(self, who: Principal, path: str, below: str, asked: str) -> bool:
        return self._target(who, path, asked)

    def _put(self, who: Principal, path: str, below: str, asked: str) -> bool:
        """To overwrite takes W on the file, to create WX on the directory that will hold it."""
        entry = self._lake.find(self._container, path)
        if entry is not None:
            return allows(entry, who, "w")
        return allows(self._holder(path), who, "wx")

    def _holder(self, path: str) -> Entry:
        """The nearest directory above a path that exists."""
        *_, nearest = self._chain(path)
        return nearest

    def _link(self, who: Principal, path: str, below: str, asked: str) -> bool:
        """To put a name into a directory, in place of what has it."""
        holder, entry = self._holder(path), self._lake.find(self._container, path)
        return allows(holder, who, "wx") and (entry is None or _may_unlink(holder, entry, who))

    def _unlink(self, who: Principal, path: str, below: str, asked: str) -> bool:
        """To take a name out of a directory; one that is not there is no secret."""
        return self._lake.find(self._container, path) is None or self._link(who, path, below, asked)

    def _delete(self, who: Principal, path: str, below: str, asked: str) -> bool:
        """Of a directory with all that is in it."""
        if not self._unlink(who, path, below, asked):
            return False
        entry = self._lake.find(self._container, path)
        if entry is None or not entry.directory:
            return True
        return allows(entry, who, "rwx") and self._directories(who, f"{path}/", "rwx")

    def _directories(self, who: Principal, prefix: str, wanted: str) -> bool:
        found = self._lake.catalog.scan(self._container.id, prefix, "", -1)
        return all(allows(entry, who, wanted) for entry in found if entry.directory)

    def _list(self, who: Principal, path: str, below: str, asked: str) -> bool:
        entry = self._lake.find(self._container, path)
        if entry is None or not entry.directory:
            return True
        if not allows(entry, who, "rx"):
            return False
        return asked != "recursive" or self._directories(who, below, "rx")

    def _set_acl(self, who: Principal, path: str, below: str, asked: str) -> bool:
        entry = self._lake.find(self._container, path)
        return entry is None or entry.settings.owner == who.object_id


_Rule = Callable[[Permissions, Principal, str, str, str], bool]
_RULES: dict[str, _Rule] = {
    STATUS: Permissions._status,
    READ: Permissions._read,
    WRITE: Permissions._write,
    APPEND: Permissions._append,
    LIST: Permissions._list,
    PUT: Permissions._put,
    LINK: Permissions._link,
    UNLINK: Permissions._unlink,
    DELETE: Permissions._delete,
    SET_ACL: Permissions._set_acl,
    CHECK: Permissions._check,
}


def allows(entry: Entry, who: Principal, wanted: str) -> bool:
    """The documented access check: owner, named user, groups, other; the first kind that fits decides."""
    granted = _granted(entry, who)
    return all(letter in granted for letter in wanted if letter != "-")


def _is_for(entry: Entry, who: Principal) -> bool:
    """Whether an ACL lets a principal read that is named in it, itself or by a group."""
    named = parse(entry.settings.acl_text())
    is_named = f"user:{who.object_id}" in named or entry.settings.owner == who.object_id
    is_named = is_named or any(f"group:{group}" in named for group in who.groups)
    return is_named and allows(entry, who, "r")


def _granted(entry: Entry, who: Principal) -> set[str]:
    settings = entry.settings
    entries = parse(settings.acl_text())
    mask = set(entries.get("mask:", "rwx"))
    if settings.owner == who.object_id:
        return set(entries["user:"])
    named = entries.get(f"user:{who.object_id}")
    if named is not None:
        return set(named) & mask
    groups = list(_of_groups(entries, settings.group, who))
    if groups:
        return set().union(*groups) & mask
    return set(entries["other:"]) & mask


def _of_groups(entries: dict[str, str], owning: str, who: Principal) -> Iterable[str]:
    if owning in who.groups:
        yield entries["group:"]
    for group in who.groups:
        if f"group:{group}" in entries:
            yield entries[f"group:{group}"]


def _may_unlink(holder: Entry, entry: Entry, who: Principal) -> bool:
    """In a directory with the sticky bit only the owners of the child and of the directory may."""
    sticky = holder.settings.permissions[8:9] in ("t", "T")
    return not sticky or who.object_id in (holder.settings.owner, entry.settings.owner)


def holder_of(path: str) -> str:
    """The directory whose listing shows what begins with a prefix."""
    return path.rstrip("/") if path.endswith("/") else parent_of(path)
