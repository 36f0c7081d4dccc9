# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import shlex
import time
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_azureml.checks import sign_in
from airflow_provider_azureml.connection import parse
from airflow_provider_azureml.errors import DeniedError
from airflow_provider_azureml.identity.claims import Identity
from tests.unit.canned import DENIED, CannedHook
from tests.unit.checks.patients import GUID, Patient, case
from tests.unit.identity.test_vouched import token

ISSUER, SUBJECT, AUDIENCE = "https://i/", "system:serviceaccount:a:b", "api://AzureADTokenExchange"


class Refused(Patient):
    text = "AADSTS7000222: The provided client secret keys are expired"

    def identity(self) -> Any:
        raise DeniedError(401, self.text[:13], self.text)


@pytest.fixture
def federated(tmp_path: Path) -> Patient:
    (tmp_path / "token").write_text(token(iss=ISSUER, sub=SUBJECT, aud=AUDIENCE))
    extra = {
        "auth": "workload_identity",
        "tenant_id": GUID,
        "client_id": GUID,
        "assertion_file": str(tmp_path / "token"),
    }
    hook = Patient()
    hook.settings = parse("azureml_train", "azureml", None, None, None, extra)
    return hook


def trusting(hook: CannedHook, **changed: Any) -> CannedHook:
    one = {"name": "airflow", "issuer": ISSUER, "subject": SUBJECT, "audiences": [AUDIENCE], **changed}
    return hook.on("GET", "/federatedIdentityCredentials", {"value": [one]})


def test_a_way_without_assertion_does_not_use_the_first_two_planes() -> None:
    patient = case(Patient())
    assert sign_in.assertion(patient).level == sign_in.trust(patient).level == "not used"


def test_an_assertion_that_is_trusted_is_present_in_both(federated: Patient) -> None:
    patient = case(trusting(federated))
    assert sign_in.assertion(patient).level == sign_in.trust(patient).level == "present"
    assert SUBJECT in sign_in.assertion(patient).message


@pytest.mark.parametrize(
    "changed, named",
    [
        ({"issuer": "https://i"}, "issuer 'https://i' is not 'https://i/'"),
        ({"subject": SUBJECT.upper()}, "subject"),
        ({"audiences": ["x"]}, f"audience 'x' is not '{AUDIENCE}'"),
    ],
)
def test_the_field_that_differs_is_named_and_the_mend_adds_the_right_one(
    federated: Patient, changed: dict[str, Any], named: str
) -> None:
    found = sign_in.trust(case(trusting(federated, **changed)))
    assert found.is_problem
    assert named in found.message
    wanted = json.loads(shlex.split(found.hint)[-1])
    assert (wanted["issuer"], wanted["subject"], wanted["audiences"]) == (ISSUER, SUBJECT, [AUDIENCE])


def test_credentials_that_cannot_be_read_are_unknown(federated: Patient) -> None:
    assert (
        sign_in.trust(case(federated.on("GET", "/federatedIdentityCredentials", DENIED))).level == "unknown"
    )


def test_a_stale_assertion_is_missing_and_cannot_be_compared(federated: Patient) -> None:
    Path(federated.settings.assertion_file).write_text(token(iss=ISSUER, exp=time.time() - 60))
    patient = case(federated)
    assert sign_in.assertion(patient).is_problem
    assert sign_in.trust(patient).level == "unknown"


PRINCIPAL = {"id": "o", "appId": GUID, "displayName": "train", "accountEnabled": True}


@pytest.mark.parametrize(
    "answer, level, hint",
    [
        (PRINCIPAL, "present", ""),
        (
            {**PRINCIPAL, "accountEnabled": False},
            "MISSING",
            "az rest --method patch --url https://graph.microsoft.com/v1.0/servicePrincipals/o ",
        ),
        ((404, {"error": {"code": "Request_ResourceNotFound", "message": ""}}), "MISSING", "az ad sp create"),
        (DENIED, "present", ""),  # it signs in: so it is there
    ],
)
def test_the_directory_knows_the_principal_or_not(answer: Any, level: str, hint: str) -> None:
    found = sign_in.service_principal(case(Patient().on("GET", r"/servicePrincipals.*", answer)))
    assert found.level == level
    assert found.hint.startswith(hint)


def test_who_cannot_sign_in_and_may_not_be_looked_up_is_unknown() -> None:
    found = sign_in.service_principal(case(Refused().on("GET", r"/servicePrincipals.*", DENIED)))
    assert found.level == "unknown"


def test_a_token_tells_who_it_is() -> None:
    assert "object-1" in sign_in.token(case(Patient())).message


def test_a_refused_token_comes_with_its_mend() -> None:
    found = sign_in.token(case(Refused()))
    assert found.is_problem
    assert "AADSTS7000222" in found.message
    assert f"--id {GUID}" in found.hint


def test_the_right_tenant_is_the_readers() -> None:
    class Elsewhere(Refused):
        text = "AADSTS90002: Tenant not found"

    class Reader(CannedHook):
        def identity(self) -> Identity:
            return Identity("22222222-2222-2222-2222-222222222222", "r", "r")

    found = sign_in.token(case(Elsewhere(), reader=Reader()))
    assert (
        found.hint == "Set tenant_id of connection 'azureml_train' to 22222222-2222-2222-2222-222222222222."
    )
