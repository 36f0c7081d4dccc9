# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from airflow_provider_azureml.rest import input_data

STORE = {"properties": {"accountName": "lake", "containerName": "raw"}}
EMPTY = b"\xef\xbb\xbf<EnumerationResults><Blobs /><NextMarker /></EnumerationResults>"
FOUND = b"<EnumerationResults><Blobs><Blob><Name>a/b</Name></Blob></Blobs><NextMarker /></EnumerationResults>"
MORE = b"<EnumerationResults><Blobs /><NextMarker>2</NextMarker></EnumerationResults>"
NO_CONTAINER = (
    b"<Error><Code>ContainerNotFound</Code><Message>The specified container does not exist.</Message></Error>"
)
NO_RIGHT = b"<Error><Code>AuthorizationPermissionMismatch</Code><Message>no</Message></Error>"
NO_STORE = {"error": {"code": "UserError", "message": "Datastore was not found"}}
URI = "azureml://datastores/raw/paths/a/b"


def test_a_path_below_a_datastore_is_looked_for_with_two_requests(play, workspace) -> None:
    played = play(input_data.absent(workspace, URI), STORE, (200, FOUND))
    datastore, listing = played.requests
    assert played.result == ""
    assert "/datastores/raw?" in datastore.url
    assert listing.url == (
        "https://lake.blob.core.windows.net/raw?restype=container&comp=list&maxresults=1&prefix=a%2Fb"
    )
    assert listing.scope == "https://storage.azure.com/.default"


def test_an_empty_list_is_a_certain_no(play, workspace) -> None:
    played = play(input_data.absent(workspace, URI), STORE, (200, EMPTY))
    assert played.result == "there is nothing at 'a/b' in container 'raw' of 'lake'."


def test_a_container_or_datastore_that_is_missing_is_named(play, workspace) -> None:
    container = play(input_data.absent(workspace, URI), STORE, (404, NO_CONTAINER))
    assert container.result == "account 'lake' has no container 'raw'."
    datastore = play(input_data.absent(workspace, URI), (404, NO_STORE))
    assert datastore.result == "its datastore was not found (Datastore was not found)."


@pytest.mark.parametrize(
    "answer", [(403, NO_RIGHT), (404, b""), (500, b""), (200, MORE), (200, b"<html>a proxy's page")]
)
def test_any_other_answer_of_the_store_tells_nothing(play, workspace, answer) -> None:
    assert play(input_data.absent(workspace, URI), STORE, answer).result == ""


def test_a_submitter_who_may_not_read_datastores_tells_nothing(play, workspace) -> None:
    played = play(input_data.absent(workspace, URI), (403, {"error": {"code": "AuthorizationFailed"}}))
    assert (played.result, len(played.requests)) == ("", 1)


@pytest.mark.parametrize(
    "uri",
    [
        "abfss://raw@lake.dfs.core.windows.net/a/b/",
        "wasbs://raw@lake.blob.core.windows.net/a/b",
        "https://lake.dfs.core.windows.net/raw/a/b",
        "https://lake.blob.core.windows.net/raw/a/b",
    ],
)
def test_addresses_of_the_lake_need_no_datastore(play, workspace, uri: str) -> None:
    played = play(input_data.absent(workspace, uri), (200, EMPTY))
    assert [request.url.partition("?")[0] for request in played.requests] == [
        "https://lake.blob.core.windows.net/raw"
    ]
    assert played.result


def test_a_long_uri_is_looked_for_only_in_the_own_workspace(play, workspace) -> None:
    ours = f"azureml:/{workspace.path}/datastores/raw/paths/a".replace(
        "/providers/Microsoft.MachineLearningServices", ""
    )
    assert play(input_data.absent(workspace, ours), STORE, (200, EMPTY)).result
    other = ours.replace(workspace.name, "another")
    assert play(input_data.absent(workspace, other)).requests == []


@pytest.mark.parametrize(
    "uri",
    [
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w/data/d/versions/1",
        "azureml://datastores/raw/paths/*.csv",
        "abfss://raw@lake.dfs.core.windows.net/year=*/",
        "https://example.com/data.csv",
        "https://lake.blob.core.chinacloudapi.cn/raw/a",
        "azureml://registries/r/data/d/versions/1",
        "azureml://jobs/j/outputs/o",
    ],
)
def test_assets_patterns_and_other_addresses_are_left_to_the_job(play, workspace, uri: str) -> None:
    answers = [STORE] if uri.startswith("azureml://datastores/") else []
    assert play(input_data.absent(workspace, uri), *answers).result == ""
