# SPDX-License-Identifier: Apache-2.0
"""The directory's rows, and the names they go by."""

from __future__ import annotations

from dataclasses import asdict

from azure_sandbox.kernel.identity import Identity
from azure_sandbox.kernel.store import Store


class IdentityRecords:
    """Identities by client id, with an index of their other ids and names."""

    def __init__(self, store: Store) -> None:
        self._rows = store.collection("identity")
        self._aliases = store.collection("identity-alias")

    def get(self, identifier: str) -> Identity | None:
        """By client id, object id, application's object id or ARM id; case does not matter."""
        key = identifier.lower()
        document = self._rows.get(key)
        if document is None and (alias := self._aliases.get(f"id:{key}")) is not None:
            document = self._rows.get(alias["client_id"])
        return Identity.from_document(document) if document else None

    def by_name(self, name: str) -> Identity | None:
        alias = self._aliases.get(f"name:{name}")
        return self.get(alias["client_id"]) if alias else None

    def all(self) -> list[Identity]:
        return [Identity.from_document(document) for document in self._rows.values()]

    def save(self, identity: Identity) -> None:
        key = identity.client_id.lower()
        self._rows.put(key, asdict(identity))
        for alias in _aliases(identity):
            # Display names are not unique: the first one keeps a name.
            self._aliases.insert(alias, {"client_id": key})

    def delete(self, identity: Identity) -> None:
        self._rows.delete(identity.client_id.lower())
        for alias in _aliases(identity):
            if self._aliases.get(alias) == {"client_id": identity.client_id.lower()}:
                self._aliases.delete(alias)


def _aliases(identity: Identity) -> list[str]:
    others = (identity.principal_id, identity.application_id, identity.resource_id)
    return [f"id:{other.lower()}" for other in others if other] + [f"name:{identity.name}"]
