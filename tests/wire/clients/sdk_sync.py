# SPDX-License-Identifier: Apache-2.0
"""Lake, blobs and secrets with the blocking SDKs."""

from __future__ import annotations

import io
import json
import os
import sys
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.identity import WorkloadIdentityCredential
from azure.keyvault.secrets import SecretClient
from azure.storage.blob import BlobServiceClient
from azure.storage.filedatalake import DataLakeServiceClient

credential = WorkloadIdentityCredential(authority="https://login.microsoftonline.com")
unique = os.environ["WIRE_TEST"]


def code(error: HttpResponseError) -> str:
    """Azure's code; the storage SDKs turn some of them into an enumeration."""
    found = error.error_code  # type: ignore[attr-defined]
    return str(getattr(found, "value", found))


def lake() -> dict[str, Any]:
    service = DataLakeServiceClient("https://classiclake.dfs.core.windows.net", credential)
    files = service.get_file_system_client("data")
    folder = files.create_directory(f"sync-{unique}/a")
    file = folder.create_file("rows.csv", metadata={"origin": "wire"})
    file.append_data(b"hello ", 0, 6)
    file.append_data(b"lake", 6, 4)
    file.flush_data(10)
    whole = file.download_file().readall()
    part = file.download_file(offset=6, length=2).readall()
    empty = folder.create_file("empty").download_file().readall()
    big = os.urandom(5 << 20)
    folder.get_file_client("big").upload_data(big, overwrite=True, chunk_size=1 << 20)
    same = folder.get_file_client("big").download_file().readall() == big
    folder.set_access_control(acl="user::rwx,group::r-x,other::---")
    acl = folder.get_access_control()["acl"]
    moved = folder.rename_directory(f"data/sync-{unique}/b c=1")
    paths = sorted(path.name.removeprefix(f"sync-{unique}/") for path in files.get_paths(f"sync-{unique}"))
    properties = moved.get_file_client("rows.csv").get_file_properties()
    try:
        moved.get_file_client("rows.csv").create_file(match_condition=MatchConditions.IfMissing)
        conflict = "created"
    except ResourceExistsError as error:
        conflict = code(error)
    files.delete_directory(f"sync-{unique}")
    try:
        moved.get_directory_properties()
        gone = "still there"
    except ResourceNotFoundError as error:
        gone = str(error.status_code)
    return {
        "whole": whole.decode(),
        "part": part.decode(),
        "same": same and empty == b"",
        "acl": acl,
        "paths": paths,
        "size": properties.size,
        "metadata": properties.metadata,
        "conflict": conflict,
        "gone": gone,
        "systems": [found.name for found in service.list_file_systems(name_starts_with="dat")],
    }


def blobs() -> dict[str, Any]:
    service = BlobServiceClient("https://classiclake.blob.core.windows.net", credential)
    container = service.get_container_client("data")
    names = [f"blob-{unique}/{number:02d}.txt" for number in range(12)]
    for name in names:
        container.upload_blob(name, name.encode(), metadata={"n": "1"})
    try:
        container.upload_blob(names[0], b"again")
        exists = "overwritten"
    except ResourceExistsError as error:
        exists = code(error)
    blob = container.get_blob_client(f"blob-{unique}/blocks.bin")
    content = os.urandom(9 << 20)
    blob.upload_blob(io.BytesIO(content), max_concurrency=2)
    pages = list(container.list_blobs(f"blob-{unique}/", results_per_page=5).by_page())
    walked = [found.name for found in container.walk_blobs(f"blob-{unique}/")]
    downloaded = blob.download_blob(max_concurrency=2).readall()
    ranged = blob.download_blob(offset=100, length=50).readall()
    try:
        blob.download_blob(offset=10 << 20, length=1).readall()
        beyond = "read"
    except HttpResponseError as error:
        beyond = code(error)
    for name in names:
        container.delete_blob(name)
    return {
        "exists": exists,
        "pages": len(pages),
        "walked": len(walked),
        "same": downloaded == content,
        "ranged": ranged == content[100:150],
        "beyond": beyond,
        "left": [found.name for found in container.list_blobs(f"blob-{unique}/")],
    }


def secrets() -> dict[str, Any]:
    vault = SecretClient("https://classicvault.vault.azure.net", credential)
    name = f"sync-{unique}"
    first = vault.set_secret(name, "one", tags={"round": "1"})
    second = vault.set_secret(name, "two")
    vault.update_secret_properties(name, first.properties.version, enabled=False)
    try:
        disabled = vault.get_secret(name, first.properties.version).value
    except HttpResponseError as error:
        disabled = f"{error.status_code} {error.error.code if error.error else ''}"
    versions = {found.version: found.enabled for found in vault.list_properties_of_secret_versions(name)}
    listed = [found.name for found in vault.list_properties_of_secrets()]
    try:
        missing = vault.get_secret("no-such-secret").value
    except ResourceNotFoundError as error:
        missing = error.error.code if error.error else ""
    return {
        "latest": vault.get_secret(name).value,
        "disabled": disabled,
        "versions": [versions[first.properties.version], versions[second.properties.version]],
        "listed": name in listed,
        "missing": missing,
    }


sys.stdout.write(json.dumps({"lake": lake(), "blobs": blobs(), "secrets": secrets()}))
