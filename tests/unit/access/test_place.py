# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_azureml.access.place import default_place, place_of, secrets_in
from tests.unit.access.places import FACTS, RAW, VAULT, WORKSPACE

LONG = (
    f"azureml:/{WORKSPACE.replace('/providers/Microsoft.MachineLearningServices', '')}/datastores/raw/paths/a"
)


@pytest.mark.parametrize(
    "uri",
    [
        "azureml://datastores/raw/paths/a/b",
        LONG + "/b",
        LONG.replace("resourceGroups/nightly", "resourcegroups/NIGHTLY") + "/b",
        "abfss://raw@nightlylake.dfs.core.windows.net/a/b",
        "wasbs://raw@nightlylake.blob.core.windows.net/a/b",
        "https://nightlylake.blob.core.windows.net/raw/a/b?sv=secret",
        "https://nightlylake.dfs.core.usgovcloudapi.net/raw/a/b",
    ],
)
def test_every_form_of_a_uri_leads_to_the_same_container_and_path(uri: str) -> None:
    place = place_of(uri, FACTS)
    assert (place.scope, place.container, place.path, place.doubt) == (RAW, "raw", "a/b", "")


@pytest.mark.parametrize(
    ("path", "is_folder", "known"),
    [
        ("flights", True, "flights/"),
        ("flights/", True, "flights/"),
        ("flights/day.csv", False, "flights/day.csv"),
        ("flights/{{ ds }}/x", True, "flights/"),
        ("run-{{ ds }}", True, "run-"),
        ("day=*/x.csv", False, "day="),
        ("", True, ""),
    ],
)
def test_a_path_is_known_up_to_what_only_the_run_knows(path: str, is_folder: bool, known: str) -> None:
    place = place_of(f"azureml://datastores/raw/paths/{path}", FACTS, is_folder=is_folder)
    assert place.known_path == known
    assert place.is_pattern is ("{" in path or "*" in path)


@pytest.mark.parametrize(
    ("uri", "doubt"),
    [
        ("azureml://datastores/none/paths/a", "no datastore 'none'"),
        ("azureml://datastores/elsewhere/paths/a", "does not say where account 'unknown' lies"),
        (LONG.replace("workspaces/nightly", "workspaces/other"), "another workspace, 'other'"),
        (LONG.replace("5ab0", "0ab0"), "another workspace, 'nightly' in /subscriptions/0ab0"),
        (
            LONG.replace("resourceGroups/nightly", "resourceGroups/dev"),
            "'nightly' in /subscriptions/5ab00000",
        ),
        ("https://stranger.blob.core.windows.net/c/p", "no storage account 'stranger'"),
        ("azureml://jobs/j/outputs/o", "another job's output"),
        ("{{ var.value.uri }}", "only known at run time"),
        (f"{WORKSPACE}/data/d/versions/1", "a registered asset"),
        ("https://example.org/x", "no place in a storage account"),
        ("s3://bucket/x", "no place in a storage account"),
    ],
)
def test_what_cannot_be_told_is_a_doubt_with_its_reason(uri: str, doubt: str) -> None:
    place = place_of(uri, FACTS)
    assert doubt in place.doubt
    assert place.scope == ""


def test_a_datastore_with_stored_credentials_says_so() -> None:
    assert place_of("azureml://datastores/keyed/paths/a", FACTS).secret == "AccountKey"


def test_an_output_without_a_path_goes_to_the_default_store() -> None:
    assert default_place(FACTS).container == "own"
    unread = replace(FACTS, datastores=None, unread={"datastores": "403 AuthorizationFailed"})
    assert "403 AuthorizationFailed" in default_place(unread).doubt
    assert "403" in place_of("azureml://datastores/raw/paths/a", unread).doubt


def test_secrets_are_found_by_their_addresses_and_a_bare_vault_is_none() -> None:
    text = (
        "--a https://nightlyvault.vault.azure.net/secrets/db/0123 --b https://nightlyvault.vault.azure.net/"
    )
    assert [(each.name, each.scope) for each in secrets_in(text, FACTS)] == [("db", f"{VAULT}/secrets/db")]
    assert secrets_in("https://other.vault.azure.cn/secrets/x", FACTS)[0].scope == ""
