# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from airflow_provider_azureml.access.roles import CUSTOM, ML, ROLES, WORK, Role, Work, allows, least_role

SEED = yaml.safe_load((Path(__file__).parents[3] / "demo" / "seed.yaml").read_text(encoding="utf8"))
BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"


@pytest.mark.parametrize("work", WORK, ids=lambda work: work.what)
def test_the_role_of_a_work_allows_all_of_it(work: Work) -> None:
    def does(role: Role) -> bool:
        return all(allows(role, need.action, need.data) for need in work.needs("/x"))

    assert does(ROLES[work.role])


@pytest.mark.parametrize("role", CUSTOM, ids=lambda role: role.name)
def test_our_own_roles_are_those_of_the_demo(role: Role) -> None:
    (seeded,) = [entry for entry in SEED["role_definitions"] if entry["name"] == role.name]
    (permission,) = role.permissions
    assert list(permission.actions) == seeded.get("actions", [])
    assert list(permission.data_actions) == seeded.get("data_actions", [])
    assert role.description == seeded["description"]
    assert not role.is_built_in


def test_no_role_of_ours_can_list_a_key_or_read_data() -> None:
    for role in CUSTOM:
        assert not allows(role, f"{ML}/listStorageAccountKeys/action")
        assert not allows(role, f"{ML}/datastores/listSecrets/action")
        assert not allows(role, f"{BLOBS}/read", data=True)
    assert allows(ROLES["AzureML Data Scientist"], f"{ML}/listStorageAccountKeys/action")


def test_built_in_roles_have_a_guid_each() -> None:
    guids = [role.guid for role in ROLES.values() if role.is_built_in]
    assert len(set(guids)) == len(guids) == len(ROLES) - len(CUSTOM)


@pytest.mark.parametrize(
    "action, data, role",
    [
        (f"{ML}/jobs/write", False, "AML Job Submitter"),
        (f"{ML}/models/versions/write", False, "AML Model Registrar"),
        (f"{ML}/computes/write", False, "AzureML Compute Operator"),
        (f"{ML}/metadata/artifacts/write", False, "AzureML Data Scientist"),
        (f"{BLOBS}/read", True, "Storage Blob Data Reader"),
        (f"{BLOBS}/write", True, "Storage Blob Data Contributor"),
        ("Microsoft.KeyVault/vaults/secrets/getSecret/action", True, "Key Vault Secrets User"),
        ("Microsoft.KeyVault/vaults/secrets/setSecret/action", True, "Key Vault Secret Rotator"),
        ("Microsoft.Authorization/roleAssignments/read", False, "Reader"),
        (
            "Microsoft.Storage/storageAccounts/listKeys/action",
            False,
            "Storage Account Key Operator Service Role",
        ),
        ("Microsoft.Nowhere/things/action", True, ""),
    ],
)
def test_the_narrowest_role_of_an_action_is_found(action: str, data: bool, role: str) -> None:
    assert least_role(action, data) == role
