# SPDX-License-Identifier: Apache-2.0
"""The template's shape; that it deploys is proven in tests/wire/test_az.py."""

from __future__ import annotations

import json

from airflow_provider_azureml.access.export import Export
from airflow_provider_azureml.access.export_arm import template, within
from airflow_provider_azureml.access.manifest import load
from tests.unit.access.manifests import GUID, SOUND, TRAIN, changed
from tests.unit.access.places import RAW


def made(content: object = SOUND) -> dict:  # type: ignore[type-arg]
    found: dict = json.loads(template(Export.of(load(content, "access.yaml"))))  # type: ignore[type-arg]
    return found


def test_roles_first_then_identities_then_grants_by_resource_group() -> None:
    names = [resource["name"] for resource in made()["resources"]]
    assert names[2:] == ["access-identities-nightly", "access-grants-nightly", "access-grants-other"]
    grants = made()["resources"][3]
    assert "Microsoft.Resources/deployments/access-identities-nightly" in grants["dependsOn"]


def test_applications_are_parameters_since_arm_knows_none() -> None:
    assert list(made()["parameters"]) == ["app_airflow_train"]
    known = made(changed(f"{TRAIN}/submitter/object_id", GUID))["parameters"]["app_airflow_train"]
    assert known["defaultValue"] == GUID


def test_an_assignment_lies_at_its_scope_with_its_condition() -> None:
    assignments = made()["resources"][3]["properties"]["template"]["resources"]
    models = next(each for each in assignments if each.get("scope", "").endswith("/models"))
    assert models["properties"]["conditionVersion"] == "2.0"
    assert models["name"].startswith("[guid('")
    assert models["properties"]["principalType"] == "ServicePrincipal"


def test_the_subscription_and_groups_are_scopes_too() -> None:
    content = changed(f"{TRAIN}/submitter/roles/*/scope", "subscription")
    last = made(content)["resources"][-1]
    names = {resource["name"] for resource in made(content)["resources"]}
    assert "access-grants-subscription" in names
    assert last["properties"]["expressionEvaluationOptions"] == {"scope": "inner"}
    assert within("/subscriptions/s/resourceGroups/g") == ""
    assert within("/subscriptions/s/resourcegroups/g/PROVIDERS/M/x/y") == "M/x/y"
    assert within(RAW).startswith("Microsoft.Storage/storageAccounts/nightlylake/blobServices")


def test_trusts_of_one_identity_are_made_one_after_the_other() -> None:
    trusts = [{"name": f"pod-{n}", "issuer": "cluster", "subject": str(n)} for n in range(2)]
    resources = made(changed(f"{TRAIN}/run/federated", trusts))["resources"][2]["properties"]["template"][
        "resources"
    ]
    assert resources[2]["dependsOn"][0].endswith("run-train/federatedIdentityCredentials/pod-0")


def test_an_existing_identity_is_not_made() -> None:
    found = made(changed(f"{TRAIN}/run/existing", True))
    assert not any("identities" in resource["name"] for resource in found["resources"])
