# SPDX-License-Identifier: Apache-2.0
"""What an application may do to groups: Graph's permissions (Group.*, GroupMember.*, Directory.*).

Source: "Working with groups in Microsoft Graph", and the permissions tables of each operation.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.groups import Group
from azure_sandbox.kernel.identity import Identity
from azure_sandbox.kernel.operation import Caller
from azure_sandbox.kernel.ports import Registry
from azure_sandbox.services.graph.refusals import bad_request, denied, holds, missing

_WRITE = {"Group.ReadWrite.All", "Directory.ReadWrite.All"}
_CREATE = _WRITE | {"Group.Create"}
_WRITE_MEMBERS = _WRITE | {"GroupMember.ReadWrite.All"}
_READ = _WRITE_MEMBERS | {"Group.Read.All", "GroupMember.Read.All", "Directory.Read.All"}
_READ_PRINCIPALS = {
    "Application.Read.All",
    "Application.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
}
#: What ``members/$ref`` names: ``https://graph.microsoft.com/v1.0/directoryObjects/{id}``.
_REFERENCE = re.compile(
    r"https://[^/]+/v1\.0/(?:directoryObjects|servicePrincipals|groups)(?:/([^/?()]+)|\('([^']+)'\))",
    re.IGNORECASE,
)
#: Members that one PATCH may add.
_MOST_AT_ONCE = 20

Body = dict[str, Any]


class GroupService:
    """Groups as one caller sees them."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._groups = cloud.rbac.groups

    @property
    def _registry(self) -> Registry:
        return self._cloud.port(Registry)

    def visible(self, caller: Caller) -> list[Group]:
        """:raises AzureError: 403 where the caller may read none"""
        _check(caller, _READ)
        return self._groups.all()

    def readable(self, caller: Caller, identifier: str) -> Group:
        """:raises AzureError: 403, or 404 where nobody goes by this id"""
        _check(caller, _READ)
        return self._find(identifier)

    def may_read(self, caller: Caller) -> bool:
        """Whether it is told more of groups than their ids."""
        return holds(caller, _READ)

    def owned(self, object_id: str) -> list[Group]:
        """The groups that somebody owns."""
        return [group for group in self._groups.all() if object_id.lower() in group.owners]

    def create(self, caller: Caller, body: Body) -> Group:
        """:raises AzureError: 403, or 400 for a body that makes no security group"""
        _check(caller, _CREATE)
        name, nickname = body.get("displayName"), body.get("mailNickname")
        for field, value in (("displayName", name), ("mailNickname", nickname)):
            if not isinstance(value, str) or not value:
                raise bad_request(f"A value is required for property '{field}' of resource 'Group'.")
        if body.get("securityEnabled") is not True or body.get("mailEnabled") is not False:
            raise bad_request(
                "This sandbox has security groups only: securityEnabled true, mailEnabled false."
            )
        members, owners = (self._bound(body, field) for field in ("members", "owners"))
        group = Group(
            str(uuid.uuid4()),
            str(name),
            str(nickname),
            _description(body),
            members,
            owners,
            self._cloud.clock.time(),
        )
        self._groups.save(group)
        return group

    def update(self, caller: Caller, identifier: str, body: Body) -> None:
        """PATCH: name, description, and ``members@odata.bind``, which adds.

        :raises AzureError: 403, 404, 400
        """
        _check(caller, _WRITE_MEMBERS if set(body) == {"members@odata.bind"} else _WRITE)
        group = self._find(identifier)
        unknown = sorted(set(body) - {"displayName", "description", "members@odata.bind"})
        if unknown:
            raise bad_request(f"Property '{unknown[0]}' cannot be updated in this sandbox.")
        name = body.get("displayName", group.name)
        if not isinstance(name, str) or not name:
            raise bad_request("Invalid value specified for property 'displayName' of resource 'Group'.")
        changed = replace(group, name=name)
        if "description" in body:
            changed = replace(changed, description=_description(body))
        for member in self._bound(body, "members"):
            changed = _with(changed, member)
        self._groups.save(changed)

    def delete(self, caller: Caller, identifier: str) -> None:
        """Its role assignments stay, and grant nobody anything.

        :raises AzureError: 403, 404
        """
        _check(caller, _WRITE)
        gone = self._find(identifier)
        self._groups.delete(gone.id)
        for group in self._groups.all():
            if gone.id in group.members:
                self._groups.save(_without(group, gone.id))

    def add_member(self, caller: Caller, identifier: str, body: Body) -> None:
        """:raises AzureError: 403, 404, or 400 where it is a member already"""
        _check(caller, _WRITE_MEMBERS)
        group = self._find(identifier)
        self._groups.save(_with(group, self._referred(body.get("@odata.id"))))

    def remove_member(self, caller: Caller, identifier: str, member: str) -> None:
        """:raises AzureError: 403, or 404 where it is no member"""
        _check(caller, _WRITE_MEMBERS)
        group = self._find(identifier)
        if member.lower() not in group.members:
            raise missing(member)
        self._groups.save(_without(group, member.lower()))

    def members(self, caller: Caller, identifier: str, *, transitive: bool) -> list[Group | Identity | str]:
        """What is in a group; an id alone for what the caller may not read.

        :raises AzureError: 403, 404
        """
        group = self.readable(caller, identifier)
        return self._objects(caller, self._groups.below(group.id) if transitive else group.members)

    def groups_of(self, caller: Caller, identifier: str, *, transitive: bool) -> list[Group]:
        """The groups that an object is in.

        :raises AzureError: 403, or 404 where nobody goes by this id
        """
        holding = self.memberships(caller, identifier)
        groups = [group for one in holding if (group := self._groups.get(one))]
        return [group for group in groups if transitive or identifier.lower() in group.members]

    def memberships(self, caller: Caller, identifier: str) -> list[str]:
        """Ids of all groups that an object is in, through others too; raises as :meth:`groups_of`."""
        group = self._groups.get(identifier)
        _check(caller, _READ if group else _READ_PRINCIPALS)
        if group is None and self._principal(identifier) is None:
            raise missing(identifier)
        return self._groups.holding(identifier)

    def object_id_of(self, client_id: str) -> str | None:
        """The service principal's object id; None where no application has this client id."""
        identity = self._registry.identity(client_id)
        known = identity is not None and identity.client_id.lower() == client_id.lower()
        return identity.principal_id if identity and known else None

    def _objects(self, caller: Caller, identifiers: Iterable[str]) -> list[Group | Identity | str]:
        """:raises AzureError: never; what has gone from the directory is left out"""
        found: list[Group | Identity | str] = []
        for one in identifiers:
            principal = self._principal(one)
            known = self._groups.get(one) or principal
            if known is None:
                continue
            hidden = known is principal and not holds(caller, _READ_PRINCIPALS)
            found.append(one if hidden else known)
        return found

    def _find(self, identifier: str) -> Group:
        group = self._groups.get(identifier)
        if group is None:
            raise missing(identifier)
        return group

    def _principal(self, object_id: str) -> Identity | None:
        identity = self._registry.identity(object_id)
        return identity if identity and identity.principal_id.lower() == object_id.lower() else None

    def _bound(self, body: Body, name: str) -> tuple[str, ...]:
        references = body.get(f"{name}@odata.bind") or []
        if not isinstance(references, list) or len(references) > _MOST_AT_ONCE:
            raise bad_request(f"The number of references for '{name}' must be between 0 and {_MOST_AT_ONCE}.")
        return tuple(dict.fromkeys(map(self._referred, references)))

    def _referred(self, reference: object) -> str:
        """The object id that a reference names.

        :raises AzureError: 400 where it is no reference, 404 where it leads nowhere
        """
        found = _REFERENCE.fullmatch(unquote(reference)) if isinstance(reference, str) else None
        if not found:
            raise bad_request("Invalid URL format specified in payload.")
        identifier = (found.group(1) or found.group(2)).lower()
        if self._groups.get(identifier) is None and self._principal(identifier) is None:
            raise missing(identifier)
        return identifier


def _check(caller: Caller, permissions: set[str]) -> None:
    if not holds(caller, permissions):
        raise denied()


def _with(group: Group, member: str) -> Group:
    if member in group.members:
        raise bad_request(
            "One or more added object references already exist for the following modified properties: "
            "'members'."
        )
    return replace(group, members=(*group.members, member))


def _without(group: Group, member: str) -> Group:
    return replace(group, members=tuple(one for one in group.members if one != member))


def _description(body: Body) -> str | None:
    description = body.get("description")
    return description if isinstance(description, str) else None
