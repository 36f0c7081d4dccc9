# SPDX-License-Identifier: Apache-2.0
"""Lake, blobs and secrets with the SDKs for asyncio."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

from azure.core.exceptions import ResourceNotFoundError
from azure.identity.aio import WorkloadIdentityCredential
from azure.keyvault.secrets.aio import SecretClient
from azure.storage.blob.aio import BlobServiceClient
from azure.storage.filedatalake.aio import DataLakeServiceClient

unique = os.environ["WIRE_TEST"]


async def lake(credential: WorkloadIdentityCredential) -> dict[str, Any]:
    async with DataLakeServiceClient("https://classiclake.dfs.core.windows.net", credential) as service:
        files = service.get_file_system_client("data")
        folder = await files.create_directory(f"aio-{unique}/a")
        file = folder.get_file_client("rows.csv")
        await file.upload_data(b"hello lake" * 1000, overwrite=True)
        whole = await (await file.download_file()).readall()
        part = await (await file.download_file(offset=6, length=4)).readall()
        await file.rename_file(f"data/aio-{unique}/a/moved.csv")
        paths = [path.name.removeprefix(f"aio-{unique}/") async for path in files.get_paths(f"aio-{unique}")]
        await files.delete_directory(f"aio-{unique}")
        try:
            await folder.get_directory_properties()
            gone = "still there"
        except ResourceNotFoundError as error:
            gone = str(error.status_code)
        return {"length": len(whole), "part": part.decode(), "paths": sorted(paths), "gone": gone}


async def blobs(credential: WorkloadIdentityCredential) -> dict[str, Any]:
    async with BlobServiceClient("https://classiclake.blob.core.windows.net", credential) as service:
        container = service.get_container_client("data")
        names = [f"blob-aio-{unique}/{number}.txt" for number in range(8)]
        await asyncio.gather(*(container.upload_blob(name, name.encode()) for name in names))
        found = [blob.name async for blob in container.list_blobs(f"blob-aio-{unique}/")]
        texts = [await (await container.download_blob(name)).readall() for name in names]
        await asyncio.gather(*(container.delete_blob(name) for name in names))
        return {"listed": sorted(found) == names, "same": [t.decode() for t in texts] == names}


async def secrets(credential: WorkloadIdentityCredential) -> dict[str, Any]:
    async with SecretClient("https://classicvault.vault.azure.net", credential) as vault:
        name = f"aio-{unique}"
        await vault.set_secret(name, "one")
        await vault.set_secret(name, "two")
        versions = [v.version async for v in vault.list_properties_of_secret_versions(name)]
        return {"latest": (await vault.get_secret(name)).value, "versions": len(versions)}


async def main() -> None:
    async with WorkloadIdentityCredential(authority="https://login.microsoftonline.com") as credential:
        found = await asyncio.gather(lake(credential), blobs(credential), secrets(credential))
    sys.stdout.write(json.dumps(dict(zip(("lake", "blobs", "secrets"), found, strict=True))))


asyncio.run(main())
