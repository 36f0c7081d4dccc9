# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from dataclasses import fields

import pytest

from airflow_provider_azureml.connection import Settings
from airflow_provider_azureml.form import HIDDEN_FIELDS, RELABELING, form
from airflow_provider_azureml.ways import FLAGS, SOURCES, WAYS

GUID = "11111111-2222-3333-4444-555555555555"


def test_the_form_offers_exactly_the_fields_that_are_read() -> None:
    readable = {item.name for item in fields(Settings)} - {"conn_id", "password"}
    assert set(form()) == readable


def test_no_field_that_is_not_secret_has_a_name_that_airflow_blacks_out() -> None:
    from airflow.sdk._shared.secrets_masker import DEFAULT_SENSITIVE_FIELDS

    for name in form():
        assert not any(word in name for word in DEFAULT_SENSITIVE_FIELDS), name


def test_choices_are_offered_and_may_stay_empty_but_for_the_first() -> None:
    assert form()["auth"].schema == {"type": "string", "enum": list(WAYS)}
    assert form()["federated_source"].schema["enum"] == [None, *SOURCES]
    assert all(form()[name].schema == {"type": ["boolean", "null"]} for name in FLAGS)


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("client_id", [GUID, "system"], ["me", ""]),
        ("object_id", [GUID], ["system"]),
        ("issuer_url", ["https://o.okta.com/oauth2/default"], ["https://o.okta.com"]),
    ],
)
def test_a_pattern_is_shown_for_what_has_a_form(name: str, good: list[str], bad: list[str]) -> None:
    pattern = form()[name].schema["pattern"]
    assert "(?" not in pattern  # the form is checked by a browser
    assert all(re.search(pattern, text) for text in good)
    assert not any(re.search(pattern, text) for text in bad)


def test_the_fields_that_are_refused_are_hidden_and_the_secret_one_says_what_it_is() -> None:
    assert {"host", "login"} <= set(HIDDEN_FIELDS)
    assert "Client secret" in RELABELING["password"]
