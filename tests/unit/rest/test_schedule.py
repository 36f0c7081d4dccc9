# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from airflow_provider_azureml.connection import CLOUDS
from airflow_provider_azureml.errors import DeniedError, UnreachableError
from airflow_provider_azureml.rest import schedule
from airflow_provider_azureml.rest.assignment import Grant
from airflow_provider_azureml.rest.schedule import Reason

CLOUD = CLOUDS["public"]
GRANT = Grant("p", "r", "/subscriptions/s/resourceGroups/g", condition="c", role_name="Reader")
WHY = Reason("dag, task, run", "T-1")


def state(status):
    return {"id": "/requests/1", "properties": {"status": status}}


def refused(code):
    return (400, {"error": {"code": code, "message": code}})


def test_a_grant_is_active_from_now_for_a_time_and_says_why(play) -> None:
    played = play(schedule.assign(CLOUD, GRANT, 7200, WHY), (201, state("Provisioned")))
    assert played.result is True
    sent = played.requests[0].json["properties"]
    assert sent["requestType"] == "AdminAssign"
    assert sent["scheduleInfo"]["expiration"] == {"type": "AfterDuration", "duration": "PT120M"}
    assert (sent["justification"], sent["ticketInfo"]) == ("dag, task, run", {"ticketNumber": "T-1"})
    assert (sent["condition"], sent["conditionVersion"]) == ("c", "2.0")


def test_a_request_that_goes_on_is_asked_for_until_it_lasts(play) -> None:
    steps = [state("PendingEvaluation"), state("PendingProvisioning"), state("Granted")]
    played = play(schedule.assign(CLOUD, GRANT, 300, WHY), (201, steps[0]), *steps[1:])
    assert played.result is True
    assert [request.method for request in played.requests] == ["PUT", "GET", "GET"]
    assert played.pauses == [0.2, 0.4]


@pytest.mark.parametrize("status", sorted(schedule.FOR_A_PERSON))
def test_what_waits_for_a_person_fails_at_once_is_withdrawn_and_says_so(status, play) -> None:
    with pytest.raises(DeniedError, match=r"wants a person's approval .* withdrawn"):
        play(schedule.assign(CLOUD, GRANT, 300, WHY), (201, state(status)), (200, {}))


@pytest.mark.parametrize("status", ["Denied", "Failed", "TimedOut", "Canceled", "SomethingNew"])
def test_every_other_end_is_a_refusal(status, play) -> None:
    with pytest.raises(DeniedError, match=f"ended as {status}"):
        play(schedule.assign(CLOUD, GRANT, 300, WHY), (201, state(status)))


def test_what_never_ends_is_given_up(play) -> None:
    with pytest.raises(UnreachableError, match="not decided"):
        play(
            schedule.assign(CLOUD, GRANT, 300, WHY),
            (201, state("Accepted")),
            *[state("Accepted")] * schedule.LOOKS,
        )


def test_an_assignment_that_is_there_is_told_apart(play) -> None:
    assert play(schedule.assign(CLOUD, GRANT, 300, WHY), refused("RoleAssignmentExists")).result is False


@pytest.mark.parametrize(
    "code, outcome", [*((code, "gone") for code in schedule.ABSENT), (schedule.TOO_YOUNG, "left")]
)
def test_what_is_gone_or_too_young_to_be_removed_is_no_error(code, outcome, play) -> None:
    assert play(schedule.remove(CLOUD, GRANT, WHY), refused(code)).result == outcome


def test_a_grant_is_ended_before_its_time(play) -> None:
    played = play(schedule.remove(CLOUD, GRANT, WHY), (201, state("Revoked")))
    assert played.result == "removed"
    assert played.requests[0].json["properties"]["requestType"] == "AdminRemove"


def test_a_request_whose_answer_was_lost_finds_itself(play) -> None:
    repeated = (409, {"error": {"code": schedule.REPEATED, "message": "x"}})
    played = play(schedule.assign(CLOUD, GRANT, 300, WHY), repeated, state("Provisioned"))
    assert played.result is True
    assert [request.method for request in played.requests] == ["PUT", "GET"]
