# SPDX-License-Identifier: Apache-2.0
"""From a request to what it means: Azure Storage puts the verb into query parameters and headers.

Each endpoint fills a :class:`Table`; the table becomes kernel operations, one per method and depth
of path, whose need and handler depend on the verb that the request's query selects.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import cast

from starlette.responses import Response

from azure_sandbox.kernel.operation import Call, Need, Operation, Surface
from azure_sandbox.services.storage import access, posix
from azure_sandbox.services.storage.access import Access, StorageNeed, groups_of
from azure_sandbox.services.storage.attributes import StorageAttributes
from azure_sandbox.services.storage.authentication import account_of
from azure_sandbox.services.storage.lake import Lake
from azure_sandbox.services.storage.names import container_name, path_name
from azure_sandbox.services.storage.posix import Permissions, Principal
from azure_sandbox.services.storage.records import Account, Container
from azure_sandbox.services.storage.refusals import bad_query, common_headers, refuse

METHODS = ("GET", "HEAD", "PUT", "POST", "PATCH", "DELETE")
SERVICE, CONTAINER, PATH = "service", "container", "path"
_PATHS = {
    SERVICE: ("/",),
    CONTAINER: ("/{container}",),
    PATH: ("/{container}/", "/{container}/{path:path}"),
}
_KEY = "storage.target"


@dataclass
class Target:
    """A request with its account, container and path found out. ``container_name`` may not exist.

    :param sub_operation: of the action, as conditions of role assignments name it
    """

    call: Call
    lake: Lake
    account: Account
    container_name: str
    path: str
    sub_operation: str = ""

    @property
    def container(self) -> Container:
        return self.lake.container(self.account, self.container_name)

    def query(self, name: str, default: str = "") -> str:
        return self.call.query.get(name, default)

    def header(self, name: str, default: str = "") -> str:
        return self.call.headers.get(name, default)

    def number(self, name: str, default: int | None = None, most: int = 2**63 - 1) -> int:
        """A whole, non-negative query parameter; 400 where it is missing or is none."""
        text = self.query(name)
        if not text and default is not None:
            return default
        if not text:
            raise refuse("MissingRequiredQueryParameter", QueryParameterName=name)
        if not (text.isascii() and text.isdecimal()) or len(text) > 19 or int(text) > most:
            raise bad_query(name, text)
        return int(text)

    def flag(self, name: str) -> bool:
        return self.query(name).lower() == "true"

    def may(self, wanted: Access) -> bool:
        """For a second need, which depends on more than the request line."""
        return access.permits(self.call.cloud, self.call.caller, self.need(wanted))

    def need(self, wanted: Access) -> StorageNeed:
        """What the caller must hold, or be granted by the ACLs of a hierarchical namespace."""
        listing = wanted is access.LIST
        attributes = StorageAttributes(
            self.call, self.account, self.container_name, self.path, self._tags, listing
        )
        sub_operation = "Blob.List" if listing else self.sub_operation
        need = wanted.need(self.account, self.container_name, attributes, sub_operation)
        container = self.lake.catalog.container(self.account.name, self.container_name)
        if container is None or not wanted.posix or not self.account.hns:
            return need
        return replace(need, by_acl=partial(self._by_acl, Permissions(self.lake, container), wanted.posix))

    def _by_acl(self, permissions: Permissions, verb: str, object_id: str) -> bool:
        who = Principal(object_id, groups_of(self.call.cloud, object_id))
        if verb != posix.LIST:
            return permissions.permit(who, verb, self.path, asked=self.query("fsAction"))
        directory, below, recursive = self._listed()
        asked = "recursive" if recursive else ""
        return permissions.permit(who, verb, directory, below=below, asked=asked)

    def _listed(self) -> tuple[str, str, bool]:
        """The directory that a listing shows, the prefix of what it shows, and whether it goes deeper."""
        if self.query("resource"):
            directory = path_name(self.account, self.query("directory"))
            return directory, f"{directory}/" if directory else "", self.flag("recursive")
        prefix = self.query("prefix")
        return posix.holder_of(prefix), prefix, not self.query("delimiter")

    def _tags(self) -> dict[str, str]:
        """The index tags of the blob that the path names."""
        container = self.lake.catalog.container(self.account.name, self.container_name)
        found = self.lake.find(container, self.path) if container else None
        return found.settings.tags if found else {}

    def answer(
        self, status: int, headers: dict[str, str] | None = None, content: bytes | str = b"", media: str = ""
    ) -> Response:
        """A response with the headers that all of storage's answers carry."""
        response = Response(content, status, {**common_headers(self.call.request), **(headers or {})})
        if media:
            response.headers["content-type"] = media
        return response


Handler = Callable[[Target], Awaitable[Response]]
AccessOf = Callable[[Target], Access]


@dataclass(frozen=True)
class Verb:
    """A handler, what its caller must hold, and the sub-operation that conditions know it by."""

    handler: Handler
    access: Access | AccessOf
    sub_operation: str = ""

    def need(self, target: Target) -> Need:
        target.sub_operation = self.sub_operation
        wanted = self.access(target) if callable(self.access) else self.access
        return target.need(wanted)


class Table:
    """The verbs of one endpoint.

    :param discriminate: the part of a request that selects among the verbs of a method and depth
    """

    def __init__(self, lake: Lake, discriminate: Callable[[Target, str], str]) -> None:
        self._lake = lake
        self._discriminate = discriminate
        self._verbs: dict[tuple[str, str, str], Verb] = {}

    def add(
        self,
        level: str,
        methods: str,
        key: str,
        handler: Handler,
        wanted: Access | AccessOf,
        sub_operation: str = "",
    ) -> None:
        """:param methods: one or more, separated by blanks"""
        for method in methods.split():
            self._verbs[level, method, key] = Verb(handler, wanted, sub_operation)

    def operations(self, surface: Surface) -> list[Operation]:
        return [
            Operation(surface, method, path, self._run, self._need(level, method), _needs_body)
            for method in METHODS
            for level, paths in _PATHS.items()
            for path in paths
        ]

    def _need(self, level: str, method: str) -> Callable[[Call], Need]:
        def need(call: Call) -> Need:
            target = self._target(call, level)
            verb = self._verb(target, level, method)
            call.request.scope[_KEY] = (verb, target)
            return verb.need(target)

        return need

    def _target(self, call: Call, level: str) -> Target:
        account = account_of(self._lake.catalog, call.request)
        name = "" if level == SERVICE else call.params["container"]
        if name and self._lake.catalog.container(account.name, name) is None:
            container_name(name)
        return Target(call, self._lake, account, name, path_name(account, call.params.get("path", "")))

    def _verb(self, target: Target, level: str, method: str) -> Verb:
        key = self._discriminate(target, level)
        verb = self._verbs.get((level, method, key))
        if verb:
            return verb
        if any((level, other, key) in self._verbs for other in METHODS):
            raise refuse("UnsupportedHttpVerb")
        raise bad_query("comp" if target.query("comp") else "action", key)

    async def _run(self, call: Call) -> Response:
        verb, target = cast("tuple[Verb, Target]", call.request.scope[_KEY])
        return await verb.handler(target)


def _needs_body(call: Call) -> bool:
    """New index tags stand in the body, and conditions may ask for them."""
    return call.query.get("comp") == "tags"


def create_access(target: Target) -> Access:
    """To write a whole file. Who may only add, or whose SAS may only create, may not overwrite."""
    if target.may(access.OVERWRITE):
        return access.OVERWRITE
    container = target.lake.catalog.container(target.account.name, target.container_name)
    if container and target.lake.find(container, target.path):
        return access.OVERWRITE
    return access.CREATE if target.may(access.CREATE) else access.ADD_NEW


def append_access(target: Target) -> Access:
    """To add to a file."""
    return access.APPEND if target.may(access.APPEND) else access.ADD


def permissions_access(target: Target) -> Access:
    """To change an ACL: the owner may, and the superuser."""
    container = target.lake.catalog.container(target.account.name, target.container_name)
    found = target.lake.find(container, target.path) if container else None
    caller = target.call.caller.object_id
    return (
        access.OWN_PERMISSIONS
        if found and caller and found.settings.owner == caller
        else access.ANY_PERMISSIONS
    )
