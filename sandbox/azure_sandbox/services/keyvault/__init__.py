# SPDX-License-Identifier: Apache-2.0
"""Key Vault: secrets with versions behind Azure RBAC, and the vaults as ARM resources."""

from __future__ import annotations

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.ports import Vaults
from azure_sandbox.kernel.service import Service
from azure_sandbox.services.keyvault.arm import arm_operations
from azure_sandbox.services.keyvault.routes import operations
from azure_sandbox.services.keyvault.seed import seed_vaults
from azure_sandbox.services.keyvault.service import PROVIDER, KeyVault


def service(cloud: Cloud) -> Service:
    vaults = KeyVault(cloud)
    cloud.provide(Vaults, vaults)
    cloud.resources.offer(PROVIDER, lambda: [vaults.scope(vault) for vault in vaults.records.vaults()])
    return Service(
        "keyvault",
        operations(cloud, vaults) + arm_operations(vaults),
        lambda document: seed_vaults(cloud, vaults, document),
    )
