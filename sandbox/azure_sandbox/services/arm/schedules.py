# SPDX-License-Identifier: Apache-2.0
"""Privileged Identity Management: role assignments that begin and end by the clock.

Source: https://learn.microsoft.com/rest/api/authorization/role-assignment-schedule-requests, and "Assign Azure
resource roles in Privileged Identity Management" (pim-resource-roles-assign-roles.md). Codes and texts of
refusals are those that public reports show.
"""

from __future__ import annotations

import math
import re
import uuid
from dataclasses import asdict, dataclass, replace
from typing import Any

from azure_sandbox.kernel.clock import parse_iso
from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.errors import AzureError, bad_request
from azure_sandbox.kernel.rbac import RoleAssignment, RoleDefinition, contains
from azure_sandbox.services.arm import authorization
from azure_sandbox.services.arm.authorization import Body

ASSIGN, REMOVE = "AdminAssign", "AdminRemove"
CHANGES = ("AdminUpdate", "AdminExtend", "AdminRenew")
PENDING, SCHEDULED, PROVISIONED, REVOKED = "PendingApproval", "ScheduleCreated", "Provisioned", "Revoked"
CANCELED, FAILED = "Canceled", "Failed"
#: What a policy may make of a request, in place of granting it.
OUTCOMES = (PENDING, "Denied", FAILED)
#: Seconds: the shortest assignment, and how long each is safe from being removed.
SHORTEST = 300.0
#: Days that an active assignment may last where no policy says otherwise.
DEFAULT_DAYS = 180.0
#: Roles whose assignments may have conditions: Storage Blob Data Owner, Contributor and Reader.
_CONDITIONAL = frozenset(
    {
        "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
        "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
        "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
    }
)
_DURATION = re.compile(r"P(?:(\d{1,5})D)?(?:T(?:(\d{1,7})H)?(?:(\d{1,9})M)?(?:(\d{1,9})S)?)?")


@dataclass(frozen=True)
class Policy:
    """What PIM makes of requests at a scope and below.

    :param role: guid of the one role that it is about; empty: every role
    :param outcome: one of OUTCOMES; empty: grant
    :param days: the longest assignment
    :param permanent: whether an assignment may have no end
    """

    scope: str = "/"
    role: str = ""
    outcome: str = ""
    days: float = DEFAULT_DAYS
    permanent: bool = False


@dataclass(frozen=True)
class ScheduleRequest:
    """A request, as it was made, and what became of it. Times are seconds since the epoch.

    :param assignment: guid of the role assignment that it makes, changes or ends
    :param ends: 0: never
    """

    name: str
    scope: str
    kind: str
    role: str
    principal_id: str
    principal_type: str
    status: str
    requestor: str
    created: float
    starts: float
    ends: float
    assignment: str
    justification: str = ""
    ticket: dict[str, str] | None = None
    expiration: dict[str, Any] | None = None
    condition: str = ""

    @property
    def triple(self) -> tuple[str, str, str]:
        return self.scope.lower(), self.principal_id, self.role


class Schedules:
    """The requests of one cloud, and what becomes due of them."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._rows = cloud.store.collection("role-schedule-request")
        self._policies = cloud.store.collection("pim-policy")
        cloud.agenda.served_by(self.perform)
        cloud.agenda.expect(self._next())

    def add_policy(self, policy: Policy) -> None:
        self._policies.insert(f"{policy.scope.lower()}|{policy.role}", asdict(policy))

    def policy(self, scope: str, role: str) -> Policy:
        """The most exact one: of this very role before any, of the nearest scope before those above."""
        found = [Policy(**row) for row in self._policies.values()]
        fitting = [p for p in found if contains(p.scope, scope) and p.role in ("", role)]
        return max(fitting, key=lambda p: (bool(p.role), len(p.scope)), default=Policy())

    def get(self, scope: str, name: str) -> ScheduleRequest | None:
        row = self._rows.get(name.lower())
        found = ScheduleRequest(**row) if row else None
        return found if found and found.scope.lower() == scope.lower() else None

    def all(self) -> list[ScheduleRequest]:
        return [ScheduleRequest(**row) for row in self._rows.values()]

    def wanted(self, scope: str, name: str, body: Body, requestor: str, api_version: str) -> ScheduleRequest:
        """The request that a PUT or a validation makes, checked; nothing has happened yet.

        :raises AzureError: 400, naming what is wrong
        """
        given = authorization.properties_of(body)
        role = authorization.role_of(self._cloud, scope, given.get("roleDefinitionId"))
        principal, principal_type = authorization.principal_of(self._cloud, given)
        kind, now = given.get("requestType"), self._cloud.clock.time()
        if kind not in (ASSIGN, REMOVE, *CHANGES):
            raise _refused_kind(kind)
        held = self._held(scope, principal, role.guid)
        condition = _condition(given, role, api_version)
        justification, ticket = given.get("justification"), given.get("ticketInfo")
        request = ScheduleRequest(
            name.lower(),
            scope,
            str(kind),
            role.guid,
            principal,
            principal_type,
            PROVISIONED,
            requestor,
            now,
            now,
            0.0,
            held.guid if held else str(uuid.uuid4()),
            justification if isinstance(justification, str) else "",
            ticket if isinstance(ticket, dict) else None,
            condition=condition,
        )
        if kind == REMOVE:
            return self._removing(request, held)
        if kind == ASSIGN and held is not None:
            raise bad_request("RoleAssignmentExists", "The Role assignment already exists.")
        if kind != ASSIGN and held is None:
            raise _absent()
        return self._timed(request, given.get("scheduleInfo"))

    def _removing(self, request: ScheduleRequest, held: RoleAssignment | None) -> ScheduleRequest:
        if held is None:
            raise _absent()
        if held.ends and request.created < held.created_on + SHORTEST:
            raise _too_short()
        return replace(request, status=REVOKED)

    def _timed(self, request: ScheduleRequest, info: Any) -> ScheduleRequest:
        """With its beginning and end, and what the policy makes of it."""
        given = info if isinstance(info, dict) else {}
        expiration = given.get("expiration")
        expiration = expiration if isinstance(expiration, dict) else {}
        starts = max(_moment(given.get("startDateTime"), request.created), request.created)
        ends, policy = _end(starts, expiration), self.policy(request.scope, request.role)
        if not ends and not policy.permanent:
            raise _against_policy("ExpirationRule")
        if ends and ends - starts < SHORTEST:
            raise _too_short()
        if ends and ends - starts > policy.days * 86_400:
            raise _against_policy("ExpirationRule")
        status = policy.outcome or (SCHEDULED if starts > request.created else PROVISIONED)
        return replace(request, starts=starts, ends=ends, status=status, expiration=expiration)

    def make(self, request: ScheduleRequest) -> None:
        """Let a request that was checked have its effect.

        :raises AzureError: 409 where there is one of this name
        """
        if not self._rows.insert(request.name, asdict(request)):
            raise AzureError(
                409,
                "RoleAssignmentRequestExists",
                f"A request with the name '{request.name}' exists already.",
            )
        if request.status == REVOKED:
            self._cloud.rbac.unassign(request.assignment)
        elif request.status == PROVISIONED:
            self._provide(request)
        self._cloud.agenda.expect(self._next())

    def cancel(self, request: ScheduleRequest) -> None:
        """:raises AzureError: 400 where it is not pending"""
        if request.status not in (PENDING, SCHEDULED):
            raise bad_request(
                "RoleAssignmentRequestCannotBeCanceled",
                f"The request is in the state '{request.status}' and cannot be canceled.",
            )
        self._rows.put(request.name, asdict(replace(request, status=CANCELED)))

    def _provide(self, request: ScheduleRequest) -> None:
        held = self._cloud.rbac.assignment(request.assignment)
        if held is not None:
            changed = replace(
                held, ends=request.ends, updated_on=request.created, updated_by=request.requestor
            )
            self._cloud.rbac.reassign(changed)
            return
        assignment = RoleAssignment(
            request.assignment,
            request.scope,
            request.role,
            request.principal_id,
            request.principal_type,
            created_on=request.starts,
            created_by=request.requestor,
            condition=request.condition,
            ends=request.ends,
        )
        late = request.starts > request.created
        self._cloud.rbac.assign(assignment, begun=request.starts if late else None)

    def perform(self, now: float) -> float:
        """Begin and end what is due, in the order in which it was; when the next is."""
        while (due := self._next()) <= now:
            for assignment in self._cloud.rbac.assignments():
                if assignment.ends and assignment.ends <= due:
                    self._cloud.rbac.unassign(assignment.guid, ended=assignment.ends)
            for request in self.all():
                if request.status == SCHEDULED and request.starts <= due:
                    self._begin(request)
        return self._next()

    def _begin(self, request: ScheduleRequest) -> None:
        taken = self._held(*request.triple) is not None
        self._rows.put(request.name, asdict(replace(request, status=FAILED if taken else PROVISIONED)))
        if not taken:
            self._provide(request)

    def _next(self) -> float:
        begin = (one.starts for one in self.all() if one.status == SCHEDULED)
        end = (one.ends for one in self._cloud.rbac.assignments() if one.ends)
        return min((*begin, *end), default=math.inf)

    def _held(self, scope: str, principal: str, role: str) -> RoleAssignment | None:
        """The assignment of a role to a principal at this very scope."""
        wanted = (scope.lower().rstrip("/"), principal, role)
        for one in self._cloud.rbac.assignments():
            if (one.scope.lower().rstrip("/"), one.principal_id, one.role) == wanted:
                return one
        return None


def _condition(given: Body, role: RoleDefinition, api_version: str) -> str:
    condition = authorization.condition_of(given, api_version)
    if condition and role.guid not in _CONDITIONAL:
        raise bad_request(
            "InvalidConditionFormat",
            "Privileged Identity Management takes conditions for the roles Storage Blob Data Owner, "
            "Contributor and Reader only.",
        )
    return condition


def _moment(text: Any, default: float) -> float:
    if text is None:
        return default
    try:
        return parse_iso(text)
    except (ValueError, TypeError, AttributeError, OverflowError):
        raise bad_request("InvalidScheduleInfo", f"The date and time '{text}' is not valid.") from None


def _end(starts: float, expiration: dict[str, Any]) -> float:
    """When an assignment ends; 0: never.

    :raises AzureError: 400 for what is no duration or date
    """
    kind = expiration.get("type")
    if kind == "NoExpiration":
        return 0.0
    if kind == "AfterDateTime":
        return _moment(expiration.get("endDateTime") or "", 0.0)
    duration = expiration.get("duration")
    if kind != "AfterDuration":
        raise bad_request("InvalidScheduleInfo", f"The expiration type '{kind}' is not valid.")
    if duration is None:
        raise _against_policy("ExpirationRule")
    found = _DURATION.fullmatch(duration) if isinstance(duration, str) else None
    parts = [int(part or 0) for part in found.groups()] if found else []
    if not any(parts):
        raise bad_request("InvalidScheduleInfo", f"The duration '{duration}' is not valid.")
    days, hours, minutes, seconds = parts
    return starts + days * 86_400 + hours * 3600 + minutes * 60 + seconds


def _refused_kind(kind: Any) -> AzureError:
    if isinstance(kind, str) and kind.startswith("Self"):
        # There is nothing to activate: this sandbox has no eligible assignments.
        return _absent()
    return bad_request("InvalidRequestType", f"The request type '{kind}' is not valid.")


def _absent() -> AzureError:
    return bad_request("RoleAssignmentDoesNotExist", "The Role assignment does not exist.")


def _too_short() -> AzureError:
    return bad_request(
        "ActiveDurationTooShort", "The Active duration is too short. Miniumum Required is 5 minutes."
    )


def _against_policy(rule: str) -> AzureError:
    return bad_request(
        "RoleAssignmentRequestPolicyValidationFailed", f'The following policy rules failed: ["{rule}"]'
    )
