# SPDX-License-Identifier: Apache-2.0
"""Storage accounts: one lake under the DFS and the Blob endpoint."""

from __future__ import annotations

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.operation import Surface
from azure_sandbox.kernel.ports import Lake as LakePort
from azure_sandbox.kernel.service import Seed, Service
from azure_sandbox.services.storage import access, blob, dfs
from azure_sandbox.services.storage.account import KIND, Accounts
from azure_sandbox.services.storage.authentication import authenticator
from azure_sandbox.services.storage.catalog import Catalog
from azure_sandbox.services.storage.disk import Disk
from azure_sandbox.services.storage.lake import Lake
from azure_sandbox.services.storage.platform import PlatformLake
from azure_sandbox.services.storage.refusals import Renderer
from azure_sandbox.services.storage.seeding import seed_accounts


def service(cloud: Cloud) -> Service:
    catalog = Catalog(cloud.store, cloud.clock)
    disk = Disk(cloud.data / "lake")
    disk.sweep(catalog.data_in_use())
    lake = Lake(catalog, disk, cloud.clock)
    cloud.provide(LakePort, PlatformLake(cloud, lake))
    render, authenticate = Renderer(cloud.clock), authenticator(catalog)
    dfs_surface = Surface(
        "dfs", ("{account}.dfs.$storage",), authenticate, render.dfs, access.denied, access.permits
    )
    blob_surface = Surface(
        "blob", ("{account}.blob.$storage",), authenticate, render.blob, access.denied, access.permits
    )

    cloud.resources.offer(KIND, lambda: [account.resource_id for account in catalog.accounts()])

    def seed(document: Seed) -> None:
        seed_accounts(cloud, lake, document.get("storage_accounts") or [])

    return Service(
        "storage",
        [
            *dfs.operations(lake, dfs_surface),
            *blob.operations(lake, blob_surface),
            *Accounts(lake).operations(),
        ],
        seed,
    )
