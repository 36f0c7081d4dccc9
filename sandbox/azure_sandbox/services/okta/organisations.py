# SPDX-License-Identifier: Apache-2.0
"""The seed's Okta organisations: their authorization servers, their clients and the clients' keys."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.seed import InvalidSeed, Seed
from azure_sandbox.kernel.tokens import Issuer
from azure_sandbox.services.okta.records import LIFETIME, Client, Server, checked, client_id

#: They become host names, paths and names of files.
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)
_SERVER_FIELDS = {"id", "audience", "scopes", "clients", "lifetime"}


class Organisations:
    """All there is of Okta. Names of seeds: ``okta:ORG/SERVER`` an issuer, ``okta:ORG/CLIENT`` a client id."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self._servers: dict[tuple[str, str], Server] = {}
        self._clients: dict[tuple[str, str], Client] = {}
        cloud.foreign.offer("okta", self._resolve)

    def server(self, org: str, identifier: str) -> Server | None:
        return self._servers.get((org.lower(), identifier))

    def client(self, org: str, identifier: str) -> Client | None:
        """By client id."""
        mine = (client for (owner, _), client in self._clients.items() if owner == org.lower())
        return next((client for client in mine if client.client_id == identifier), None)

    def hosts(self) -> tuple[str, ...]:
        return tuple(sorted({f"{org}.okta.com" for org, _ in self._servers}))

    def described(self) -> dict[str, Any]:
        """Issuers with their token endpoints, and where each client's key lies."""
        return {
            "servers": {
                f"{org}/{identifier}": {
                    "issuer": server.url,
                    "token_endpoint": server.token_endpoint,
                    "audience": server.audience,
                    "scopes": list(server.scopes),
                }
                for (org, identifier), server in self._servers.items()
            },
            "clients": {
                f"{org}/{name}": {
                    "client_id": client.client_id,
                    "key_file": str(client.key_file),
                    "kid": client.keys[0]["kid"],
                }
                for (org, name), client in self._clients.items()
            },
        }

    def seed(self, document: Seed) -> None:
        """:raises InvalidSeed: naming the organisation and the member"""
        for entry in document.get("okta") or ():
            known = {"org", "authorization_servers", "clients"}
            org = _name(checked(entry, "okta", known, "org")["org"], "okta: org").lower()
            where = f"okta: {org}"
            for client in entry.get("clients") or ():
                self._add_client(org, checked(client, f"{where}: clients", {"name", "client_id"}, "name"))
            for server in entry.get("authorization_servers") or ():
                at = f"{where}: authorization_servers"
                self._add_server(org, at, checked(server, at, _SERVER_FIELDS, "id", "scopes"))

    def _add_client(self, org: str, entry: dict[str, Any]) -> None:
        name = _name(entry["name"], f"okta: {org}: clients")
        path = self.cloud.data / "okta" / f"{name}.pem"
        if any(client.key_file == path for client in self._clients.values()):
            raise InvalidSeed(f"okta: {org}: clients: the name {name!r} is used twice")
        identifier = str(entry.get("client_id") or client_id(org, name))
        self._clients[org, name] = Client(name, identifier, _public_keys(path), path)

    def _add_server(self, org: str, where: str, entry: dict[str, Any]) -> None:
        identifier = _name(entry["id"], where)
        names = {name for owner, name in self._clients if owner == org}
        allowed = frozenset(map(str, entry.get("clients") or names))
        if allowed - names:
            raise InvalidSeed(f"{where}: client {min(allowed - names)!r} is not in clients")
        key = self.cloud.data / "keys" / f"okta-{org}-{identifier}.pem"
        self._servers[org, identifier] = Server(
            org,
            identifier,
            str(entry.get("audience") or self.cloud.azure.exchange),
            tuple(map(str, entry["scopes"])),
            allowed,
            Issuer(f"https://{org}.okta.com/oauth2/{identifier}", key),
            int(entry.get("lifetime") or LIFETIME),
        )

    def _resolve(self, name: str) -> str:
        org, _, member = name.partition("/")
        server = self._servers.get((org.lower(), member))
        return server.url if server else self._clients[org.lower(), member].client_id


def _name(value: object, where: str) -> str:
    text = str(value)
    if not _NAME.fullmatch(text):
        raise InvalidSeed(f"{where}: {text!r} is not of letters, digits and '-'")
    return text


def _public_keys(path: Path) -> tuple[dict[str, Any], ...]:
    """The registered key: the public half of the file's, which is made at the first start."""
    return tuple(Issuer("", path).jwks()["keys"])
