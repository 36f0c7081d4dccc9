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
