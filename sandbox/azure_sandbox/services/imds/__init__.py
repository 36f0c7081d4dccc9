# SPDX-License-Identifier: Apache-2.0
"""Instance metadata: tokens for the identities that are attached to this machine."""

from __future__ import annotations

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.service import Service
from azure_sandbox.services.imds.routes import operations
from azure_sandbox.services.imds.service import HostIdentities


def service(cloud: Cloud) -> Service:
    host = HostIdentities(cloud)
    return Service("imds", operations(host), host.seed)
