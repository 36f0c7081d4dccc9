# SPDX-License-Identifier: Apache-2.0
"""Unmodified azure-storage-file-datalake, sync and aio, over HTTP."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.storage.filedatalake import DataLakeServiceClient, FileSystemClient
from azure.storage.filedatalake.aio import DataLakeServiceClient as AsyncDataLakeServiceClient

from sandbox.tests.services.storage.storage_cloud import StorageCloud

URL = "https://lake.dfs.core.windows.net"


@pytest.fixture
def client(storage: StorageCloud, filesystem: str) -> Iterator[FileSystemClient]:
    with DataLakeServiceClient(URL, storage.credential()) as service:
        yield service.get_file_system_client(filesystem)


def test_a_filesystem_is_made_listed_described_and_deleted(storage: StorageCloud) -> None:
    with DataLakeServiceClient(URL, storage.credential()) as service:
        made = service.create_file_system("made-by-sdk", metadata={"team": "data"})
        assert "made-by-sdk" in [item.name for item in service.list_file_systems()]
        assert made.get_file_system_properties().metadata == {"team": "data"}
        with pytest.raises(ResourceExistsError):
            service.create_file_system("made-by-sdk")
        service.delete_file_system("made-by-sdk")
        with pytest.raises(ResourceNotFoundError):
            made.get_file_system_properties()


@pytest.mark.parametrize("size", [1, 4096, 1 << 20, (5 << 20) + 3])
def test_what_was_uploaded_is_what_is_downloaded(client: FileSystemClient, size: int) -> None:
    content = os.urandom(size)
    file = client.get_file_client("a/b/data.bin")
    file.upload_data(content, overwrite=True, chunk_size=1 << 20, max_concurrency=3)
    assert file.download_file().readall() == content
    assert file.get_file_properties().size == size
    assert client.get_directory_client("a/b").exists()


def test_a_range_runs_past_the_end_and_is_cut(client: FileSystemClient) -> None:
    file = client.create_file("short")
    file.append_data(b"0123456789", 0)
    file.flush_data(10)
    assert file.download_file(offset=4, length=100).readall() == b"456789"
    assert file.download_file(offset=2, length=3).readall() == b"234"


def test_appends_show_only_after_flush_and_only_without_gaps(client: FileSystemClient) -> None:
    file = client.create_file("log")
    file.append_data(b"world", 5)
    with pytest.raises(HttpResponseError) as refused:
        file.flush_data(10)
    assert refused.value.error_code == "InvalidFlushPosition"
    file.append_data(b"hello", 0)
    assert file.get_file_properties().size == 0
    file.flush_data(10)
    assert file.download_file().readall() == b"helloworld"
    file.append_data(b"!", 10, flush=True)
    assert file.download_file().readall() == b"helloworld!"


def test_a_directory_is_renamed_with_all_below_it(client: FileSystemClient) -> None:
    for path in ("old/a.txt", "old/deep/er/b.txt", "older/c.txt"):
        client.get_file_client(path).upload_data(path.encode(), overwrite=True)
    client.get_directory_client("old").rename_directory(f"{client.file_system_name}/new name%")
    found = {item.name for item in client.get_paths(recursive=True) if not item.is_directory}
    assert found == {"new name%/a.txt", "new name%/deep/er/b.txt", "older/c.txt"}
    moved = client.get_file_client("new name%/deep/er/b.txt")
    assert moved.download_file().readall() == b"old/deep/er/b.txt"


def test_a_directory_may_not_move_below_itself(client: FileSystemClient) -> None:
    directory = client.create_directory("d")
    with pytest.raises(HttpResponseError) as refused:
        directory.rename_directory(f"{client.file_system_name}/d/e")
    assert refused.value.error_code == "InvalidRenameSourcePath"


def test_a_rename_into_a_missing_directory_is_refused(client: FileSystemClient) -> None:
    file = client.create_file("f")
    with pytest.raises(HttpResponseError) as refused:
        file.rename_file(f"{client.file_system_name}/nowhere/f")
    assert refused.value.error_code == "RenameDestinationParentPathNotFound"


def test_permissions_are_octal_going_in_and_symbolic_coming_out(client: FileSystemClient) -> None:
    directory = client.create_directory("d", permissions="0777", umask="0022")
    assert directory.get_access_control()["permissions"] == "rwxr-xr-x"
    directory.set_access_control(permissions="0750")
    control = directory.get_access_control()
    assert (control["permissions"], control["acl"]) == ("rwxr-x---", "user::rwx,group::r-x,other::---")


def test_an_acl_is_kept_and_applied_recursively(client: FileSystemClient, storage: StorageCloud) -> None:
    reader = storage.object_id("reader")
    client.get_file_client("d/f").upload_data(b"x", overwrite=True)
    result = client.get_directory_client("d").update_access_control_recursive(f"user:{reader}:r-x,mask::r-x")
    assert (result.counters.directories_successful, result.counters.files_successful) == (1, 1)
    control = client.get_file_client("d/f").get_access_control()
    assert f"user:{reader}:r-x" in control["acl"].split(",")
    assert control["permissions"].endswith("+")


def test_metadata_and_content_settings_survive(client: FileSystemClient) -> None:
    file = client.create_file("f", metadata={"a": "1"})
    file.set_metadata({"b": "2"})
    assert file.get_file_properties().metadata == {"b": "2"}


def test_a_listing_is_paged(client: FileSystemClient) -> None:
    for number in range(7):
        client.create_file(f"p/{number}")
    pages = client.get_paths("p", recursive=False, max_results=3).by_page()
    assert [len(list(page)) for page in pages] == [3, 3, 1]


def test_deleting_a_directory_takes_all_below_it(client: FileSystemClient) -> None:
    client.get_file_client("d/e/f").upload_data(b"x", overwrite=True)
    client.delete_directory("d")
    assert not client.get_file_client("d/e/f").exists()
    assert [item.name for item in client.get_paths()] == []


async def test_the_async_client_does_the_same(storage: StorageCloud, filesystem: str) -> None:
    async with (
        storage.async_credential() as credential,
        AsyncDataLakeServiceClient(URL, credential, connection_verify=storage.authority) as service,
    ):
        files = service.get_file_system_client(filesystem)
        file = files.get_file_client("x/y")
        await file.upload_data(b"z" * 100_000, overwrite=True)
        download = await file.download_file()
        assert await download.readall() == b"z" * 100_000
        renamed = await file.rename_file(f"{filesystem}/x/w")
        assert renamed.path_name == "x/w"
        assert [item.name async for item in files.get_paths()] == ["x", "x/w"]
