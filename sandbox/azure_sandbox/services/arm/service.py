# SPDX-License-Identifier: Apache-2.0
"""What every ARM route stands on: whose subscription, which group, and the two shapes of "not there"."""

from __future__ import annotations

import re
import uuid

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.errors import AzureError, bad_request, not_found
from azure_sandbox.kernel.identity import MANAGED_IDENTITY, Identity
from azure_sandbox.kernel.ports import Directory, Registry
from azure_sandbox.services.arm.records import UAMI, GroupRecords

_GROUP_NAME = re.compile(r"[-\w.()]{0,89}[-\w()]")
_IDENTITY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,127}")


class ResourceManager:
    """One subscription and its resource groups."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.groups = GroupRecords(cloud)

    @property
    def directory(self) -> Directory:
        return self.cloud.port(Directory)

    @property
    def registry(self) -> Registry:
        return self.cloud.port(Registry)

    def check_subscription(self, subscription: str) -> None:
        """:raises AzureError: 404 SubscriptionNotFound, 400 where it is no GUID"""
        if not is_guid(subscription):
            raise bad_request(
                "InvalidSubscriptionId",
                f"The provided subscription identifier '{subscription}' is malformed or invalid.",
            )
        if subscription.lower() != self.cloud.subscription_id.lower():
            raise not_found("SubscriptionNotFound", f"The subscription '{subscription}' could not be found.")

    def check_scope(self, scope: str) -> None:
        """Whether a scope's subscription and group exist; resources below are not looked for.

        :raises AzureError: as :meth:`check_subscription`, or 404 ResourceGroupNotFound
        """
        parts = scope.strip("/").split("/")
        if parts[0].lower() != "subscriptions" or len(parts) < 2:
            raise bad_request("InvalidScope", f"The scope '{scope}' is not supported.")
        self.check_subscription(parts[1])
        if len(parts) > 3 and parts[2].lower() == "resourcegroups":
            self.check_group(parts[3])

    def check_group(self, name: str) -> None:
        """:raises AzureError: 404 ResourceGroupNotFound"""
        if self.groups.get(name) is None:
            raise group_not_found(name)

    def check_group_name(self, name: str) -> None:
        if not _GROUP_NAME.fullmatch(name):
            raise bad_request(
                "InvalidResourceGroup", f"The provided resource group name '{name}' is invalid."
            )

    def identity_id(self, group: str, name: str) -> str:
        return self.cloud.resource_scope(group, UAMI, name)

    def identity(self, group: str, name: str) -> Identity:
        """:raises AzureError: 404 ResourceNotFound"""
        identity = self.registry.identity(self.identity_id(group, name))
        if identity is None or identity.kind != MANAGED_IDENTITY:
            raise not_found(
                "ResourceNotFound",
                f"The Resource '{UAMI}/{name}' under resource group '{group}' was not found. For more details "
                "please go to https://aka.ms/ARMResourceNotFoundFix",
            )
        return identity

    def identities(self, group: str | None) -> list[Identity]:
        """All managed identities of a group, or of the subscription."""
        above = self.cloud.group_scope(group) if group else self.cloud.subscription_scope()
        return [
            identity
            for identity in self.registry.identities()
            if identity.kind == MANAGED_IDENTITY
            and identity.resource_id.lower().startswith(above.lower() + "/")
        ]

    def user_assigned(self) -> list[str]:
        """ARM ids of the managed identities that are resources of their own."""
        marker = f"/providers/{UAMI}/".lower()
        return [found.resource_id for found in self.identities(None) if marker in found.resource_id.lower()]

    def check_identity_name(self, name: str) -> None:
        if not _IDENTITY_NAME.fullmatch(name):
            raise bad_request(
                "InvalidResourceName",
                f"The Resource name '{name}' is invalid: 3 to 128 letters, digits, hyphens and underscores.",
            )


def is_guid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def group_not_found(name: str) -> AzureError:
    return not_found("ResourceGroupNotFound", f"Resource group '{name}' could not be found.")
