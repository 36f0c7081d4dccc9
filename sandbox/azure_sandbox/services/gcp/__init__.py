# SPDX-License-Identifier: Apache-2.0
"""Google's metadata server: identity tokens for the service account of this machine."""

from __future__ import annotations

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.service import Service
from azure_sandbox.services.gcp.metadata import ServiceAccounts
from azure_sandbox.services.gcp.routes import operations


def service(cloud: Cloud) -> Service:
    accounts = ServiceAccounts(cloud)
    return Service(
        "gcp", operations(accounts), accounts.seed, hosts=accounts.hosts, describe=accounts.described
    )
