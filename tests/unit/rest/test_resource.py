# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from airflow_provider_azureml.connection import CLOUDS
from airflow_provider_azureml.errors import NotFoundError
from airflow_provider_azureml.rest import resource
from airflow_provider_azureml.rest.flow import Response

CLOUD = CLOUDS["public"]
ACCOUNT = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/lake"


@pytest.mark.parametrize(
    "identifier, version",
    [
        (ACCOUNT, "2023-05-01"),
        (f"{ACCOUNT}/blobServices/default/containers/c", "2023-05-01"),
        (
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w/jobs/a",
            "2024-10-01",
        ),
    ],
)
def test_the_version_is_that_of_the_outermost_type(identifier: str, version: str) -> None:
    assert resource.version_of(identifier) == version


def test_a_resource_is_read_by_its_id(play) -> None:
    played = play(resource.get(CLOUD, ACCOUNT), {"id": ACCOUNT})
    assert played.result == {"id": ACCOUNT}
    assert played.requests[0].url == f"https://management.azure.com{ACCOUNT}?api-version=2023-05-01"
    with pytest.raises(NotFoundError):
        play(resource.get(CLOUD, ACCOUNT), (404, {"error": {"code": "ResourceNotFound", "message": ""}}))


def test_a_resource_is_found_by_its_name_on_any_page(play) -> None:
    pages = (
        {"value": [{"name": "a"}], "nextLink": "https://management.azure.com/n"},
        {"value": [{"name": "Lake"}]},
    )
    kind = "Microsoft.Storage/storageAccounts"
    assert play(resource.named(CLOUD, "s", kind, "lake"), *pages).result == {"name": "Lake"}
    assert play(resource.named(CLOUD, "s", kind, "none"), *pages).result is None


def test_acl_and_owners_are_read_from_headers(play) -> None:
    told = {"x-ms-acl": "user::rwx", "x-ms-owner": "o-1", "x-ms-group": "$superuser"}
    played = play(resource.posix(CLOUD, "lake", "raw", "a b"), Response(200, told))
    assert played.result == resource.Posix("user::rwx", "o-1", "$superuser")
    assert (
        played.requests[0].url
        == "https://lake.dfs.core.windows.net/raw/a%20b?action=getAccessControl&upn=false"
    )
    assert played.requests[0].method == "HEAD"
