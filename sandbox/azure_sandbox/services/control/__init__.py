# SPDX-License-Identifier: Apache-2.0
"""The control API of tests, on the plain port: set faults, read the ledger."""

from __future__ import annotations

import secrets

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.service import Service
from azure_sandbox.services.control.admission import write_control_file
from azure_sandbox.services.control.routes import operations


def service(cloud: Cloud) -> Service:
    token = secrets.token_urlsafe(32)

    async def start() -> None:
        write_control_file(cloud, token)

    return Service("control", operations(token), start=start)
