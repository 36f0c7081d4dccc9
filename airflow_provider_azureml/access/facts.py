# SPDX-License-Identifier: Apache-2.0
"""What is known about a workspace when access is judged: read once (`access/survey.py`), then only looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

NO_CREDENTIALS = "None"
"""`credentialsType` of a datastore that stores none: whoever runs the job signs in to the lake itself."""


@dataclass(frozen=True)
class Principal:
    """Somebody in Entra. Empty text means "not known"."""

    object_id: str
    client_id: str = ""
    resource_id: str = ""

    def is_called(self, word: str) -> bool:
        """Whether a client id, object id or resource id is this one's."""
        return word.lower() in (self.object_id.lower(), self.client_id.lower(), self.resource_id.lower())


@dataclass(frozen=True)
class Datastore:
    """A name that the workspace gives to a container.

    :param scope: ARM id of the container, empty where the workspace does not say where its account lies.
    :param credentials: `credentialsType`: what Azure ML signs in to the store with, whoever runs the job.
    """

    name: str
    account: str
    container: str
    scope: str = ""
    credentials: str = NO_CREDENTIALS
    is_default: bool = False

    @property
    def holds_secret(self) -> bool:
        """Whether a stored key, signature or client secret is used instead of the run identity."""
        return self.credentials not in ("", NO_CREDENTIALS)


@dataclass(frozen=True)
class Compute:
    """A compute target, and the identities that its nodes can be."""

    name: str
    type: str = ""
    identities: tuple[Principal, ...] = ()


@dataclass(frozen=True)
class WorkspaceFacts:
    """What ARM says about a workspace.

    :param scope: its ARM id.
    :param attached: the user-assigned identities that serverless jobs may name.
    :param datastores: by name; None where they could not be read: `unread` says why.
    :param computes: by name; None likewise.
    :param accounts: ARM id by name of a storage account; needed for URIs that name no datastore.
    :param vaults: ARM id by name of a Key Vault.
    :param submitter: who submits; what a job with `user_identity` runs as.
    :param unread: what could not be read, and Azure's answer.
    """

    scope: str
    attached: tuple[Principal, ...] | None = ()
    datastores: Mapping[str, Datastore] | None = field(default_factory=dict)
    computes: Mapping[str, Compute] | None = field(default_factory=dict)
    accounts: Mapping[str, str] = field(default_factory=dict)
    vaults: Mapping[str, str] = field(default_factory=dict)
    submitter: Principal | None = None
    unread: Mapping[str, str] = field(default_factory=dict)

    @property
    def subscription(self) -> str:
        """Id of the subscription."""
        return self.scope.split("/")[2]

    @property
    def default_datastore(self) -> Datastore | None:
        """Where outputs without a path go."""
        stores = (self.datastores or {}).values()
        return next((store for store in stores if store.is_default), None)

    def account_scope(self, account: str) -> str:
        """ARM id of a storage account, empty when nothing that was read names it."""
        if account in self.accounts:
            return self.accounts[account]
        stores = (self.datastores or {}).values()
        found = next((store.scope for store in stores if store.account == account and store.scope), "")
        return found.partition("/blobServices/")[0]
