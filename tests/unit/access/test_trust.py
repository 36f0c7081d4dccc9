# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from airflow_provider_azureml.access.declared import Federated
from airflow_provider_azureml.access.trust import compare
from airflow_provider_azureml.rest.graph import FederatedCredential

ENTRA, AUDIENCE, ISSUER = "https://login/t/v2.0", "api://AzureADTokenExchange", "https://cluster/"
WORKER = Federated("worker", "", "identity:worker", AUDIENCE, "worker")
POD = Federated("pod", ISSUER, "system:serviceaccount:a:b", AUDIENCE)


def held(name: str, issuer: str, subject: str, audience: str = AUDIENCE) -> FederatedCredential:
    return FederatedCredential(name, issuer, subject, (audience,))


def states(declared: list[Federated], found: list[FederatedCredential]) -> list[tuple[str, str]]:
    return [(each.state, each.field) for each in compare(declared, found, ENTRA, {"worker": "oid"})]


def test_the_tenant_and_the_object_id_of_the_vouching_identity_are_filled_in() -> None:
    assert (
        states([WORKER, POD], [held("x", ENTRA, "oid"), held("pod", ISSUER, POD.subject)]) == [("OK", "")] * 2
    )


@pytest.mark.parametrize(
    ("found", "field"),
    [
        (held("pod", "https://cluster", POD.subject), "issuer"),
        (held("other", ISSUER, "system:serviceaccount:a:B"), "subject"),
        (held("pod", ISSUER, POD.subject, "api://azureadtokenexchange"), "audience"),
    ],
)
def test_the_one_field_that_differs_is_named(found: FederatedCredential, field: str) -> None:
    assert states([POD], [found]) == [("MISMATCH", field)]


def test_what_is_not_there_is_missing_and_what_nobody_declared_is_extra() -> None:
    strange = FederatedCredential(
        "wide", "https://token.actions", "", (AUDIENCE,), "claims['sub'] matches '*'"
    )
    assert states([POD], [strange]) == [("MISSING", ""), ("EXTRA", "")]


def test_a_vouching_identity_that_is_not_known_is_unknown_not_missing() -> None:
    (only,) = compare([WORKER], [], ENTRA, None)
    assert (only.state, "'worker' is known" in only.reason) == ("UNKNOWN", True)
