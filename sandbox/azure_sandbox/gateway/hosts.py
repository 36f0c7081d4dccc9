# SPDX-License-Identifier: Apache-2.0
"""The names of Azure that the sandbox stands in for; the gateway opens for no other."""

from __future__ import annotations

import re

from azure_sandbox.kernel.clouds import Azure


def certificate_names(azure: Azure, location: str) -> list[str]:
    """DNS names for the leaf certificate: a wildcard covers one label, so regions are spelled out.

    They are those of one cloud: another cloud's are foreign here.
    """
    return [
        *azure.login,
        azure.management,
        azure.graph,
        azure.ml,
        f"*.{azure.vault}",
        f"*.blob.{azure.storage}",
        f"*.dfs.{azure.storage}",
        f"*.{azure.region}",
        f"*.workspace.{location}.{azure.region}",
        f"*.{azure.clusters}",
    ]


#: Instance metadata is plain HTTP on these, Google's by name; clients with a proxy set ask the proxy.
METADATA_HOSTS = frozenset(("169.254.169.254", "metadata.google.internal", "metadata"))


def allowed(names: list[str]) -> re.Pattern[str]:
    """A pattern for the host part of a CONNECT request."""
    expressions = (re.escape(name).replace(r"\*", "[a-z0-9-]+") for name in names)
    return re.compile("|".join(expressions), re.IGNORECASE)
