# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import copy
import uuid

from airflow_provider_azureml.access.export import Export, definition, role_guid
from airflow_provider_azureml.access.manifest import load
from airflow_provider_azureml.access.roles import ROLES
from tests.unit.access.manifests import SOUND

EXPORT = Export.of(load(SOUND, "access.yaml"))


def test_managed_identities_come_first_and_each_has_a_symbol_of_its_own() -> None:
    content = copy.deepcopy(SOUND)
    content["identities"]["other"] = {"submitter": {"application": "airflow train"}}
    found = Export.of(load(content, "m")).wanted
    assert [each.symbol for each in found] == ["id_run_train", "app_airflow_train", "app_airflow_train_2"]


def test_a_custom_roles_guid_follows_from_subscription_and_name_and_azures_stays() -> None:
    mine, azures = (role_guid(EXPORT, ROLES[name]) for name in ("AML Job Submitter", "Reader"))
    assert uuid.UUID(mine).version == 5
    assert mine == role_guid(EXPORT, ROLES["AML Job Submitter"])
    assert azures == ROLES["Reader"].guid


def test_a_trusted_identity_that_the_manifest_does_not_hold_is_a_stranger() -> None:
    assert EXPORT.strangers() == ["airflow-worker"]
    content = copy.deepcopy(SOUND)
    content["identities"]["worker"] = {"submitter": {"managed_identity": "airflow-worker"}}
    export = Export.of(load(content, "m"))
    trust = next(each for each in export.wanted if not each.is_managed).principal.federated[0]
    assert (export.strangers(), export.vouching(trust)) == ([], "id_airflow_worker")


def test_a_role_definition_is_as_the_azure_cli_takes_it() -> None:
    found = definition(EXPORT, ROLES["Key Vault Secret Rotator"])
    assert (found["Name"], len(found["DataActions"]), found["AssignableScopes"]) == (
        "Key Vault Secret Rotator",
        4,
        [EXPORT.scope],
    )
