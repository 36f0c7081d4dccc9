# SPDX-License-Identifier: Apache-2.0
"""Terraform through a parser of HCL. Nothing here was applied, and the text says so."""

from __future__ import annotations

import copy
from typing import Any

import hcl2

from airflow_provider_azureml.access.export import Export
from airflow_provider_azureml.access.export_terraform import UNPROVEN, configuration, text
from airflow_provider_azureml.access.manifest import load
from tests.unit.access.manifests import GUID, SOUND, TRAIN, changed


def written(content: Any = SOUND) -> str:
    return configuration(Export.of(load(content, "access.yaml")))


def kinds(content: Any = SOUND) -> list[str]:
    parsed = hcl2.loads(written(content))
    return [next(iter(block)).strip('"') for block in parsed["resource"]]


def test_it_parses_and_holds_a_resource_for_each_thing() -> None:
    found = kinds()
    assert {kind: found.count(kind) for kind in set(found)} == {
        "azurerm_role_definition": 2,
        "azurerm_user_assigned_identity": 1,
        "azuread_application": 1,
        "azuread_service_principal": 1,
        "azuread_application_federated_identity_credential": 2,
        "azurerm_role_assignment": 6,
    }


def test_existing_principals_are_data_and_graph_has_its_own_resources() -> None:
    existing = changed(f"{TRAIN}/submitter/existing", True)
    existing["identities"]["train"]["run"]["existing"] = True
    found = kinds(existing)
    assert "azuread_application" not in found
    assert "azurerm_user_assigned_identity" not in found
    assert 'data "azuread_service_principal" "app_airflow_train"' in written(existing)
    graph = changed(f"{TRAIN}/submitter/graph", ["Directory.Read.All", "Mail.Send"])
    assert kinds(graph).count("azuread_app_role_assignment") == 2
    assert 'app_role_ids["Mail.Send"]' in written(graph)


def test_owners_vouching_identities_and_trusts_of_managed_identities_are_references() -> None:
    content = changed(f"{TRAIN}/submitter/owns", ["other"])
    content["identities"]["other"] = {"submitter": {"application": "other"}}
    content["identities"]["worker"] = {"submitter": {"managed_identity": "airflow-worker"}}
    content["identities"]["train"]["run"]["federated"] = [{"issuer": "cluster", "subject": "s"}]
    found = written(content)
    assert "owners = [azuread_service_principal.app_airflow_train.object_id]" in found
    assert "subject = azurerm_user_assigned_identity.id_airflow_worker.principal_id" in found
    assert "azurerm_federated_identity_credential" in kinds(content)


def test_no_text_becomes_an_expression() -> None:
    content = copy.deepcopy(SOUND)
    name = 'x"} ${file("/etc/passwd")} %{ if true }\\'
    content["identities"]["train"]["submitter"]["application"] = name
    assert len(kinds(content)) == len(kinds())
    assert text('a"b\n${x}') == '"a\\"b\\n$${x}"'


def test_an_id_is_taken_where_the_manifest_has_one() -> None:
    content = changed(f"{TRAIN}/submitter/client_id", GUID)
    content["identities"]["train"]["submitter"]["existing"] = True
    assert f'client_id = "{GUID}"' in written(content)


def test_its_head_says_that_it_was_never_applied() -> None:
    assert f"# {UNPROVEN}" in written().splitlines()[:5]
    assert "never applied" in UNPROVEN
