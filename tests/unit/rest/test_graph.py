# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime, timezone

from airflow_provider_azureml.connection import CLOUDS
from airflow_provider_azureml.rest import graph

CLOUD = CLOUDS["public"]
APP = "11111111-1111-1111-1111-111111111111"
END = datetime(2026, 3, 1, 12, 30, 15, tzinfo=timezone.utc)


def test_an_application_is_read_by_its_client_id_with_its_passwords(play) -> None:
    item = {"keyId": "k", "displayName": None, "endDateTime": "2026-03-01T12:30:15.1234567Z"}
    body = {"id": "o", "appId": APP, "passwordCredentials": [item]}
    played = play(graph.application(CLOUD, APP), body)
    assert played.result == graph.Application("o", APP, (graph.Password("k", "", END),))
    assert played.requests[0].url.startswith(f"https://graph.microsoft.com/v1.0/applications(appId='{APP}')?")
    assert played.requests[0].scope == "https://graph.microsoft.com/.default"


def test_a_new_password_is_asked_once_and_hides_itself(play) -> None:
    body = {"keyId": "k", "endDateTime": "2026-03-01T12:30:15Z", "secretText": "TOPSECRET"}
    played = play(graph.add_password(CLOUD, APP, "airflow-rot:1", END), body)
    (request,) = played.requests
    assert not request.repeatable
    assert request.json["passwordCredential"] == {
        "displayName": "airflow-rot:1",
        "endDateTime": "2026-03-01T12:30:15Z",
    }
    assert played.result.secret == "TOPSECRET"
    assert "TOPSECRET" not in repr(played.result)


def test_a_password_is_removed_by_its_key(play) -> None:
    (request,) = play(graph.remove_password(CLOUD, APP, "k"), (204, b"")).requests
    assert request.url.endswith("/removePassword")
    assert request.json == {"keyId": "k"}


PRINCIPAL = {
    "id": "o",
    "appId": APP,
    "displayName": "run-train",
    "accountEnabled": False,
    "servicePrincipalType": "ManagedIdentity",
    "alternativeNames": ["isExplicit=True", "/subscriptions/s/x/run-train"],
}


def test_a_service_principal_is_read_by_either_of_its_ids(play) -> None:
    wanted = graph.ServicePrincipal(
        "o", APP, "run-train", False, "ManagedIdentity", "/subscriptions/s/x/run-train"
    )
    by_app = play(graph.service_principal(CLOUD, APP), PRINCIPAL)
    by_object = play(graph.service_principal_by_object(CLOUD, "o"), PRINCIPAL)
    assert by_app.result == by_object.result == wanted
    assert f"/v1.0/servicePrincipals(appId='{APP}')?" in by_app.requests[0].url
    assert "/v1.0/servicePrincipals/o?" in by_object.requests[0].url


def test_a_principal_that_the_tenant_does_not_have_is_none(play) -> None:
    gone = (404, {"error": {"code": "Request_ResourceNotFound", "message": "no"}})
    assert play(graph.service_principal(CLOUD, APP), gone).result is None


def test_all_pages_of_federated_credentials_are_read(play) -> None:
    first = {"name": "a", "issuer": "https://i", "subject": "s", "audiences": ["x"]}
    flexible = {
        "name": "b",
        "issuer": "https://i",
        "claimsMatchingExpression": {"value": "claims['sub'] eq 'x'"},
    }
    played = play(
        graph.federated_credentials(CLOUD, APP),
        {"value": [first], "@odata.nextLink": "https://graph.microsoft.com/next"},
        {"value": [flexible]},
    )
    assert [each.subject for each in played.result] == ["s", ""]
    assert played.result[1].expression == "claims['sub'] eq 'x'"
    assert played.requests[1].url == "https://graph.microsoft.com/next"


def test_groups_are_asked_for_with_the_nested_ones(play) -> None:
    played = play(graph.groups_of(CLOUD, "o"), {"value": ["AA", "bb"]})
    assert played.result == {"aa", "bb"}
    assert played.requests[0].json == {"securityEnabledOnly": True}


def test_all_pages_of_what_a_principal_was_given_are_read(play) -> None:
    item = {"id": "a-1", "appRoleId": "R1", "resourceId": "G", "resourceDisplayName": "Microsoft Graph"}
    played = play(
        graph.app_roles(CLOUD, "o"),
        {"value": [item], "@odata.nextLink": "https://graph.microsoft.com/next"},
        {"value": [{**item, "id": "a-2", "resourceDisplayName": None}]},
    )
    assert played.result == [
        graph.AppRole("a-1", "r1", "g", "Microsoft Graph"),
        graph.AppRole("a-2", "r1", "g", ""),
    ]
    assert played.requests[0].url == "https://graph.microsoft.com/v1.0/servicePrincipals/o/appRoleAssignments"


def test_what_is_owned_has_its_kind_and_no_name_where_it_may_not_be_read(play) -> None:
    app = {"@odata.type": "#microsoft.graph.application", "id": "O1", "appId": APP, "displayName": "legacy"}
    group = {"@odata.type": "#microsoft.graph.group", "id": "O2", "displayName": None}
    played = play(graph.owned_objects(CLOUD, "o"), {"value": [app, group]})
    assert played.result == [graph.Owned("application", "o1", APP, "legacy"), graph.Owned("group", "o2")]
    assert played.requests[0].url.endswith("/v1.0/servicePrincipals/o/ownedObjects")


def test_graphs_permissions_are_told_by_its_own_service_principal(play) -> None:
    body = {"id": "G", "appRoles": [{"id": "R1", "value": "Directory.Read.All"}, {"id": "R2", "value": None}]}
    played = play(graph.permissions(CLOUD), body)
    assert played.result == graph.Permissions("g", {"r1": "Directory.Read.All", "r2": ""})
    assert f"/servicePrincipals(appId='{graph.GRAPH}')?$select=id,appRoles" in played.requests[0].url
