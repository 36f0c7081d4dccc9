# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_azureml.access.condition import parse
from airflow_provider_azureml.access.manifest import dotted, load
from airflow_provider_azureml.errors import ConfigurationError
from tests.unit.access.manifests import GUID, MEANINGS, SHAPES, SOUND, TRAIN, changed

GROUP = "/subscriptions/5ab00000-0000-0000-0000-000000000001/resourceGroups/nightly"
LAKE = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/nightlylake/blobServices/default/containers"


def test_a_sound_manifest_becomes_grants_at_arm_scopes() -> None:
    (identity,) = load(SOUND, "access.yaml").identities
    run = identity.principals["run"]
    assert run.resource_id == f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/run-train"
    assert [(grant.role, grant.scope, grant.access) for grant in run.grants] == [
        ("Storage Blob Data Contributor", f"{LAKE}/models", "write"),
        (
            "Key Vault Secrets User",
            f"{GROUP.replace('nightly', 'other')}/providers/Microsoft.KeyVault/vaults/nightlyvault/secrets/db",
            "read",
        ),
        ("Storage Blob Data Reader", f"{LAKE}/raw", "read"),
    ]


def test_a_prefix_is_enforced_only_where_the_condition_says_so() -> None:
    models, _, raw = load(SOUND, "m").identities[0].principals["run"].grants
    assert "StringStartsWith 'm/'" in models.condition
    assert parse(models.condition)
    assert (raw.prefix, raw.condition) == ("flights/", "")


def test_federated_credentials_have_the_issuers_url_and_the_clouds_audience() -> None:
    worker, pod = load(SOUND, "m").identities[0].principals["submitter"].federated
    assert (worker.issuer, worker.identity, worker.audience) == (
        "",
        "airflow-worker",
        "api://AzureADTokenExchange",
    )
    assert (pod.name, pod.issuer) == ("pod", "https://eastus.oic.prod-aks.azure.com/t/g/")
    gov = load(changed("cloud", "usgovernment"), "m").identities[0].principals["submitter"].federated
    assert gov[0].audience == "api://AzureADTokenExchangeUSGov"


def test_roles_that_must_be_made_are_those_used_here_that_azure_has_not() -> None:
    assert [role.name for role in load(SOUND, "m").custom_roles()] == ["AML Job Submitter", "Watcher"]


@pytest.mark.parametrize(("path", "value", "told"), [*SHAPES, *MEANINGS])
def test_what_is_wrong_is_told_with_file_field_and_mend(path: str, value: Any, told: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(changed(path, value), "access.yaml")
    assert str(caught.value).startswith("access.yaml: field '")
    assert told in str(caught.value)
    assert caught.value.mend


def test_both_ids_of_a_principal_are_one_too_many() -> None:
    content = changed(f"{TRAIN}/run/client_id", GUID)
    content["identities"]["train"]["run"]["object_id"] = GUID
    with pytest.raises(ConfigurationError, match=r"stands beside 'client_id'\. Keep one of the two ids"):
        load(content, "access.yaml")


@pytest.mark.parametrize("content", [None, [], "text", 7])
def test_a_file_that_is_no_mapping_is_refused(content: object) -> None:
    with pytest.raises(ConfigurationError, match=r"^access.yaml: is .* Write a mapping"):
        load(content, "access.yaml")


def test_the_line_of_the_nearest_known_value_is_told() -> None:
    with pytest.raises(
        ConfigurationError, match=r"^access.yaml, line 12: field 'identities.train.submitter'"
    ):
        load(changed(f"{TRAIN}/submitter", None), "access.yaml", {("identities", "train"): 12, (): 1})


def test_a_path_reads_as_people_write_it() -> None:
    assert dotted(("a", 0, "b")) == "a[0].b"
