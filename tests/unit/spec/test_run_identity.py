# SPDX-License-Identifier: Apache-2.0
"""The principal that a job runs as."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_azureml.spec.run_identity import run_identity
from tests.unit.spec.definition import COMMAND, fields, refuses

GUID = "11111111-2222-3333-4444-555555555555"


def test_no_identity_is_that_of_the_compute() -> None:
    assert run_identity(fields()) is None


@pytest.mark.parametrize(
    "word, kind",
    [
        ("managed", "Managed"),
        ("Managed_Identity", "Managed"),
        ("user_identity", "UserIdentity"),
        ("aml_token", "AMLToken"),
    ],
)
def test_a_type_alone_may_be_a_word(word: str, kind: str) -> None:
    assert run_identity(fields(identity=word)) == {"identityType": kind}
    assert run_identity(fields(identity={"type": word})) == {"identityType": kind}


def test_every_way_to_name_a_managed_identity_is_sent() -> None:
    given = {"type": "managed", "client_id": GUID, "object_id": GUID, "msi_resource_id": "/r"}
    assert run_identity(fields(identity=given)) == {
        "identityType": "Managed",
        "clientId": GUID,
        "objectId": GUID,
        "resourceId": "/r",
    }


@pytest.mark.parametrize(
    "changes, name, mend",
    [
        ({"identity": {"type": "manged"}}, "type", "Did you mean 'managed'?"),
        ({"identity": "manged"}, "type", "Did you mean 'managed'?"),
        ({"identity": {"client_id": GUID}}, "type", "Choose one of"),
        ({"identity": {"type": "managed", "client_id": "me"}}, "client_id", "Copy the id"),
        ({"identity": {"type": "aml_token", "client_id": GUID}}, "type", "managed"),
        ({"identity": {"type": "managed", "clientid": GUID}}, "clientid", "Did you mean 'client_id'?"),
    ],
)
def test_a_malformed_field_is_named_with_its_mend(changes: dict[str, Any], name: str, mend: str) -> None:
    refuses({**COMMAND, **changes}, name, mend)
