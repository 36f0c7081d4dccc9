# SPDX-License-Identifier: Apache-2.0
"""Privileged Identity Management: role assignments that Azure itself ends at their time.

A request of an administrator (`AdminAssign`) makes an active assignment from now on. It is asked for its
state until it has one that lasts; a state that waits for a person is an error at once, and withdrawn, so
that an approval that comes tomorrow grants nothing to a run that is over.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_azureml.connection import Cloud
from airflow_provider_azureml.errors import DeniedError, ServiceError, UnreachableError
from airflow_provider_azureml.rest.assignment import Grant, subscription_of
from airflow_provider_azureml.rest.flow import Flow, Pause, Request, Response, expect, parse_error

API_VERSION = "2020-10-01"
_PROVIDER = "/providers/Microsoft.Authorization"
ASSIGN, UPDATE, REMOVE = "AdminAssign", "AdminUpdate", "AdminRemove"
GRANTED = frozenset({"Granted", "Provisioned", "ScheduleCreated", "AdminApproved"})
REVOKED = frozenset({"Revoked"})
FOR_A_PERSON = frozenset({"PendingApproval", "PendingApprovalProvisioning", "PendingAdminDecision"})
GOING_ON = frozenset(
    {
        "Accepted",
        "PendingEvaluation",
        "PendingProvisioning",
        "PendingRevocation",
        "PendingScheduleCreation",
        "PendingExternalProvisioning",
        "ProvisioningStarted",
    }
)
"""States that pass. Whatever else there is, known or not, is an end without a grant."""
EXISTS = "RoleAssignmentExists"
ABSENT = ("RoleAssignmentDoesNotExist", "RoleAssignmentScheduleNotFound")
TOO_YOUNG = "ActiveDurationTooShort"
"""Azure removes no assignment in its first five minutes."""
REMOVED, GONE, LEFT = "removed", "gone", "left"
REPEATED = "RoleAssignmentRequestExists"
"""What a request finds whose first answer was lost."""
LOOKS = 40
"""Looks at a request that is going on; about a minute."""
_APPROVAL = (
    "PIM wants a person's approval before it grants {grant}. A task does not wait for people, so the request "
    "was withdrawn. Let the role's PIM policy activate assignments of this broker without approval, or make "
    "it a standing assignment"
)


@dataclass(frozen=True)
class Reason:
    """Why, for the people who read PIM's own log.

    :param justification: dag, task and run.
    :param ticket: a number of the organisation's own; empty for none.
    """

    justification: str
    ticket: str = ""


def assign(cloud: Cloud, grant: Grant, seconds: float, reason: Reason, kind: str = ASSIGN) -> Flow[bool]:
    """Make a grant active from now on; False when there is such an assignment already.

    Raises DeniedError where a person's approval would be needed, or where Azure refuses.

    :param seconds: at least 300.
    :param kind: `AdminUpdate` changes the end of one that is there.
    """
    expiration = {"type": "AfterDuration", "duration": f"PT{max(5, round(seconds / 60))}M"}
    condition = {"condition": grant.condition, "conditionVersion": "2.0"} if grant.condition else {}
    more = {"scheduleInfo": {"expiration": expiration}, **condition}
    answer = yield from _ask(cloud, grant, kind, reason, more)
    if answer.status >= 400 and parse_error(answer)[0] == EXISTS:
        return False
    yield from _settled(cloud, grant, expect(answer, 200, 201).json(), GRANTED)
    return True


def remove(cloud: Cloud, grant: Grant, reason: Reason) -> Flow[str]:
    """End a grant before its time; returns `removed`, `gone`, or `left` when it is too young to be removed."""
    answer = yield from _ask(cloud, grant, REMOVE, reason, {})
    code = parse_error(answer)[0] if answer.status >= 400 else ""
    if code in ABSENT:
        return GONE
    if code == TOO_YOUNG:
        return LEFT
    yield from _settled(cloud, grant, expect(answer, 200, 201).json(), REVOKED | GRANTED)
    return REMOVED


def _ask(cloud: Cloud, grant: Grant, kind: str, reason: Reason, more: Mapping[str, Any]) -> Flow[Response]:
    """Make the request. Its name is new each time: a request is an event, not a thing that is kept."""
    properties = {
        "principalId": grant.principal_id,
        "roleDefinitionId": f"{subscription_of(grant.scope)}{_PROVIDER}/roleDefinitions/{grant.role}",
        "requestType": kind,
        "justification": reason.justification,
        **({"ticketInfo": {"ticketNumber": reason.ticket}} if reason.ticket else {}),
        **more,
    }
    path = f"{grant.scope}{_PROVIDER}/roleAssignmentScheduleRequests/{uuid.uuid4()}"
    answer = yield _request(cloud, "PUT", path, {"properties": properties}, grant.notes)
    if answer.status == 409 and parse_error(answer)[0] == REPEATED:
        return (yield _request(cloud, "GET", path))
    return answer


def _settled(cloud: Cloud, grant: Grant, body: Mapping[str, Any], wished: frozenset[str]) -> Flow[None]:
    """Ask for the request's state until it lasts; raises for every other end than the wished ones."""
    path = str(body["id"])
    for number in range(LOOKS):
        status = str(body["properties"]["status"])
        if status in wished:
            return
        if status in FOR_A_PERSON:
            yield from _withdraw(cloud, path)
            raise DeniedError(403, status, _APPROVAL.format(grant=grant), "", f"PUT {path}")
        if status not in GOING_ON:
            raise DeniedError(
                403, status, f"PIM did not grant {grant}: it ended as {status}", "", f"PUT {path}"
            )
        yield Pause(min(2.0, 0.2 * 2.0**number))
        body = expect((yield _request(cloud, "GET", path)), 200).json()
    raise UnreachableError(0, "NoEnd", f"PIM has not decided about {grant} yet", "", f"GET {path}")


def _withdraw(cloud: Cloud, path: str) -> Flow[None]:
    """So that nobody approves what nobody waits for; that this fails changes nothing."""
    try:
        yield _request(cloud, "POST", f"{path}/cancel")
    except ServiceError:
        return


def _request(
    cloud: Cloud, method: str, path: str, json: object = None, notes: Mapping[str, str] | None = None
) -> Request:
    url = f"{cloud.resource_manager}{path}?api-version={API_VERSION}"
    return Request(method, url, scope=cloud.arm_scope, json=json, notes=notes or {})
