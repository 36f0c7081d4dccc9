# SPDX-License-Identifier: Apache-2.0
"""The order of requests; what becomes of them at every crash is in tests/reliability/test_grants.py."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_azureml.access import leasing
from airflow_provider_azureml.access.leasing import Desk
from airflow_provider_azureml.connection import CLOUDS
from airflow_provider_azureml.errors import DeniedError, UnreachableError
from airflow_provider_azureml.rest.assignment import Grant, Mark
from airflow_provider_azureml.rest.flow import Pause, relayed
from airflow_provider_azureml.rest.lease import Lease, Register
from tests.unit.canned import BROKEN, DENIED, CannedHook

DESK = Desk(CLOUDS["public"], "https://a.blob.core.windows.net/leases", "d", "broker")
PIM = Desk(CLOUDS["public"], DESK.folder, "d", "broker", is_scheduled=True, justification="why")
GRANT = Grant("p", "r", "/subscriptions/s")
BLOB, ASSIGNMENT = r"/leases/[0-9a-f-]+\.json", r"/roleAssignments/[0-9a-f-]+"
ABSENT = (404, {"error": {"code": "BlobNotFound", "message": "x"}})
NO_ASSIGNMENT = (404, {"error": {"code": "RoleAssignmentNotFound", "message": "x"}})
FOR_EVER = 4e9
HELD = Register((Lease("me", "1", FOR_EVER),), "", GRANT.notes)
EXISTS = (400, {"error": {"code": "RoleAssignmentExists", "message": "x"}})


def arm(description: str = str(Mark("d", FOR_EVER))) -> dict[str, Any]:
    properties = {"scope": GRANT.scope, "principalId": "p", "roleDefinitionId": "/x/r", "createdBy": "broker"}
    return {"id": GRANT.id, "name": GRANT.name, "properties": {**properties, "description": description}}


def azure(register: Any = ABSENT, assignment: Any = NO_ASSIGNMENT) -> CannedHook:
    """An Azure with one register and one assignment; it forgets what is written."""
    hook = CannedHook()
    content = register.to_bytes() if isinstance(register, Register) else register
    hook.on("GET", BLOB, content).on("PUT", BLOB, (201, b"")).on("DELETE", BLOB, (202, b""))
    hook.on("GET", ASSIGNMENT, assignment).on("PUT", ASSIGNMENT, (201, {})).on("DELETE", ASSIGNMENT, {})
    return hook


def steps(hook: CannedHook) -> list[str]:
    return [f"{each.method} {'lease' if 'leases' in each.url else 'role'}" for each in hook.requests]


def take(hook: CannedHook, desk: Desk = DESK) -> Any:
    return hook.run(leasing.take(desk, GRANT, "me", "1", 600.0))


def test_a_lease_stands_before_the_assignment() -> None:
    hook = azure()
    assert take(hook).how == "leased"
    assert steps(hook) == ["GET lease", "PUT lease", "GET role", "PUT role"]


def test_an_assignment_goes_before_its_lease() -> None:
    closing = Register(HELD.leases, "1", GRANT.notes)
    hook = azure(HELD, arm()).on("GET", BLOB, HELD.to_bytes(), closing.to_bytes())
    assert hook.run(leasing.give_back(DESK, GRANT, "me", "1")) == leasing.DELETED
    wanted = ["GET lease", "PUT lease", "GET role", "DELETE role", "GET lease", "DELETE lease"]
    assert steps(hook) == wanted
    assert json.loads(hook.asked("PUT", BLOB)[0].content or b"")["closing"] == "1"


def test_the_number_of_a_generation_outlives_the_lease() -> None:
    held = Register(HELD.leases, "", GRANT.notes, 3)
    closing = Register(HELD.leases, "1", GRANT.notes, 3)
    hook = azure(held, arm()).on("GET", BLOB, held.to_bytes(), closing.to_bytes())
    hook.run(leasing.give_back(DESK, GRANT, "me", "1"))
    assert hook.asked("DELETE", BLOB) == []
    left = Register.of(hook.asked("PUT", BLOB)[-1].content or b"")
    assert (left.leases, left.closing, left.generation) == ((), "", 3)


def test_a_lease_that_ends_later_makes_the_assignment_last_longer() -> None:
    assert steps(azure_of(take, arm(str(Mark("d", 1.0)))))[-1] == "PUT role"
    assert steps(azure_of(take, arm()))[-1] == "GET role"


def azure_of(work: Callable[[CannedHook], Any], assignment: Any) -> CannedHook:
    hook = azure(assignment=assignment)
    work(hook)
    return hook


def test_what_a_person_assigned_is_adopted_and_needs_no_lease() -> None:
    hook = azure(assignment=arm("by hand")).on("GET", BLOB, ABSENT, HELD.to_bytes())
    assert take(hook).how == "standing"
    assert steps(hook)[-2:] == ["GET lease", "PUT lease"]
    assert hook.asked("DELETE", ASSIGNMENT) == []


def test_a_refused_grant_leaves_no_lease_but_one_without_an_answer_does() -> None:
    refused = azure().on("PUT", ASSIGNMENT, DENIED).on("GET", BLOB, ABSENT, HELD.to_bytes())
    with pytest.raises(DeniedError):
        take(refused)
    assert Register.of(refused.asked("PUT", BLOB)[-1].content or b"").leases == ()
    lost = azure().on("PUT", ASSIGNMENT, BROKEN)
    with pytest.raises(UnreachableError):
        take(lost)
    assert len(lost.asked("PUT", BLOB)) == 1


def test_an_assignment_of_an_earlier_generation_makes_room_for_this_one() -> None:
    stale = Register((), "dead", GRANT.notes, 0)
    exists = f"The ID of the existing role assignment is {GRANT.name.replace('-', '')}."
    taken = (409, {"error": {"code": "RoleAssignmentExists", "message": exists}})
    hook = azure(stale).on("PUT", ASSIGNMENT, taken, (201, {}))
    old = {"date": "Tue, 14 Nov 2023 23:13:20 GMT", "last-modified": "Tue, 14 Nov 2023 22:13:20 GMT"}
    held = hook.run(_aged(leasing.take(DESK, GRANT, "me", "1", 600.0), old))
    assert (held.how, held.grant.generation) == ("leased", 1)
    assert len(hook.asked("DELETE", ASSIGNMENT)) == 1


def test_anothers_assignment_of_an_earlier_generation_is_held_as_that_one() -> None:
    later = Register((), "", GRANT.notes, 1)
    hook = azure(later).on("GET", ASSIGNMENT, NO_ASSIGNMENT, arm(str(Mark("another", FOR_EVER))))
    held = take(hook)
    assert (held.how, held.grant.generation, held.id) == ("foreign", 0, GRANT.id)
    assert held.grant.id == held.id
    assert hook.asked("PUT", ASSIGNMENT) == []


def _aged(flow: Any, headers: dict[str, str]) -> Any:
    """The same flow, whose registers were written long ago."""

    def answer(step: Any) -> Any:
        got = yield step
        return got if isinstance(step, Pause) else replace(got, headers=headers)

    return relayed(flow, answer)


def test_a_register_that_somebody_is_stuck_in_is_given_up() -> None:
    hook = azure(Register((), "another", GRANT.notes))
    with pytest.raises(Exception, match="stuck in it"):
        take(hook)


REQUEST = r"/roleAssignmentScheduleRequests/[0-9a-f-]+"


def pim(register: Any, *answers: Any) -> CannedHook:
    return azure(register).on("PUT", REQUEST, *answers)


GRANTED = (201, {"id": "/r/1", "properties": {"status": "Granted"}})


def test_pim_makes_what_azure_itself_will_end() -> None:
    hook = pim(ABSENT, GRANTED)
    assert take(hook, PIM).how == "leased"
    assert hook.asked("PUT", ASSIGNMENT) == []


def test_pims_assignment_of_another_run_is_made_longer_and_a_standing_one_adopted() -> None:
    shared = pim(Register((Lease("other", "2", FOR_EVER),), "", {}), EXISTS, GRANTED)
    assert take(shared, PIM).how == "leased"
    kinds = [each.json["properties"]["requestType"] for each in shared.asked("PUT", REQUEST)]
    assert kinds == ["AdminAssign", "AdminUpdate"]
    assert take(pim(ABSENT, EXISTS), PIM).how == "standing"


def test_pims_assignment_is_removed_with_the_last_lease() -> None:
    hook = pim(HELD, GRANTED)
    assert hook.run(leasing.give_back(PIM, GRANT, "me", "1")) == leasing.DELETED
    assert hook.asked("DELETE", ASSIGNMENT) == []
