# SPDX-License-Identifier: Apache-2.0
"""PIM: assignments that begin and end by the cloud's clock, and requests that wait for a person."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from azure_sandbox.app import create_cloud, create_services
from azure_sandbox.kernel.clock import ManualClock, iso_z, parse_iso
from azure_sandbox.kernel.cloud import stable_guid
from azure_sandbox.kernel.ledger import Effect
from azure_sandbox.kernel.seed import InvalidSeed
from azure_sandbox.testing import Sandbox, serving
from sandbox.tests.kernel.documented_conditions import PATH, READ_A_BLOB, delegated, guarded, guids

ARM = "https://management.azure.com"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
BLOB_READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
ADMIN, TRAIN = (stable_guid("service-principal", name) for name in ("admin", "train"))
CONDITION = guarded([READ_A_BLOB], f"{PATH} StringLike 'a/*'")
SEED: dict[str, Any] = {
    "resource_groups": ["ml", "asks", "fails", "short"],
    "applications": [{"name": name} for name in ("admin", "train", "broker")],
    "role_assignments": [
        {"principal": "admin", "role": "Owner", "scope": "subscription"},
        {
            "principal": "broker",
            "role": "Role Based Access Control Administrator",
            "scope": "subscription",
            "condition": delegated(guids("ForAnyOfAnyValues:GuidEquals", "RoleDefinitionId", (READER,))),
        },
    ],
    "pim_policies": [
        {"scope": "group:asks", "outcome": "PendingApproval"},
        {"scope": "group:asks", "role": "Reader"},
        {"scope": "group:fails", "outcome": "Failed"},
        {"scope": "group:short", "days": 0.5, "permanent": True},
    ],
}


class Pim:
    """A sandbox under a clock of the test's own, as one caller uses it."""

    def __init__(self, sandbox: Sandbox, clock: ManualClock) -> None:
        self.sandbox = sandbox
        self.clock = clock

    def call(self, method: str, path: str, who: str = "admin", **kwargs: Any) -> httpx.Response:
        params = {"api-version": "2020-10-01", **kwargs.pop("params", {})}
        headers = self.sandbox.bearer(who)
        return self.sandbox.http.request(method, ARM + path, params=params, headers=headers, **kwargs)

    def scope(self, group: str = "ml") -> str:
        return self.sandbox.cloud.group_scope(group)

    def path(self, group: str = "ml", kind: str = "roleAssignmentScheduleRequests") -> str:
        return f"{self.scope(group)}/providers/Microsoft.Authorization/{kind}"

    def ask(
        self,
        kind: str = "AdminAssign",
        *,
        role: str = READER,
        group: str = "ml",
        who: str = "admin",
        duration: str | None = "PT2H",
        **more: Any,
    ) -> httpx.Response:
        properties = {
            "principalId": TRAIN,
            "roleDefinitionId": f"/providers/Microsoft.Authorization/roleDefinitions/{role}",
            "requestType": kind,
            "justification": "dag/task/run",
            "ticketInfo": {"ticketNumber": "T1", "ticketSystem": "airflow"},
            "scheduleInfo": {"expiration": {"type": "AfterDuration", "duration": duration}},
            **more,
        }
        return self.call("PUT", f"{self.path(group)}/{uuid.uuid4()}", who, json={"properties": properties})

    def may(self, group: str = "ml") -> bool:
        return self.call("GET", self.scope(group), "train").status_code == 200


@pytest.fixture(scope="module")
def cloud(serve_module: Callable[..., Sandbox]) -> Pim:
    clock = ManualClock()
    return Pim(serve_module(SEED, clock), clock)


@pytest.fixture
def pim(cloud: Pim) -> Iterator[Pim]:
    """The module's cloud, with nothing granted to the trainer and no requests."""
    yield cloud
    cloud.clock.advance(1_000_000)
    rbac, rows = cloud.sandbox.cloud.rbac, cloud.sandbox.cloud.store.collection("role-schedule-request")
    for held in rbac.assignments_of(TRAIN):
        rbac.unassign(held.guid)
    for name, _ in rows.scan():
        rows.delete(name)


def later(pim: Pim, seconds: float) -> str:
    return iso_z(math.ceil(pim.sandbox.cloud.clock.time() + seconds))


def effects(pim: Pim, asked: httpx.Response) -> list[Effect]:
    """What became of the assignment that a request made."""
    guid = asked.json()["properties"]["targetRoleAssignmentScheduleId"].rpartition("/")[2]
    rows = pim.sandbox.cloud.ledger.effects(kind="role-assignment")
    return [row for row in rows if row.subject.endswith(guid)]


def status(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["properties"]["status"]


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_an_assignment_ends_by_itself_at_its_time(pim: Pim) -> None:
    made = pim.ask()
    assert status(made) == (201, "Provisioned")
    seen = [pim.may()]
    pim.clock.advance(7199)
    seen.append(pim.may())
    pim.clock.advance(1)
    seen.append(pim.may())
    assert seen == [True, True, False]
    rows = effects(pim, made)
    assert [(row.effect, row.object_id) for row in rows] == [("created", ADMIN), ("deleted", "")]
    assert rows[1].time - rows[0].time == 7200
    assert status(pim.call("GET", made.json()["id"].removeprefix(ARM))) == (200, "Provisioned")


def test_a_request_is_shown_as_arm_writes_it(pim: Pim) -> None:
    made = pim.ask().json()
    assert made["type"] == "Microsoft.Authorization/roleAssignmentScheduleRequests"
    properties = made["properties"]
    assert properties["scope"] == pim.scope()
    assert (properties["principalId"], properties["principalType"]) == (TRAIN, "ServicePrincipal")
    assert (properties["requestType"], properties["requestorId"]) == ("AdminAssign", ADMIN)
    assert (properties["justification"], properties["ticketInfo"]["ticketNumber"]) == ("dag/task/run", "T1")
    assert properties["scheduleInfo"]["expiration"] == {
        "type": "AfterDuration",
        "endDateTime": None,
        "duration": "PT2H",
    }
    assert properties["expandedProperties"]["roleDefinition"]["displayName"] == "Reader"
    assert pim.call("GET", made["id"]).json() == made
    assert pim.call("GET", pim.path()).json()["value"] == [made]
    assert pim.call("GET", pim.path("asks")).json()["value"] == []


def test_what_is_active_is_listed_with_its_end(pim: Pim) -> None:
    pim.ask()
    path = pim.path(kind="roleAssignmentScheduleInstances")
    params = {"$filter": f"principalId eq {TRAIN}"}
    (entry,) = pim.call("GET", path, params=params).json()["value"]
    properties = entry["properties"]
    assert (properties["assignmentType"], properties["memberType"]) == ("Assigned", "Direct")
    assert properties["endDateTime"] > properties["startDateTime"]
    assert pim.call("GET", f"{path}/{entry['name']}").json() == entry
    held = pim.call("GET", properties["originRoleAssignmentId"], params={"api-version": "2022-04-01"})
    assert held.json()["properties"]["principalId"] == TRAIN
    own = pim.call("GET", path, "train", params={"$filter": "asTarget()"}).json()["value"]
    assert [one["name"] for one in own] == [entry["name"]]
    (inherited,) = pim.call("GET", path, params={"$filter": f"atScope() and assignedTo('{ADMIN}')"}).json()[
        "value"
    ]
    assert (inherited["properties"]["memberType"], inherited["properties"]["endDateTime"]) == (
        "Inherited",
        None,
    )
    assert code(pim.call("GET", path, params={"$filter": "x eq 'y'"})) == (400, "UnsupportedQuery")
    pim.clock.advance(7200)
    assert pim.call("GET", path, params=params).json()["value"] == []


def test_nothing_is_removed_in_its_first_five_minutes(pim: Pim) -> None:
    pim.ask()
    pim.clock.advance(299)
    early = pim.ask("AdminRemove")
    assert code(early) == (400, "ActiveDurationTooShort")
    assert pim.may()
    pim.clock.advance(1)
    assert status(pim.ask("AdminRemove")) == (201, "Revoked")
    assert not pim.may()
    assert code(pim.ask("AdminRemove")) == (400, "RoleAssignmentDoesNotExist")


@pytest.mark.parametrize(
    "duration, expected",
    [
        ("PT4M59S", "ActiveDurationTooShort"),
        ("P181D", "RoleAssignmentRequestPolicyValidationFailed"),
        (None, "RoleAssignmentRequestPolicyValidationFailed"),
        ("two hours", "InvalidScheduleInfo"),
        ("P", "InvalidScheduleInfo"),
        ("PT0S", "InvalidScheduleInfo"),
    ],
)
def test_a_duration_that_does_not_do_is_refused(pim: Pim, duration: str | None, expected: str) -> None:
    assert code(pim.ask(duration=duration)) == (400, expected)
    assert not pim.may()


@pytest.mark.parametrize(
    "more, expected",
    [
        ({"requestType": "SelfActivate"}, "RoleAssignmentDoesNotExist"),
        ({"requestType": "AdminUpdate"}, "RoleAssignmentDoesNotExist"),
        ({"requestType": "Wish"}, "InvalidRequestType"),
        ({"principalId": str(uuid.uuid4())}, "PrincipalNotFound"),
        (
            {"scheduleInfo": {"expiration": {"type": "NoExpiration"}}},
            "RoleAssignmentRequestPolicyValidationFailed",
        ),
        ({"scheduleInfo": {"expiration": {"type": "Never"}}}, "InvalidScheduleInfo"),
        ({"scheduleInfo": {"startDateTime": "soon"}}, "InvalidScheduleInfo"),
        ({"condition": CONDITION, "conditionVersion": "2.0"}, "InvalidConditionFormat"),
    ],
)
def test_a_request_that_does_not_hold_together_is_refused(
    pim: Pim, more: dict[str, Any], expected: str
) -> None:
    assert code(pim.ask(**more)) == (400, expected)
    assert pim.call("GET", pim.path()).json()["value"] == []


def test_an_assignment_can_be_prolonged_and_not_made_twice(pim: Pim) -> None:
    pim.ask()
    assert code(pim.ask()) == (400, "RoleAssignmentExists")
    pim.clock.advance(3600)
    assert status(pim.ask("AdminUpdate", duration="PT3H")) == (201, "Provisioned")
    pim.clock.advance(3 * 3600 - 1)
    assert pim.may()
    pim.clock.advance(1)
    assert not pim.may()


def test_one_that_begins_later_begins_then(pim: Pim) -> None:
    start = later(pim, 86_400)
    info = {"startDateTime": start, "expiration": {"type": "AfterDuration", "duration": "PT1H"}}
    asked = pim.ask(scheduleInfo=info)
    assert status(asked) == (201, "ScheduleCreated")
    assert not pim.may()
    pim.clock.advance(86_401)
    assert pim.may()
    assert status(pim.call("GET", asked.json()["id"])) == (200, "Provisioned")
    pim.clock.advance(86_400)
    assert not pim.may()
    assert [(row.effect, row.object_id, row.time) for row in effects(pim, asked)] == [
        ("created", "", parse_iso(start)),
        ("deleted", "", parse_iso(start) + 3600),
    ]


def test_one_that_would_begin_beside_its_like_fails(pim: Pim) -> None:
    info = {"startDateTime": later(pim, 60), "expiration": {"type": "AfterDuration", "duration": "PT1H"}}
    first, second = pim.ask(scheduleInfo=info), pim.ask(scheduleInfo=info)
    pim.clock.advance(61)
    ends = {status(pim.call("GET", one.json()["id"]))[1] for one in (first, second)}
    assert ends == {"Provisioned", "Failed"}


def test_a_policy_may_ask_a_person_who_never_comes(pim: Pim) -> None:
    asked = pim.ask(group="asks", role=BLOB_READER)
    assert status(asked) == (201, "PendingApproval")
    assert asked.json()["properties"]["approvalId"]
    assert not pim.may("asks")
    path = asked.json()["id"]
    assert pim.call("POST", f"{path}/cancel").status_code == 200
    assert status(pim.call("GET", path)) == (200, "Canceled")
    assert code(pim.call("POST", f"{path}/cancel")) == (400, "RoleAssignmentRequestCannotBeCanceled")
    # The policy of one role is more exact than that of all.
    assert status(pim.ask(group="asks")) == (201, "Provisioned")


def test_policies_let_fail_and_bound(pim: Pim) -> None:
    assert status(pim.ask(group="fails")) == (201, "Failed")
    assert not pim.may("fails")
    assert code(pim.ask(group="short", duration="PT13H"))[1] == "RoleAssignmentRequestPolicyValidationFailed"
    forever = {"expiration": {"type": "NoExpiration"}}
    assert status(pim.ask(group="short", scheduleInfo=forever)) == (201, "Provisioned")
    pim.clock.advance(400 * 86_400)
    assert pim.sandbox.cloud.rbac.assignments_of(TRAIN)


def test_validation_makes_nothing(pim: Pim) -> None:
    body = {
        "properties": {
            "principalId": TRAIN,
            "roleDefinitionId": f"/providers/Microsoft.Authorization/roleDefinitions/{READER}",
            "requestType": "AdminAssign",
            "scheduleInfo": {"expiration": {"type": "AfterDuration", "duration": "PT1H"}},
        }
    }
    path = f"{pim.path()}/{uuid.uuid4()}"
    assert status(pim.call("POST", f"{path}/validate", json=body)) == (200, "Provisioned")
    assert pim.call("GET", path).status_code == 404
    assert not pim.may()
    assert pim.call("PUT", path, json=body).status_code == 201
    body["properties"]["roleDefinitionId"] = body["properties"]["roleDefinitionId"].replace(
        READER, BLOB_READER
    )
    assert code(pim.call("PUT", path, json=body)) == (409, "RoleAssignmentRequestExists")


def test_a_condition_of_a_storage_role_is_kept(pim: Pim) -> None:
    made = pim.ask(role=BLOB_READER, condition=CONDITION, conditionVersion="2.0")
    assert status(made) == (201, "Provisioned")
    (held,) = pim.sandbox.cloud.rbac.assignments_of(TRAIN)
    assert held.condition == CONDITION == made.json()["properties"]["condition"]


def test_a_brokers_condition_binds_it_here_too(pim: Pim) -> None:
    assert status(pim.ask(who="broker")) == (201, "Provisioned")
    refused = pim.ask(who="broker", role=BLOB_READER)
    assert code(refused) == (403, "AuthorizationFailed")
    assert code(pim.ask(who="train", role=BLOB_READER)) == (403, "AuthorizationFailed")
    pim.clock.advance(300)
    assert status(pim.ask("AdminRemove", who="broker")) == (201, "Revoked")
    assert code(pim.ask("AdminRemove", who="broker", role=BLOB_READER))[0] == 403


def test_a_restart_forgets_neither_the_end_nor_the_beginning(tmp_path: Path) -> None:
    clock = ManualClock()
    with serving(tmp_path / "cloud", SEED, clock) as sandbox:
        pim = Pim(sandbox, clock)
        pim.ask()
        start = {
            "startDateTime": later(pim, 86_400),
            "expiration": {"type": "AfterDuration", "duration": "PT1H"},
        }
        pim.ask(group="short", scheduleInfo=start)
    with serving(tmp_path / "cloud", SEED, clock) as sandbox:
        pim = Pim(sandbox, clock)
        seen = [pim.may(), pim.may("short")]
        clock.advance(7200)
        seen += [pim.may(), pim.may("short")]
        clock.advance(86_401 - 7200)
        assert [*seen, pim.may(), pim.may("short")] == [True, False, False, False, False, True]


@pytest.mark.parametrize(
    "policy, complaint",
    [
        ({"who": "x"}, "unknown field 'who'"),
        ({"outcome": "Perhaps"}, "outcome 'Perhaps'"),
        ({"days": 0}, "days 0"),
        ({"role": "Emperor"}, "no role is named 'Emperor'"),
        ({"scope": "storage:none"}, "names nothing"),
    ],
)
def test_a_bad_policy_of_the_seed_is_named(tmp_path: Path, policy: dict[str, Any], complaint: str) -> None:
    document = {"pim_policies": [policy]}
    with pytest.raises(InvalidSeed, match=complaint):
        create_services(create_cloud(tmp_path, document), document)
