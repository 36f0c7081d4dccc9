# SPDX-License-Identifier: Apache-2.0
"""Azure RBAC alone, by Python calls: to make many cases and to ask them, a microsecond each.

``azure_sandbox.testing`` hands it out, for a cloud of its own or for a whole sandbox.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence

from azure_sandbox.kernel import condition_attributes
from azure_sandbox.kernel.clock import CloudClock, SystemClock
from azure_sandbox.kernel.denies import ALL_PRINCIPALS, DenyAssignment
from azure_sandbox.kernel.groups import Group
from azure_sandbox.kernel.lags import Lags
from azure_sandbox.kernel.ledger import Ledger
from azure_sandbox.kernel.rbac import Authorizer, Permission, RoleAssignment, RoleDefinition
from azure_sandbox.kernel.store import Store

#: As Azure writes it: ``actions``, ``notActions``, ``dataActions``, ``notDataActions``; all may be left out.
GivenPermission = Mapping[str, Sequence[str]]


class Rights:
    """Roles, assignments, deny assignments and groups, without HTTP and without asking who may make them.

    Ids are GUIDs in lower case. Nothing is checked that enforcement does not check itself.
    """

    def __init__(self, rbac: Authorizer) -> None:
        self.rbac = rbac
        self._made: list[str] = []

    @classmethod
    def alone(cls) -> Rights:
        """With nothing in it, in memory."""
        store, clock = Store(":memory:"), CloudClock(SystemClock())
        return cls(Authorizer(store, Ledger(store, clock), Lags(clock)))

    def role(self, *permissions: GivenPermission, name: str = "") -> str:
        """A role of these permissions; its id."""
        guid = str(uuid.uuid4())
        self.rbac.define(
            RoleDefinition(guid, name or guid, tuple(map(_permission, permissions)), kind="CustomRole")
        )
        self._made.append(guid)
        return guid

    def assign(self, principal_id: str, role: str, scope: str, condition: str = "") -> str:
        """A role assignment; its id.

        :param role: id that :meth:`role` gave, or a built-in role's
        :raises azure_sandbox.kernel.condition_parser.InvalidCondition: saying what is wrong, and where
        """
        guid = str(uuid.uuid4())
        created = self.rbac.lags.time()
        self.rbac.assign(
            RoleAssignment(guid, scope, role, principal_id.lower(), created_on=created, condition=condition)
        )
        return guid

    def deny(
        self,
        scope: str,
        *permissions: GivenPermission,
        principals: Sequence[str] = (ALL_PRINCIPALS,),
        excluded: Sequence[str] = (),
        only_at_scope: bool = False,
        condition: str = "",
    ) -> str:
        """A deny assignment; its id.

        :param principals: ids of principals and groups; unless given, everybody
        :param only_at_scope: ``doNotApplyToChildScopes``
        :raises azure_sandbox.kernel.condition_parser.InvalidCondition: as :meth:`assign`
        """
        guid = str(uuid.uuid4())
        self.rbac.deny(
            DenyAssignment(
                guid,
                guid,
                scope,
                tuple(map(_permission, permissions)),
                tuple(one.lower() for one in principals),
                tuple(one.lower() for one in excluded),
                only_at_scope,
                condition=condition,
            )
        )
        return guid

    def group(self, *members: str, identifier: str = "") -> str:
        """A group, or other members of the one with this id; its id."""
        guid = (identifier or str(uuid.uuid4())).lower()
        self.rbac.groups.save(Group(guid, guid, members=tuple(one.lower() for one in members)))
        return guid

    def allowed(
        self,
        principal_id: str,
        action: str,
        scope: str,
        *,
        data: bool = False,
        attributes: Mapping[str, object] | None = None,
        sub_operation: str = "",
    ) -> bool:
        """As every request is asked.

        :param attributes: by their names in conditions, ``@Resource[...]`` or ``@Request[...]``; a tuple
            is several values
        """
        given = {_key(name): value for name, value in (attributes or {}).items()}
        return self.rbac.allowed(
            principal_id.lower(), action, scope, data=data, attributes=given, sub_operation=sub_operation
        )

    def clear(self) -> None:
        """No assignments, denies and groups any more, and none of the roles that were made here."""
        for assignment in self.rbac.assignments():
            self.rbac.unassign(assignment.guid)
        for deny in self.rbac.denies.all():
            self.rbac.undeny(deny.guid)
        self.rbac.groups.clear()
        for guid in self._made:
            self.rbac.undefine(guid)
        self._made.clear()

    def close(self) -> None:
        self.rbac.store.close()


def _permission(given: GivenPermission) -> Permission:
    names = ("actions", "notActions", "dataActions", "notDataActions")
    return Permission(*(tuple(given.get(name, ())) for name in names))


def _key(name: str) -> str:
    source, _, rest = name.removeprefix("@").partition("[")
    return condition_attributes.key(source.lower(), rest.removesuffix("]"))
