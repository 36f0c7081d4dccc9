# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import fields

import pytest

from airflow_provider_azureml.connection import Settings
from airflow_provider_azureml.ways import EVERYWHERE, FORMS, MENDS, SOURCES, URLS, WAYS, users_of, way_of


def test_every_field_of_the_table_is_read_and_every_field_that_is_read_is_in_the_table() -> None:
    table = set().union(*(way.knows for way in [*WAYS.values(), *SOURCES.values()])) | EVERYWHERE
    assert table == {item.name for item in fields(Settings)} - {"conn_id", "auth"}


def test_only_the_federated_way_has_a_source() -> None:
    assert [auth for auth, way in WAYS.items() if "federated_source" in way.knows] == ["federated"]
    assert {"tenant_id", "client_id", "assertion_file"} <= way_of("federated", "kubernetes").needs


def test_no_way_has_two_choices_which_one_message_could_not_explain() -> None:
    assert not any(way.one_of for way in [WAYS["federated"]])


@pytest.mark.parametrize(
    ("field", "users"),
    [
        ("object_id", ["auth managed_identity"]),
        ("source_scope", ["auth federated with federated_source okta"]),
        ("certificate_file", ["auth certificate"]),
    ],
)
def test_who_uses_a_field_is_said_in_words(field: str, users: list[str]) -> None:
    assert users_of(field) == users


def test_every_form_has_a_mend_and_every_address_an_example() -> None:
    assert FORMS.keys() <= MENDS.keys()
    assert all("{cloud." in like for like in URLS.values())
