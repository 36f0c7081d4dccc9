# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from airflow_provider_azureml.rest.datastore import container_scope

LAKE = {
    "datastoreType": "AzureBlob",
    "accountName": "lake",
    "containerName": "raw",
    "subscriptionId": "s",
    "resourceGroup": "rg",
}
SCOPE = (
    "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/lake"
    "/blobServices/default/containers/raw"
)


def test_the_scope_is_that_of_the_container_behind_the_name(workspace, play) -> None:
    played = play(container_scope(workspace, "raw"), {"properties": LAKE})
    assert played.result == SCOPE
    assert "/datastores/raw?" in played.requests[0].url


def test_a_gen2_datastore_calls_its_container_a_filesystem(workspace, play) -> None:
    gen2 = {**LAKE, "containerName": None, "filesystem": "raw"}
    assert play(container_scope(workspace, "raw"), {"properties": gen2}).result == SCOPE


@pytest.mark.parametrize("missing", ["subscriptionId", "resourceGroup", "containerName"])
def test_no_scope_is_made_up_where_the_datastore_does_not_say_enough(workspace, play, missing) -> None:
    assert play(container_scope(workspace, "raw"), {"properties": {**LAKE, missing: None}}).result == ""
