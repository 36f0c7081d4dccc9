# SPDX-License-Identifier: Apache-2.0
"""Azure Data Lake Storage Gen2, as the identity of an `azureml` connection."""

from __future__ import annotations

from pathlib import Path

from airflow_provider_azureml.hooks.azureml import AzureMLHook


class AzureDataLakeHook(AzureMLHook):
    """Files in a container of the connection's `account_url`."""

    def upload_file(self, container: str, path: str, source: Path, overwrite: bool = True) -> int:
        """Stream a local file to the lake; returns its size in bytes."""
        raise NotImplementedError

    def upload_bytes(self, container: str, path: str, data: bytes, overwrite: bool = True) -> int:
        """Write bytes; returns their number."""
        raise NotImplementedError

    def download_file(self, container: str, path: str, target: Path) -> int:
        """Stream a file of the lake to disk; returns its size in bytes."""
        raise NotImplementedError

    def download_bytes(self, container: str, path: str) -> bytes:
        """Read a small file whole."""
        raise NotImplementedError

    def list_files(self, container: str, prefix: str = "") -> list[str]:
        """Paths of the files (not folders) below a folder, at any depth."""
        raise NotImplementedError

    def exists(self, container: str, path: str) -> bool:
        """Whether a file or folder is there."""
        raise NotImplementedError

    def delete(self, container: str, path: str) -> bool:
        """Delete a file, or a folder with all that is in it; False when there was none."""
        raise NotImplementedError
