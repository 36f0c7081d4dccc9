# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace

from airflow_provider_azureml.access.facts import Datastore
from tests.unit.access.places import FACTS, LAKE, TRAIN


def test_an_account_is_found_by_name_or_behind_a_datastore() -> None:
    assert FACTS.account_scope("nightlylake") == LAKE
    assert FACTS.account_scope("nobodys") == ""
    assert replace(FACTS, accounts={"other": "/other"}).account_scope("other") == "/other"


def test_what_a_datastore_stores_counts_as_a_secret_unless_it_is_nothing() -> None:
    assert [Datastore("d", "a", "c", credentials=kind).holds_secret for kind in ("None", "", "Sas")] == [
        False,
        False,
        True,
    ]


def test_a_principal_answers_to_each_of_its_ids_and_to_no_other() -> None:
    assert all(
        TRAIN.is_called(word) for word in (TRAIN.object_id, TRAIN.client_id.upper(), TRAIN.resource_id)
    )
    assert not TRAIN.is_called("oid-prep")


def test_a_workspace_without_a_default_store_has_none() -> None:
    assert replace(FACTS, datastores=None).default_datastore is None
    assert FACTS.subscription == "5ab00000-0000-0000-0000-000000000001"
