# SPDX-License-Identifier: Apache-2.0
"""One Azure: the state and the collaborators that every service is given. No globals."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, cast

from starlette.requests import Request

from azure_sandbox.kernel.agenda import Agenda
from azure_sandbox.kernel.clock import Clock, CloudClock, SystemClock
from azure_sandbox.kernel.clouds import PUBLIC_CLOUD, Azure
from azure_sandbox.kernel.faults import Faults
from azure_sandbox.kernel.foreign import ForeignNames
from azure_sandbox.kernel.lags import Lags
from azure_sandbox.kernel.ledger import Ledger
from azure_sandbox.kernel.network import Network, Origin
from azure_sandbox.kernel.rbac import Authorizer
from azure_sandbox.kernel.resources import Resources
from azure_sandbox.kernel.scenarios import Scenarios
from azure_sandbox.kernel.store import Store
from azure_sandbox.kernel.throttle import Throttle
from azure_sandbox.kernel.tokens import Issuer

_NAMESPACE = uuid.UUID("5b6f3c2e-6f0c-5c3e-9d53-0a5b0f7a4c11")

P = TypeVar("P")


# Thousands of jobs are polled again and again, each with three of these.
@lru_cache(maxsize=1 << 16)
def stable_guid(*parts: str) -> str:
    """The same GUID for the same parts, in every sandbox: seeds can name ids before they exist."""
    return str(uuid.uuid5(_NAMESPACE, "/".join(part.lower() for part in parts)))


@dataclass
class Cloud:
    """Everything a service may ask for.

    :param data: directory that holds all state: the database, blobs, keys, job folders
    :param tenant_id: the one Entra tenant
    :param location: the region's short name, also the first label of its API hosts
    :param base_clock: what ``clock`` follows
    :param azure: which of the three clouds this is: its names and audiences
    """

    data: Path
    tenant_id: str
    subscription_id: str
    location: str = "eastus"
    base_clock: Clock = field(default_factory=SystemClock)
    azure: Azure = PUBLIC_CLOUD
    #: ``http://127.0.0.1:PORT`` of the plain port (IMDS, job MSI); set when the gateway listens.
    metadata_url: str = ""
    #: what a process needs in its environment to reach this cloud; set when the gateway listens.
    client_environment: dict[str, str] = field(default_factory=dict)
    #: the same for the processes of jobs: they come through a proxy port of their own.
    job_environment: dict[str, str] = field(default_factory=dict)
    #: that port; 0 where nothing listens.
    job_port: int = 0
    network: Network = field(default_factory=Network)

    def __post_init__(self) -> None:
        self.data.mkdir(parents=True, exist_ok=True)
        self.clock = CloudClock(self.base_clock)
        self.agenda = Agenda(self.clock)
        self.store = Store(self.data / "state.sqlite3")
        self.ledger = Ledger(self.store, self.clock)
        self.scenarios = Scenarios()
        self.foreign = ForeignNames()
        self.faults = Faults(self.ledger, self.scenarios)
        self.throttle = Throttle(self.clock, self.subscription_id)
        self.lags = Lags(self.clock)
        self.rbac = Authorizer(self.store, self.ledger, self.lags)
        self.entra = Issuer(
            self.azure.v2_issuer(self.tenant_id),
            self.data / "keys" / "entra.pem",
            aliases=(self.azure.v1_issuer(self.tenant_id),),
            tenant=self.tenant_id,
        )
        self.resources = Resources()
        self._ports: dict[type, Any] = {}

    def provide(self, port: type[P], implementation: P) -> None:
        """A service offers itself to the others under one of the Protocols in ``ports``."""
        self._ports[port] = implementation

    def port(self, port: type[P]) -> P:
        """The service that offers this port; KeyError where none was started."""
        return cast("P", self._ports[port])

    def origin(self, request: Request) -> Origin:
        """Where a request comes from, as a firewall of Azure sees it."""
        return self.network.origin(request, self.job_port)

    def subscription_scope(self) -> str:
        return f"/subscriptions/{self.subscription_id}"

    def group_scope(self, group: str) -> str:
        return f"{self.subscription_scope()}/resourceGroups/{group}"

    def resource_scope(self, group: str, provider_type: str, name: str) -> str:
        """ARM id, for example of ``Microsoft.Storage/storageAccounts`` ``lake``."""
        return f"{self.group_scope(group)}/providers/{provider_type}/{name}"
