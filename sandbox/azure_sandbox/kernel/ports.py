# SPDX-License-Identifier: Apache-2.0
"""Where services meet: Protocols, offered with ``cloud.provide`` and asked for with ``cloud.port``.

Services import these and never each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from azure_sandbox.kernel.identity import Identity, Password


@dataclass(frozen=True)
class ManagedIdentity:
    """A user-assigned managed identity: an ARM resource and a service principal in one."""

    resource_id: str
    client_id: str
    principal_id: str
    name: str


class Directory(Protocol):
    """Who exists in Entra, and tokens for them. Offered by ``services/entra``."""

    def managed_identity(self, identifier: str) -> ManagedIdentity | None:
        """By client id, principal (object) id or ARM resource id; case does not matter."""
        ...

    def create_managed_identity(self, resource_id: str) -> ManagedIdentity:
        """Creates it, or returns the one that exists."""
        ...

    def delete_managed_identity(self, resource_id: str) -> None: ...

    def principal_exists(self, object_id: str) -> bool: ...

    def app_id_of(self, object_id: str) -> str:
        """The application (client) id of a service principal; empty where there is none."""
        ...

    def principals(self) -> dict[str, dict[str, str]]:
        """For people and demos: seed name -> ``object_id``, ``client_id`` and, for a managed
        identity, ``resource_id``."""
        ...

    def object_id_by_name(self, name: str) -> str | None:
        """The object id of the service principal (application or managed identity) of a seed name."""
        ...

    def token(self, object_id: str, resource: str, *, lifetime: float = 86_400.0) -> tuple[str, float]:
        """An access token for a principal and its expiry.

        :param resource: audience without ``/.default``
        :param lifetime: seconds
        :raises KeyError: where no enabled principal has this object id
        :raises azure_sandbox.kernel.errors.AzureError: 400 ``invalid_resource`` for an audience that
            is no resource of this tenant
        """
        ...


class Registry(Protocol):
    """The rows of Entra's directory, for Graph, for ARM and for seeds. Offered by ``services/entra``."""

    def identity(self, identifier: str) -> Identity | None:
        """By client id, service principal's or application's object id, ARM id; case does not matter."""
        ...

    def identity_by_name(self, name: str) -> Identity | None:
        """By the name that the seed gave; case matters."""
        ...

    def identities(self) -> list[Identity]: ...

    def save(self, identity: Identity) -> None:
        """Create the row or replace it."""
        ...

    def remove(self, identity: Identity) -> None:
        """The row is gone, with all its credentials."""
        ...

    def add_password(
        self,
        client_id: str,
        display_name: str | None,
        start: float,
        end: float,
        *,
        at_once: bool = False,
    ) -> tuple[Password, str]:
        """A new client secret and its text, which nobody can read again.

        :param at_once: True to skip the delay before it can log in
        :raises KeyError: where no application has this client id
        """
        ...

    def remove_password(self, client_id: str, key_id: str) -> bool:
        """False where there is no such password."""
        ...


class Web(Protocol):
    """What the sandbox's own hosts publish, for its services. Offered by the application."""

    async def get(self, url: str) -> bytes:
        """The content of a public https address of this sandbox.

        :raises azure_sandbox.kernel.inward.Unreachable:
        """
        ...


class AssertionIssuers(Protocol):
    """The issuers of Kubernetes clusters. Offered by ``services/oidc``."""

    def url(self, name: str) -> str:
        """The ``iss`` of the issuer that has this name in the seed, whether or not it exists."""
        ...


class AwsAccounts(Protocol):
    """The AWS accounts outside, for the control API. Offered by ``services/aws``."""

    def federates(self, account: str) -> bool:
        """Whether an account (12 digits) issues tokens about its principals."""
        ...

    def set_federation(self, account: str, enabled: bool) -> None:
        """:raises KeyError: where the seed has no such account"""
        ...


class Lake(Protocol):
    """The platform's own hand in storage, for what Azure's services do without a caller.

    Offered by ``services/storage``. Blobs are ``container`` plus ``path``; data stays on disk.
    """

    def account_scope(self, account: str) -> str | None:
        """ARM id of a storage account; None where it does not exist."""
        ...

    def ensure_container(self, account: str, container: str) -> None: ...

    def write(self, account: str, container: str, path: str, content: bytes) -> None:
        """Create or replace a block blob."""
        ...

    def append(self, account: str, container: str, path: str, content: bytes) -> None:
        """Add to the end of a blob, creating it first where it is missing."""
        ...

    def read(self, account: str, container: str, path: str) -> bytes | None: ...

    def list(self, account: str, container: str, prefix: str) -> list[str]:
        """Paths of all blobs below a prefix, sorted; directories are not listed."""
        ...

    def sas_url(
        self, account: str, container: str, path: str = "", *, permissions: str = "r", hours: float = 1.0
    ) -> str:
        """A blob-endpoint URL of a container (empty path) or blob with a SAS the platform signed."""
        ...

    def account_key(self, account: str) -> str:
        """Base64 ``key1``."""
        ...

    def sas_of(self, account: str, container: str, key: str, permissions: str) -> str:
        """The query of a container SAS that a key signed, whether or not it is the account's any more."""
        ...

    def is_private(self, account: str) -> bool:
        """Whether an account's network rules want a virtual network: no public access, or subnets."""
        ...

    def hides(self, account: str, container: str, path: str, object_id: str) -> bool:
        """Whether the ACL of a path lets a principal read it, and one above does not let it get there."""
        ...


class Vaults(Protocol):
    """Key Vault for the seed: puts a secret that the seed made. Offered by ``services/keyvault``."""

    def put_secret(self, vault: str, name: str, value: str, tags: dict[str, str]) -> None: ...

    def values(self) -> set[str]:
        """What every version of every secret holds, disabled and deleted ones included."""
        ...


class Registries(Protocol):
    """Container registries. Offered by ``services/containerregistry``."""

    def may_pull(self, name: str, object_id: str) -> bool | None:
        """Whether a principal may pull from a registry; None where there is no such registry."""
        ...


class ActiveJobs(Protocol):
    """Jobs that have not ended. Offered by ``services/machinelearning``."""

    def active(self, name: str, value: str) -> list[dict[str, Any]]:
        """``id``, ``status`` and ``created`` of those that have this property."""
        ...


class Timelines(Protocol):
    """Scripted lives of jobs, for the control API. Offered by ``services/machinelearning``."""

    def add(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """The timeline as it was understood, with its id and how many jobs it has ``taken``.

        :raises azure_sandbox.kernel.checks.InvalidRule: naming the member that is wrong
        """
        ...

    def listed(self) -> list[dict[str, Any]]: ...

    def clear(self, scenario: str = "") -> None:
        """No further job gets one of the scenario, or any; those that have one keep it."""
        ...

    def live_otherwise(self, document: Mapping[str, Any]) -> None:
        """What jobs live that no timeline wants, in place of running.

        :raises azure_sandbox.kernel.checks.InvalidRule:
        """
        ...
