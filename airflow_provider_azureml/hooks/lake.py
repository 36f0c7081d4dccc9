# SPDX-License-Identifier: Apache-2.0
"""Azure Data Lake Storage Gen2, as the identity of an `azureml` connection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import quote

from airflow_provider_azureml.errors import NotFoundError
from airflow_provider_azureml.hooks.azureml import AzureMLHook
from airflow_provider_azureml.rest.azure_error import translate
from airflow_provider_azureml.rest.flow import STORAGE_SCOPE, Request
from airflow_provider_azureml.rest.tls import sync_options

_WORDS = {"PUT": "upload", "GET": "read", "HEAD": "look for", "DELETE": "delete"}

if TYPE_CHECKING:
    from azure.storage.filedatalake import DataLakeFileClient, FileSystemClient


class AzureDataLakeHook(AzureMLHook):
    """Files in a container of the connection's `account_url`."""

    def upload_file(self, container: str, path: str, source: Path, overwrite: bool = True) -> int:
        """Stream a local file to the lake; returns its size in bytes."""
        size = source.stat().st_size
        with self._container("PUT", container, path) as lake, source.open("rb") as stream:
            _upload(lake.get_file_client(path), stream, size, overwrite)
        return size

    def upload_bytes(self, container: str, path: str, data: bytes, overwrite: bool = True) -> int:
        """Write bytes; returns their number."""
        with self._container("PUT", container, path) as lake:
            _upload(lake.get_file_client(path), data, len(data), overwrite)
        return len(data)

    def download_file(self, container: str, path: str, target: Path) -> int:
        """Stream a file of the lake to disk; returns its size in bytes."""
        with self._container("GET", container, path) as lake, target.open("wb") as stream:
            return int(lake.get_file_client(path).download_file().readinto(stream))

    def download_bytes(self, container: str, path: str) -> bytes:
        """Read a small file whole."""
        with self._container("GET", container, path) as lake:
            return bytes(lake.get_file_client(path).download_file().readall())

    def list_files(self, container: str, prefix: str = "") -> list[str]:
        """Paths of the files (not folders) below a folder, at any depth; empty when it is not there."""
        try:
            with self._container("GET", container, prefix) as lake:
                found = lake.get_paths(path=prefix or None, recursive=True)
                return [str(item.name) for item in found if not item.is_directory]
        except NotFoundError as error:
            if error.code != "PathNotFound":
                raise
            return []

    def exists(self, container: str, path: str) -> bool:
        """Whether a file or folder is there."""
        with self._container("HEAD", container, path) as lake:
            return bool(lake.get_file_client(path).exists())

    def delete(self, container: str, path: str) -> bool:
        """Delete a file, or a folder with all that is in it; False when there was none."""
        try:
            with self._container("DELETE", container, path) as lake:
                lake.get_directory_client(path).delete_directory()
        except NotFoundError as error:
            if error.code != "PathNotFound":
                raise
            return False
        return True

    @contextmanager
    def _container(self, method: str, name: str, path: str) -> Iterator[FileSystemClient]:
        """The container, for one operation on a path, which is recorded: the only way to it."""
        from azure.core.exceptions import AzureError
        from azure.storage.filedatalake import DataLakeServiceClient

        self.settings.require("account_url")
        url, tls = self.settings.account_url, sync_options()
        request = Request(method, f"{url}/{quote(name)}/{quote(path.lstrip('/'))}", STORAGE_SCOPE)
        with (
            self.recorded(request) as answered,
            DataLakeServiceClient(
                url, credential=self.credential, raw_response_hook=answered, **tls
            ) as service,
        ):
            try:
                yield service.get_file_system_client(name)
            except AzureError as error:
                operation = f"{_WORDS[method]} {path} in {url}/{name}"
                raise translate(error, f"{operation} as connection '{self.azureml_conn_id}'") from error


def _upload(client: DataLakeFileClient, data: bytes | IO[bytes], size: int, overwrite: bool) -> None:
    """Write a file whole. `upload_data` returns without a trace when there is nothing to write."""
    from azure.core import MatchConditions

    if size:
        client.upload_data(data, length=size, overwrite=overwrite)
    elif overwrite:
        client.create_file()
    else:
        client.create_file(match_condition=MatchConditions.IfMissing)
