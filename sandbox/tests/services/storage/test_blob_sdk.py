# SPDX-License-Identifier: Apache-2.0
"""Unmodified azure-storage-blob, sync and aio, over HTTP."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from azure.core import MatchConditions
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.storage.blob import BlobBlock, BlobPrefix, BlobServiceClient, ContainerClient, ContentSettings
from azure.storage.blob.aio import BlobServiceClient as AsyncBlobServiceClient

from sandbox.tests.services.storage.storage_cloud import StorageCloud

URL = "https://lake.blob.core.windows.net"


@pytest.fixture
def client(storage: StorageCloud, filesystem: str) -> Iterator[ContainerClient]:
    with BlobServiceClient(
        URL, storage.credential(), max_single_put_size=1 << 20, max_block_size=1 << 20
    ) as service:
        yield service.get_container_client(filesystem)


@pytest.mark.parametrize("size", [0, 1, 4096, 1 << 20, (5 << 20) + 3])
def test_what_was_uploaded_is_what_is_downloaded(client: ContainerClient, size: int) -> None:
    content = os.urandom(size)
    blob = client.upload_blob("a/b", content, max_concurrency=3)
    assert blob.download_blob(max_concurrency=2).readall() == content
    assert blob.get_blob_properties().size == size


def test_an_existing_blob_is_overwritten_only_on_request(client: ContainerClient) -> None:
    client.upload_blob("a", b"1")
    with pytest.raises(ResourceExistsError) as refused:
        client.upload_blob("a", b"2")
    assert refused.value.error_code == "BlobAlreadyExists"
    assert client.upload_blob("a", b"3", overwrite=True).download_blob().readall() == b"3"


def test_conditions_are_honoured(client: ContainerClient) -> None:
    blob = client.upload_blob("a", b"1")
    old = blob.get_blob_properties().etag
    client.upload_blob("a", b"2", overwrite=True)
    new = blob.get_blob_properties().etag
    assert old != new
    with pytest.raises(ResourceModifiedError):
        blob.download_blob(etag=old, match_condition=MatchConditions.IfNotModified)
    with pytest.raises(HttpResponseError) as unchanged:
        blob.download_blob(etag=new, match_condition=MatchConditions.IfModified)
    assert unchanged.value.status_code == 304
    with pytest.raises(ResourceModifiedError):
        blob.delete_blob(etag=old, match_condition=MatchConditions.IfNotModified)


def test_metadata_settings_and_tags_are_kept(client: ContainerClient) -> None:
    settings = ContentSettings(content_type="text/csv", cache_control="no-store")
    blob = client.upload_blob("a", b"1", metadata={"team": "ml"}, content_settings=settings)
    blob.set_blob_tags({"k": "v"})
    found = blob.get_blob_properties()
    assert (found.metadata, found.content_settings.content_type) == ({"team": "ml"}, "text/csv")
    assert (found.content_settings.cache_control, found.tag_count) == ("no-store", 1)
    assert blob.get_blob_tags() == {"k": "v"}
    blob.set_blob_metadata({"team": "dx"})
    assert blob.get_blob_properties().metadata == {"team": "dx"}
    blob.set_http_headers(ContentSettings(content_type="text/plain"))
    assert blob.get_blob_properties().content_settings.cache_control is None


def test_blocks_are_staged_listed_and_committed_in_the_order_given(client: ContainerClient) -> None:
    blob = client.get_blob_client("blocks")
    for name in ("one", "two", "six"):
        blob.stage_block(name, name.encode())
    committed, waiting = blob.get_block_list("all")
    assert (len(committed), sorted(block.id for block in waiting)) == (0, ["one", "six", "two"])
    blob.commit_block_list([BlobBlock("two"), BlobBlock("one")])
    assert blob.download_blob().readall() == b"twoone"
    assert [block.id for block in blob.get_block_list("all")[0]] == ["two", "one"]
    assert blob.get_block_list("all")[1] == []
    blob.stage_block("ten", b"ten")
    blob.commit_block_list([BlobBlock("one"), BlobBlock("ten"), BlobBlock("one")])
    assert blob.download_blob().readall() == b"onetenone"
    with pytest.raises(HttpResponseError) as refused:
        blob.commit_block_list([BlobBlock("nix")])
    assert refused.value.error_code == "InvalidBlockList"


def test_an_append_blob_grows_under_its_conditions(client: ContainerClient) -> None:
    blob = client.get_blob_client("logs/std_log.txt")
    blob.create_append_blob()
    blob.append_block(b"one\n")
    assert blob.append_block(b"two\n", appendpos_condition=4)["blob_append_offset"] == "4"
    with pytest.raises(HttpResponseError) as refused:
        blob.append_block(b"bad", appendpos_condition=4)
    assert refused.value.error_code == "AppendPositionConditionNotMet"
    with pytest.raises(HttpResponseError) as refused:
        blob.append_block(b"bad", maxsize_condition=9)
    assert refused.value.error_code == "MaxBlobSizeConditionNotMet"
    found = blob.get_blob_properties()
    assert (found.blob_type, found.append_blob_committed_block_count) == ("AppendBlob", 2)
    assert blob.download_blob(offset=4).readall() == b"two\n"


def test_a_listing_is_rolled_up_at_the_delimiter_and_paged(client: ContainerClient) -> None:
    for name in ("a/1", "a/b/2", "a.txt", "c", "d/3"):
        client.upload_blob(name, b"")
    walked = [(item.name, isinstance(item, BlobPrefix)) for item in client.walk_blobs()]
    assert sorted(walked) == [("a.txt", False), ("a/", True), ("c", False), ("d/", True)]
    assert sorted(item.name for item in client.walk_blobs("a/")) == ["a/1", "a/b/"]
    pages = client.list_blobs(name_starts_with="a/", results_per_page=2).by_page()
    assert [[item.name for item in page] for page in pages] == [["a/1", "a/b"], ["a/b/2"]]


def test_a_flat_account_has_no_directories(storage: StorageCloud) -> None:
    with BlobServiceClient("https://flat.blob.core.windows.net", storage.credential()) as service:
        container = service.create_container("flat-listing")
        for name in ("a/1", "a/2", "a", "b//c", "a-1"):
            container.upload_blob(name, b"x")
        assert [item.name for item in container.list_blobs()] == ["a", "a-1", "a/1", "a/2", "b//c"]
        assert sorted(item.name for item in container.walk_blobs()) == ["a", "a-1", "a/", "b/"]
        pages = container.walk_blobs(results_per_page=1).by_page()
        assert [[item.name for item in page] for page in pages] == [["a"], ["a-1"], ["a/"], ["b/"]]


def test_a_blob_is_copied_within_the_account(client: ContainerClient) -> None:
    source = client.upload_blob("a", b"content", metadata={"k": "v"})
    copy = client.get_blob_client("b")
    assert copy.start_copy_from_url(source.url)["copy_status"] == "success"
    assert copy.download_blob().readall() == b"content"
    assert copy.get_blob_properties().metadata == {"k": "v"}


def test_a_missing_blob_is_not_found(client: ContainerClient) -> None:
    blob = client.get_blob_client("missing")
    assert not blob.exists()
    with pytest.raises(ResourceNotFoundError) as refused:
        blob.download_blob()
    assert refused.value.error_code == "BlobNotFound"
    with pytest.raises(ResourceNotFoundError) as refused:
        blob.get_blob_properties()
    assert refused.value.error_code == "BlobNotFound"


def test_a_snapshot_is_refused_not_faked(client: ContainerClient) -> None:
    blob = client.upload_blob("a", b"1")
    with pytest.raises(HttpResponseError) as refused:
        blob.create_snapshot()
    assert refused.value.status_code == 409


def test_account_and_service_answer(storage: StorageCloud) -> None:
    with BlobServiceClient(URL, storage.credential("manager")) as service:
        assert service.get_account_information()["account_kind"] == "StorageV2"
        assert service.get_service_properties()["static_website"].enabled is False


async def test_the_async_client_does_the_same(storage: StorageCloud, filesystem: str) -> None:
    async with (
        storage.async_credential() as credential,
        AsyncBlobServiceClient(URL, credential, connection_verify=storage.authority) as service,
    ):
        container = service.get_container_client(filesystem)
        blob = await container.upload_blob("x/y", b"z" * 100_000)
        download = await blob.download_blob()
        assert await download.readall() == b"z" * 100_000
        assert [item.name async for item in container.list_blobs()] == ["x", "x/y"]
        await blob.delete_blob()
        assert not await blob.exists()
