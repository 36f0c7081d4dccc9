# SPDX-License-Identifier: Apache-2.0
"""What one can do to the lake, whichever endpoint asks: the rules of the namespace.

Each change is decided and recorded without an ``await`` in between, on the loop's one thread, so
that it is atomic; only data is moved while others run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from azure_sandbox.kernel.clock import Clock
from azure_sandbox.services.storage import acl
from azure_sandbox.services.storage.catalog import Catalog
from azure_sandbox.services.storage.conditions import check_write
from azure_sandbox.services.storage.disk import Disk
from azure_sandbox.services.storage.names import container_name
from azure_sandbox.services.storage.records import (
    BLOCK_BLOB,
    DIRECTORY_PERMISSIONS,
    SUPERUSER,
    Account,
    Container,
    Entry,
    Settings,
    ancestors,
    parent_of,
)
from azure_sandbox.services.storage.refusals import refuse

Headers = Mapping[str, str]
_NO_HEADERS: Headers = {}


class Lake:
    """The namespace of every account.

    All methods raise AzureError in the words of the DFS endpoint.
    """

    def __init__(self, catalog: Catalog, disk: Disk, clock: Clock) -> None:
        self.catalog = catalog
        self.disk = disk
        self.clock = clock

    # Containers

    def container(self, account: Account, name: str) -> Container:
        found = self.catalog.container(account.name, name)
        if found is None:
            raise refuse("FilesystemNotFound")
        return found

    def create_container(
        self, account: Account, name: str, metadata: dict[str, str], owner: str = SUPERUSER
    ) -> Container:
        """:param owner: of its root: the principal that asked through the data plane"""
        if self.catalog.container(account.name, container_name(name)):
            raise refuse("FilesystemAlreadyExists")
        made = self.catalog.add_container(account.name, name, metadata)
        if account.hns and owner != SUPERUSER:
            root = self._root(made).with_settings(owner=owner, group=owner)
            self.catalog.put(made.id, root)
        return made

    def delete_container(self, container: Container, headers: Headers) -> None:
        check_write(headers, container)
        self.disk.remove(self.catalog.remove_container(container))

    # Paths

    def entry(self, container: Container, path: str) -> Entry:
        found = self.find(container, path)
        if found is None:
            raise refuse("PathNotFound")
        return found

    def find(self, container: Container, path: str) -> Entry | None:
        found = self.catalog.get(container.id, path)
        return self._root(container) if found is None and not path else found

    def file(self, container: Container, path: str) -> Entry:
        found = self.entry(container, path)
        if found.directory:
            raise refuse("PathConflict")
        return found

    def _root(self, container: Container) -> Entry:
        settings = Settings(permissions=DIRECTORY_PERMISSIONS)
        modified = container.modified
        return Entry("", True, 0, container.etag, modified, modified, "", BLOCK_BLOB, settings)

    def replace_file(
        self, container: Container, path: str, fresh: Entry, headers: Headers = _NO_HEADERS
    ) -> Entry:
        """Make a path hold this file, if the conditions hold for what is there now.

        :param fresh: the file; its path, ETag and times are filled in here
        """
        found = self._around(container, path)
        old = found.get(path)
        check_write(headers, old)
        if old and old.directory:
            raise refuse("PathConflict")
        now = self.clock.time()
        created = old.created if old else now
        entry = replace(fresh, path=path, etag=self.catalog.etag(), created=created, modified=now)
        entry = self._store(container, entry, found, drop_blocks=True)
        if old and old.data != entry.data:
            self._discard(old.data)
        return entry

    def make_directory(
        self, container: Container, path: str, settings: Settings, headers: Headers = _NO_HEADERS
    ) -> Entry:
        """Create a directory; one that exists is left as it is."""
        found = self._around(container, path)
        old = found.get(path)
        check_write(headers, old)
        if old and not old.directory:
            raise refuse("PathConflict")
        if old or not path:
            return old or self._root(container)
        return self._store(container, self._new_directory(path, settings), found)

    def _around(self, container: Container, path: str) -> dict[str, Entry]:
        """The path and the directory that holds it, as far as they exist."""
        return self.catalog.get_many(container.id, [path, parent_of(path)])

    def _new_directory(self, path: str, settings: Settings) -> Entry:
        now = self.clock.time()
        return Entry(path, True, 0, self.catalog.etag(), now, now, "", BLOCK_BLOB, settings)

    def _store(
        self, container: Container, entry: Entry, around: dict[str, Entry], *, drop_blocks: bool = False
    ) -> Entry:
        """Put a new path, with its parent's default ACL, and the directories above it that are missing."""
        parent = parent_of(entry.path)
        holder = around.get(parent) if parent else self.find(container, "")
        if holder and not holder.directory and container.account.hns:
            raise refuse("PathConflict")
        missing = container.account.hns and parent and holder is None
        staged = self.catalog.staged_blocks(container.id, entry.path) if drop_blocks else {}
        if not missing and not staged:
            entry = _inheriting(container, holder, entry)
            self.catalog.put(container.id, entry)
            return entry
        with self.catalog.atomic():
            if missing:
                holder = self._store_parents(container, entry)
            entry = _inheriting(container, holder, entry)
            self.catalog.drop_blocks(container.id, entry.path)
            self.catalog.put(container.id, entry)
        self.disk.remove([data for data, _ in staged.values()])
        return entry

    def _store_parents(self, container: Container, entry: Entry) -> Entry:
        """The directory that holds a path, made with those above it that are missing."""
        wanted = ancestors(entry.path)
        present = self.catalog.get_many(container.id, wanted)
        if any(not found.directory for found in present.values()):
            raise refuse("PathConflict")
        owner = Settings(permissions=DIRECTORY_PERMISSIONS, owner=entry.settings.owner)
        holder = self.entry(container, "")
        for path in wanted:
            if path not in present:
                made = _inheriting(container, holder, self._new_directory(path, owner))
                self.catalog.put(container.id, made)
            holder = present.get(path) or made
        return holder

    def update(self, container: Container, entry: Entry, *, touch: bool = True) -> Entry:
        """Record a changed entry of an existing path, with a new ETag and time unless ``touch`` is off."""
        if touch:
            entry = replace(entry, etag=self.catalog.etag(), modified=self.clock.time())
        self.catalog.put(container.id, entry)
        return entry

    def delete(self, container: Container, path: str, headers: Headers, *, recursive: bool) -> None:
        entry = self.entry(container, path)
        check_write(headers, entry)
        if not path:
            raise refuse("InvalidUri")
        if not entry.directory:
            self.catalog.remove(container.id, path)
            self._discard(entry.data)
            return
        if not recursive and self.catalog.below(container.id, path):
            raise refuse("DirectoryNotEmpty")
        with self.catalog.atomic():
            data = self.catalog.remove_tree(container.id, path)
        self.disk.remove(data)

    def rename(
        self, source: Container, old_path: str, target: Container, new_path: str, headers: Headers
    ) -> Entry:
        """Move a file or a whole directory, replacing a file or an empty directory. Atomic."""
        entry = self._rename_source(source, old_path, headers)
        found = self._around(target, new_path)
        old = found.get(new_path)
        check_write(headers, old)
        same = (source.id, old_path) == (target.id, new_path)
        if entry.directory and (same or (source.id == target.id and new_path.startswith(old_path + "/"))):
            raise refuse("InvalidRenameSourcePath")
        if same:
            return entry
        self._check_target(target, new_path, entry, found)
        now = self.clock.time()
        moved = replace(entry, path=new_path, etag=self.catalog.etag(), modified=now)
        with self.catalog.atomic():
            self.catalog.remove(target.id, new_path)
            self.catalog.remove(source.id, old_path)
            if entry.directory:
                self.catalog.move_tree(source.id, old_path, target.id, new_path)
            self.catalog.put(target.id, moved)
        if old:
            self._discard(old.data)
        return moved

    def _rename_source(self, source: Container, path: str, headers: Headers) -> Entry:
        entry = self.find(source, path)
        if entry is None:
            raise refuse("SourcePathNotFound")
        if not path:
            raise refuse("InvalidRenameSourcePath")
        check_write(headers, entry, prefix="x-ms-source-")
        return entry

    def _check_target(self, target: Container, path: str, entry: Entry, found: dict[str, Entry]) -> None:
        old, holder = found.get(path), found.get(parent_of(path))
        if holder is None and parent_of(path) and target.account.hns:
            raise refuse("RenameDestinationParentPathNotFound")
        if holder and not holder.directory:
            raise refuse("PathConflict")
        if old is None:
            return
        if old.directory != entry.directory:
            raise refuse("InvalidDestinationPath")
        if old.directory and self.catalog.below(target.id, path):
            raise refuse("DirectoryNotEmpty")

    def _discard(self, data: str) -> None:
        if data:
            self.catalog.drop_extents(data)
            self.disk.remove([data])


def _inheriting(container: Container, holder: Entry | None, entry: Entry) -> Entry:
    """A new path with what its directory passes on."""
    if holder is None or not container.account.hns:
        return entry
    settings = acl.inherited(holder.settings, entry.settings, directory=entry.directory)
    return replace(entry, settings=settings)
