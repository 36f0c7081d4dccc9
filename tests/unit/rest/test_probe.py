# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from urllib.parse import unquote

import pytest

from airflow_provider_azureml.connection import CLOUDS
from airflow_provider_azureml.errors import NotFoundError
from airflow_provider_azureml.rest import probe
from airflow_provider_azureml.rest.assignment import Grant
from airflow_provider_azureml.rest.authorization import Permission

CLOUD = CLOUDS["public"]
GROUP = "/subscriptions/s/resourceGroups/g"
CONTAINER = (
    f"{GROUP}/providers/Microsoft.Storage/storageAccounts/lake/blobServices/default/containers/features"
)
READS = Permission(data_actions=("Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read",))
SUBMITS = Permission(actions=("Microsoft.MachineLearningServices/workspaces/jobs/*",))
DENIED = (403, {"error": {"code": "AuthorizationPermissionMismatch", "message": "no"}})


def entry(permission):
    return {"actions": [text.upper() for text in permission.actions], "dataActions": []}


def test_a_container_is_listed_for_real_by_who_may_read_it(play) -> None:
    grant = Grant("p", "r", CONTAINER)
    played = play(probe.works(CLOUD, grant, [READS]), (200, b"<x/>"))
    assert played.result is True
    assert played.requests[0].url.startswith("https://lake.blob.core.windows.net/features?")
    assert play(probe.works(CLOUD, grant, [READS]), DENIED).result is False


def test_a_container_that_does_not_exist_is_an_error_not_a_wait(play) -> None:
    with pytest.raises(NotFoundError):
        play(probe.works(CLOUD, Grant("p", "r", CONTAINER), [READS]), (404, {"error": {"code": "x"}}))


@pytest.mark.parametrize(
    "grant, permission",
    [
        (Grant("p", "r", GROUP), SUBMITS),
        (Grant("p", "r", CONTAINER, condition="c"), SUBMITS),
        (Grant("p", "r", CONTAINER), SUBMITS),
    ],
)
def test_elsewhere_azure_says_what_the_caller_may_do(grant, permission, play) -> None:
    played = play(probe.works(CLOUD, grant, [permission]), {"value": [entry(permission)]})
    assert played.result is True
    assert "/providers/Microsoft.Authorization/permissions" in played.requests[0].url
    assert play(probe.works(CLOUD, grant, [permission]), {"value": []}).result is False
    assert play(probe.works(CLOUD, grant, [permission]), DENIED).result is False


def test_what_the_role_allows_is_read_at_the_grants_own_scope(play) -> None:
    body = {"id": "i", "name": "n", "properties": {"roleName": "x", "permissions": [{"actions": ["a/read"]}]}}
    played = play(probe.role_permissions(CLOUD, Grant("p", "r", GROUP)), body)
    assert played.result == (Permission(actions=("a/read",)),)
    assert f"{GROUP}/providers/Microsoft.Authorization/roleDefinitions/r" in played.requests[0].url


def listed(**changed):
    role = "/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/R"
    same = {"principalId": "P", "roleDefinitionId": role, "scope": GROUP.upper(), "condition": "c"}
    return {"id": f"{GROUP}/x/a-name-of-pims", "properties": {**same, **changed}}


GRANT = Grant("p", "r", GROUP, "c")


def test_somebody_else_looks_for_the_assignment_by_what_it_grants_whatever_its_name(play) -> None:
    played = play(probe.is_listed(CLOUD, GRANT), {"value": [listed(condition=None), listed()]})
    assert played.result is True
    assert f"{GROUP}/providers/Microsoft.Authorization/roleAssignments?" in played.requests[0].url
    assert "assignedTo('p')" in unquote(played.requests[0].url)


@pytest.mark.parametrize(
    "changed",
    [
        {"principalId": "a-group"},
        {"roleDefinitionId": "/x/w"},
        {"scope": "/subscriptions/s"},
        {"condition": None},
    ],
)
def test_an_assignment_of_something_else_is_not_the_one_that_is_looked_for(changed, play) -> None:
    assert play(probe.is_listed(CLOUD, GRANT), {"value": [listed(**changed)]}).result is False
