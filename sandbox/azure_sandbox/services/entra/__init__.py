# SPDX-License-Identifier: Apache-2.0
"""login.microsoftonline.com: who exists, and tokens for those who can prove it."""

from __future__ import annotations

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.ports import Directory, Registry
from azure_sandbox.kernel.service import Service
from azure_sandbox.services.entra.directory import EntraDirectory
from azure_sandbox.services.entra.routes import operations
from azure_sandbox.services.entra.seed import seed_principals
from azure_sandbox.services.entra.service import TokenService


def service(cloud: Cloud) -> Service:
    directory = EntraDirectory(cloud)
    cloud.provide(Directory, directory)
    cloud.provide(Registry, directory)
    return Service(
        "entra",
        operations(cloud, TokenService(cloud, directory)),
        lambda document: seed_principals(cloud, directory, document),
    )
