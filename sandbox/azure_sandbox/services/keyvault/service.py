# SPDX-License-Identifier: Apache-2.0
"""Secrets as Key Vault keeps them.

Source: https://learn.microsoft.com/rest/api/keyvault/secrets (api-version 7.4). ``exp`` and ``nbf`` are
informational: an expired secret is still answered (identity.md 0, fact 9).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.errors import AzureError
from azure_sandbox.services.keyvault.records import Secret, Vault, VaultRecords, Version

_NAME = re.compile(r"[0-9A-Za-z-]{1,127}")
_LONGEST_VALUE = 25 * 1024
_MOST_TAGS = 15
_LONGEST_TAG = 256
PROVIDER = "Microsoft.KeyVault/vaults"

Body = dict[str, Any]


class KeyVault:
    """Implements the port ``Vaults``."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self.records = VaultRecords(cloud.store)

    def vault(self, name: str) -> Vault:
        """:raises AzureError: 404; a real vault that does not exist has no DNS name at all"""
        vault = self.records.vault(name)
        if vault is None:
            raise AzureError(404, "VaultNotFound", f"The vault '{name}' does not exist.")
        return vault

    def scope(self, vault: Vault) -> str:
        return self._cloud.resource_scope(vault.resource_group, PROVIDER, vault.name)

    def put_secret(self, vault: str, name: str, value: str, tags: dict[str, str]) -> None:
        self.set(vault, name, {"value": value, "tags": tags})

    def values(self) -> set[str]:
        return {version.value for secret in self.records.every_secret() for version in secret.versions}

    def set(self, vault: str, name: str, body: Body) -> tuple[Secret, Version]:
        """A new version, which is the latest from now on."""
        check_name(name)
        value = body.get("value")
        if not isinstance(value, str):
            raise bad_parameter("The parameter 'value' is missing or is not a string.")
        if len(value.encode("utf8", "surrogatepass")) > _LONGEST_VALUE:
            raise bad_parameter("Secret value is larger than 25 KB.")
        now = self._cloud.clock.time()
        blank = Version(secrets.token_hex(16), value, None, {}, True, now, now)
        version = _changed(blank, body)
        held = self.records.secret(vault, name)
        if held is not None and held.deleted is not None:
            raise _deleted_but_recoverable(name)
        older = held.versions if held else ()
        secret = Secret(vault, held.name if held else name, (*older, version))
        self._save(secret, "set", held.latest if held else None, version)
        return secret, version

    def get(self, vault: str, name: str, version: str) -> tuple[Secret, Version]:
        """A readable version; the latest where ``version`` is empty.

        :raises AzureError: 404 SecretNotFound, 403 where this version is disabled
        """
        secret, found = self.find(vault, name, version)
        if not found.enabled:
            raise AzureError(
                403,
                "Forbidden",
                "Operation get is not allowed on a disabled secret.",
                body={"innererror": {"code": "SecretDisabled"}},
            )
        return secret, found

    def update(self, vault: str, name: str, version: str, body: Body) -> tuple[Secret, Version]:
        """Change attributes, tags or content type of one version."""
        secret, found = self.find(vault, name, version)
        changed = replace(_changed(found, body), updated=self._cloud.clock.time())
        versions = tuple(changed if held.id == found.id else held for held in secret.versions)
        self._save(replace(secret, versions=versions), "updated", found, changed)
        return secret, changed

    def find(self, vault: str, name: str, version: str) -> tuple[Secret, Version]:
        """A version, enabled or not; raises 404 SecretNotFound."""
        check_name(name)
        secret = self.records.secret(vault, name)
        if secret is None or secret.deleted is not None:
            raise _not_found(name)
        for held in reversed(secret.versions):
            if version.lower() in ("", held.id):
                return secret, held
        raise _not_found(f"{name}/{version}")

    def listed(self, vault: str) -> list[Secret]:
        return [secret for secret in self.records.secrets(vault) if secret.deleted is None]

    def delete(self, vault: str, name: str) -> Secret:
        secret, _ = self.find(vault, name, "")
        deleted = replace(secret, deleted=self._cloud.clock.time())
        self._save(deleted, "deleted", secret.latest, None)
        return deleted

    def deleted(self, vault: str) -> list[Secret]:
        return [secret for secret in self.records.secrets(vault) if secret.deleted is not None]

    def find_deleted(self, vault: str, name: str) -> Secret:
        check_name(name)
        secret = self.records.secret(vault, name)
        if secret is None or secret.deleted is None:
            raise AzureError(404, "SecretNotFound", f"Deleted Secret not found: {name}")
        return secret

    def recover(self, vault: str, name: str) -> Secret:
        secret = replace(self.find_deleted(vault, name), deleted=None)
        self._save(secret, "recovered", None, secret.latest)
        return secret

    def purge(self, vault: str, name: str) -> None:
        secret = self.find_deleted(vault, name)
        with self._cloud.store.transaction():
            self.records.purge(secret)
            self._record(secret, "purged", None, None)

    def _save(self, secret: Secret, effect: str, before: Version | None, after: Version | None) -> None:
        with self._cloud.store.transaction():
            self.records.save(secret)
            self._record(secret, effect, before, after)

    def _record(self, secret: Secret, effect: str, before: Version | None, after: Version | None) -> None:
        subject = f"https://{secret.vault}.{self._cloud.azure.vault}/secrets/{secret.name}"
        self._cloud.ledger.record("secret", effect, subject, before=_in_short(before), after=_in_short(after))


def _in_short(version: Version | None) -> Body | None:
    """A version for the ledger: its value has no place there."""
    if version is None:
        return None
    return {
        "version": version.id,
        "enabled": version.enabled,
        "expires": version.expires,
        "not_before": version.not_before,
    }


def check_name(name: str) -> None:
    """:raises AzureError: 400 BadParameter"""
    if not _NAME.fullmatch(name):
        raise bad_parameter(f"The request URI contains an invalid name: {name}")


def bad_parameter(message: str) -> AzureError:
    return AzureError(400, "BadParameter", message)


def _changed(version: Version, body: Body) -> Version:
    """The version with what the body says; what it leaves out stays."""
    attributes = body.get("attributes") or {}
    if not isinstance(attributes, dict):
        raise bad_parameter("The parameter 'attributes' is invalid.")
    changes: dict[str, Any] = {}
    if body.get("tags") is not None:
        changes["tags"] = _tags(body["tags"])
    if body.get("contentType") is not None:
        changes["content_type"] = _checked(body, "contentType", _is_text)
    for name, field in (("enabled", "enabled"), ("exp", "expires"), ("nbf", "not_before")):
        if attributes.get(name) is not None:
            changes[field] = _checked(attributes, name, _is_flag if name == "enabled" else _is_moment)
    return replace(version, **changes)


def _tags(tags: Any) -> dict[str, str]:
    if not isinstance(tags, dict) or not all(isinstance(value, str) for value in tags.values()):
        raise bad_parameter("The parameter 'tags' is invalid.")
    if len(tags) > _MOST_TAGS or any(len(text) > _LONGEST_TAG for pair in tags.items() for text in pair):
        raise bad_parameter("At most 15 tags of at most 256 characters are allowed.")
    return dict(tags)


def _checked(body: Body, name: str, good: Callable[[Any], bool]) -> Any:
    if not good(body[name]):
        raise bad_parameter(f"The parameter '{name}' is invalid.")
    return body[name]


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= 255


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_moment(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**40


def _not_found(name: str) -> AzureError:
    return AzureError(
        404,
        "SecretNotFound",
        f"A secret with (name/id) {name} was not found in this key vault. If you recently deleted this "
        "secret you may be able to recover it using the correct recovery command. For help resolving this "
        "issue, please see https://go.microsoft.com/fwlink/?linkid=2125182",
    )


def _deleted_but_recoverable(name: str) -> AzureError:
    return AzureError(
        409,
        "Conflict",
        f"Secret {name} is currently in a deleted but recoverable state, and its name cannot be reused; in "
        "this state, the secret can only be recovered or purged.",
        body={"innererror": {"code": "ObjectIsDeletedButRecoverable"}},
    )
