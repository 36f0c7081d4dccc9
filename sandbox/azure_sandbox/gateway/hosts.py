# SPDX-License-Identifier: Apache-2.0
"""The names of Azure that the sandbox stands in for; the gateway opens for no other."""

from __future__ import annotations

import re


def certificate_names(location: str) -> list[str]:
    """DNS names for the leaf certificate: a wildcard covers one label, so regions are spelled out."""
    return [
        "login.microsoftonline.com",
        "management.azure.com",
        "graph.microsoft.com",
        "ml.azure.com",
        "*.vault.azure.net",
        "*.blob.core.windows.net",
        "*.dfs.core.windows.net",
        "*.api.azureml.ms",
        f"*.workspace.{location}.api.azureml.ms",
        "*.oic.prod-aks.azure.com",
    ]


#: Instance metadata is plain HTTP on this address; clients with a proxy set ask the proxy for it.
METADATA_HOST = "169.254.169.254"


def allowed(names: list[str]) -> re.Pattern[str]:
    """A pattern for the host part of a CONNECT request."""
    expressions = (re.escape(name).replace(r"\*", "[a-z0-9-]+") for name in names)
    return re.compile("|".join(expressions), re.IGNORECASE)
