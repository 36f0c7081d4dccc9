# SPDX-License-Identifier: Apache-2.0
"""Instance metadata: which identity, which refusal. The SDK's own calls are in entra/test_entra_clients."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from azure_sandbox.kernel.identity import Identity
from azure_sandbox.kernel.ports import Registry
from azure_sandbox.testing import Sandbox

PATH = "/metadata/identity/oauth2/token"


def ask(sandbox: Sandbox, headers: dict[str, str] | None = None, **query: str) -> httpx.Response:
    params = {"api-version": "2018-02-01", "resource": "https://management.azure.com/", **query}
    with httpx.Client(trust_env=False) as client:
        return client.get(
            sandbox.cloud.metadata_url + PATH,
            params={k: v for k, v in params.items() if v},
            headers={"Metadata": "true"} if headers is None else headers,
        )


def worker(sandbox: Sandbox) -> Identity:
    found = sandbox.cloud.port(Registry).identity_by_name("mi-worker")
    assert found is not None
    return found


@pytest.mark.parametrize(
    "parameter, attribute",
    [("client_id", "client_id"), ("object_id", "principal_id"), ("msi_res_id", "resource_id")],
)
def test_an_identity_is_chosen_by_any_of_its_ids(identities: Sandbox, parameter: str, attribute: str) -> None:
    identity = worker(identities)
    answer = ask(identities, **{parameter: getattr(identity, attribute).upper()})
    content = answer.json()
    assert answer.status_code == 200
    assert content["client_id"] == identity.client_id
    assert content["resource"] == "https://management.azure.com/"
    assert all(isinstance(value, str) for value in content.values())
    assert int(content["expires_on"]) - int(content["not_before"]) == 86_400
    claims = identities.cloud.entra.verify(content["access_token"], identities.cloud.clock.time())
    assert (claims["oid"], claims["xms_mirid"]) == (identity.principal_id, identity.resource_id)


def test_the_proxy_serves_the_link_local_address(identities: Sandbox) -> None:
    answer = identities.http.get(
        f"http://169.254.169.254{PATH}",
        params={
            "api-version": "2018-02-01",
            "resource": "https://vault.azure.net",
            "client_id": worker(identities).client_id,
        },
        headers={"Metadata": "true"},
    )
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "headers, query, description",
    [
        (None, {}, "Multiple user assigned identities exist, please specify the clientId / resourceId"),
        (None, {"client_id": "nobody"}, "Identity not found"),
        (None, {"client_id": "a", "object_id": "b"}, "Only one of"),
        (None, {"resource": ""}, "resource"),
        (None, {"api-version": ""}, "api-version"),
        ({}, {}, "metadata header"),
        ({"Metadata": "true", "X-Forwarded-For": "10.0.0.1"}, {}, "metadata header"),
    ],
)
def test_a_request_that_does_not_say_who_is_refused(
    identities: Sandbox, headers: dict[str, str] | None, query: dict[str, str], description: str
) -> None:
    answer = ask(identities, headers, **query)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert description in answer.json()["error_description"]


def test_an_unknown_resource_is_refused(identities: Sandbox) -> None:
    answer = ask(identities, client_id=worker(identities).client_id, resource="https://unknown.example")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_resource")
    assert "AADSTS500011" in answer.json()["error_description"]


def test_the_only_identity_need_not_be_named(serve: Callable[..., Sandbox]) -> None:
    seed = {"managed_identities": [{"name": "mi", "resource_group": "ml"}], "host_identities": ["mi"]}
    assert ask(serve(seed)).status_code == 200


def test_a_machine_without_identities_has_none(serve: Callable[..., Sandbox]) -> None:
    assert ask(serve({})).json() == {"error": "invalid_request", "error_description": "Identity not found"}
