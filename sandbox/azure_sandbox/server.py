# SPDX-License-Identifier: Apache-2.0
"""A running sandbox: cloud, services and gateway, from a data directory and a seed."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from azure_sandbox.app import RequestLog, create_app, create_cloud, create_services
from azure_sandbox.gateway.certificates import Certificates
from azure_sandbox.gateway.environment import client_environment, write_shell
from azure_sandbox.gateway.gateway import Gateway
from azure_sandbox.gateway.hosts import allowed, certificate_names
from azure_sandbox.kernel.clock import Clock
from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.ports import Directory
from azure_sandbox.kernel.seed import Seed
from azure_sandbox.kernel.service import Service


@dataclass(frozen=True)
class Running:
    """A sandbox that answers. ``environment`` is what its clients need."""

    cloud: Cloud
    gateway: Gateway
    environment: dict[str, str]


@asynccontextmanager
async def running(
    data: Path, document: Seed, *, proxy_port: int = 0, metadata_port: int = 0, clock: Clock | None = None
) -> AsyncIterator[Running]:
    """Start everything, and stop it in reverse; state stays in ``data``.

    :raises OSError: where a port is taken
    :raises azure_sandbox.kernel.seed.InvalidSeed: where the seed does not hold together
    """
    cloud = create_cloud(data.resolve(), document, clock)
    services = create_services(cloud, document)
    foreign = [name for service in services for name in service.hosts()]
    names = [*certificate_names(cloud.azure, cloud.location), *foreign]
    certificates = Certificates(cloud.data / "pki", names)
    requests = RequestLog(cloud.data / "requests.jsonl")
    app = create_app(cloud, services, requests)

    def unresolved(host: str) -> bool:
        return cloud.faults.strike_connection(host) is not None

    gateway = Gateway(
        app, allowed(names), certificates.server_context(), unresolved, proxy_port, metadata_port
    )
    await gateway.start()
    cloud.metadata_url = f"http://127.0.0.1:{gateway.metadata_port}"
    cloud.job_port = gateway.job_port
    cloud.client_environment, cloud.job_environment = (
        client_environment(certificates, port, gateway.metadata_port)
        for port in (gateway.proxy_port, gateway.job_port)
    )
    try:
        for service in services:
            await service.start()
        _describe(cloud, services)
        yield Running(cloud, gateway, cloud.client_environment)
    finally:
        for service in reversed(services):
            await service.stop()
        await gateway.stop()
        requests.close()
        cloud.store.close()


def _describe(cloud: Cloud, services: list[Service]) -> None:
    """Write ``env.sh`` and ``cloud.json``: what a person or a demo needs to know of this cloud."""
    write_shell(cloud.data / "env.sh", cloud.client_environment)
    description = {
        "cloud": cloud.azure.name,
        "authority": cloud.azure.authority,
        "tenant_id": cloud.tenant_id,
        "subscription_id": cloud.subscription_id,
        "location": cloud.location,
        "metadata_url": cloud.metadata_url,
        "environment": cloud.client_environment,
        "principals": cloud.port(Directory).principals(),
        "service_account_tokens": str(cloud.data / "serviceaccounts"),
        **{service.name: described for service in services if (described := service.describe())},
    }
    fresh = cloud.data / "cloud.json.new"
    fresh.write_text(json.dumps(description, indent=2) + "\n", encoding="utf8")
    os.replace(fresh, cloud.data / "cloud.json")
