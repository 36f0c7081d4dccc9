# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from airflow_provider_azureml.errors import DeniedError
from airflow_provider_azureml.identity.source_gcp_metadata import exchange
from tests.unit.identity.flows import drive, federated, jwt, said

PATH = "/computeMetadata/v1/instance/service-accounts/default/identity"


@pytest.mark.parametrize("host", ["metadata.google.internal", "10.0.0.1:80"])
def test_the_metadata_server_is_asked_for_entras_audience(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("GCE_METADATA_HOST", host if host[0] == "1" else "")
    masked: list[str] = []
    token, asked = drive(
        exchange(federated("gcp_metadata"), masked.append), said(200, jwt().encode() + b"\n")
    )
    assert asked[0].url == f"http://{host}{PATH}?audience=api%3A%2F%2FAzureADTokenExchange&format=full"
    assert asked[0].headers == {"Metadata-Flavor": "Google"}
    assert masked == [token] == [jwt()]


def test_another_audience_can_be_asked_for() -> None:
    own = federated("gcp_metadata", assertion_audience="api://mine")
    assert drive(exchange(own, print), said(200, jwt(aud="api://mine").encode()))[0]


def test_a_page_in_place_of_a_token_is_refused_and_not_shown() -> None:
    with pytest.raises(DeniedError, match="gave no JSON web token") as caught:
        drive(exchange(federated("gcp_metadata"), lambda secret: None), said(200, b"<html>welcome</html>"))
    assert "welcome" not in str(caught.value)
