# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from airflow_provider_azureml.connection import CLOUDS
from airflow_provider_azureml.errors import DeniedError, ServiceError
from airflow_provider_azureml.rest import assignment
from airflow_provider_azureml.rest.assignment import Grant, Mark

CLOUD = CLOUDS["public"]
WHO, ROLE = "11111111-1111-4111-8111-111111111111", "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
SCOPE = "/subscriptions/s/resourceGroups/g"
GRANT = Grant(WHO, ROLE, SCOPE, role_name="Reader")
BODY = {
    "id": GRANT.id,
    "name": GRANT.name,
    "properties": {"scope": SCOPE, "principalId": WHO, "roleDefinitionId": f"/x/{ROLE}", "createdBy": "me"},
}


def test_the_name_follows_from_what_is_granted_and_from_nothing_else() -> None:
    assert GRANT.name == Grant(WHO.upper(), ROLE, SCOPE.upper()).name
    others = [
        Grant(WHO, ROLE, f"{SCOPE}x"),
        Grant(ROLE, WHO, SCOPE),
        Grant(WHO, ROLE, SCOPE, condition="c"),
        Grant(WHO, ROLE, SCOPE, generation=1),
    ]
    assert len({GRANT.name, *(each.name for each in others)}) == 5


def test_earlier_generations_are_known_the_latest_first() -> None:
    assert [each.generation for each in Grant(WHO, ROLE, SCOPE, generation=2).generations] == [2, 1, 0]


def test_a_grant_is_made_for_a_service_principal_with_its_condition(play) -> None:
    grant = Grant(WHO, ROLE, SCOPE, condition="(true)")
    (request,) = play(assignment.put(CLOUD, grant, "mark"), (201, BODY)).requests
    sent = request.json["properties"]
    assert (sent["principalType"], sent["condition"], sent["conditionVersion"]) == (
        "ServicePrincipal",
        "(true)",
        "2.0",
    )
    assert (
        sent["roleDefinitionId"]
        == f"/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/{ROLE}"
    )
    assert request.notes["conditionSha256"] == grant.condition_hash
    assert request.notes["description"] == "mark"


def test_somebody_elses_assignment_of_the_same_is_named_not_made_again(play) -> None:
    text = (
        "The role assignment already exists. The ID of the existing role assignment is "
        "0123456789abcdef0123456789abcdef."
    )
    answer = (409, {"error": {"code": "RoleAssignmentExists", "message": text}})
    assert play(assignment.put(CLOUD, GRANT, "m"), answer).result == "01234567-89ab-cdef-0123-456789abcdef"


def test_a_refusal_is_azures_own(play) -> None:
    with pytest.raises(DeniedError, match="no role"):
        play(
            assignment.put(CLOUD, GRANT, "m"),
            (403, {"error": {"code": "AuthorizationFailed", "message": "no role"}}),
        )


def test_a_scope_outside_of_every_subscription_is_an_error(play) -> None:
    with pytest.raises(ServiceError, match="does not lie in a subscription"):
        play(assignment.put(CLOUD, Grant(WHO, ROLE, "/"), "m"))


def test_an_assignment_is_read_back_whole_and_its_absence_is_none(play) -> None:
    made = play(assignment.get(CLOUD, GRANT), BODY).result
    assert (made.grant.name, made.role, made.created_by, made.description) == (GRANT.name, ROLE, "me", "")
    assert play(assignment.get(CLOUD, GRANT), (404, {"error": {"code": "x"}})).result is None


@pytest.mark.parametrize("status, was_there", [(200, True), (204, False), (404, False)])
def test_deleting_twice_is_no_error(status, was_there, play) -> None:
    played = play(assignment.delete(CLOUD, GRANT, GRANT.name, "revoke"), (status, {}))
    assert played.result is was_there
    assert played.requests[0].notes["reason"] == "revoke"


def test_lists_are_read_to_their_end(play) -> None:
    link = "https://management.azure.com/next"
    played = play(assignment.list_below(CLOUD, SCOPE), {"value": [BODY], "nextLink": link}, {"value": [BODY]})
    assert len(played.result) == 2


def test_a_mark_says_who_and_until_when_and_is_read_back() -> None:
    text = str(Mark("prod", 1_700_000_000.0))
    assert text == "airflow-jit v1 prod exp=2023-11-14T22:13:20Z"
    assert Mark.read(text) == Mark("prod", 1_700_000_000.0)


@pytest.mark.parametrize(
    "text", ["", "by hand", "airflow-jit v1 prod", "airflow-jit v1 prod exp=2023-99-14T22:13:20Z", " x"]
)
def test_what_is_not_quite_a_mark_is_none(text) -> None:
    assert Mark.read(text) is None
