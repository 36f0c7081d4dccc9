# SPDX-License-Identifier: Apache-2.0
"""The three Azures: which names each one's services have, and which audiences they take.

Hosts and audiences: https://learn.microsoft.com/azure/azure-government/compare-azure-government-global-azure,
https://learn.microsoft.com/azure/china/resources-developer-guide and each cloud's own discovery documents.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from string import Template

#: Azure Storage's audience is one and the same in every cloud.
STORAGE_AUDIENCE = "https://storage.azure.com"


@dataclass(frozen=True)
class Azure:
    """The names of one cloud: host names and suffixes of host names, without scheme.

    :param title: its name in ARM's metadata and in ``az cloud list``
    :param location: the region of a sandbox whose seed names none
    :param login: hosts of the token endpoint; the first is the authority that documents name
    :param issuer: host in ``iss`` of version 2 tokens
    :param sts: host in ``iss`` of version 1 tokens
    :param classic: host of the audience that was ARM's before ARM
    :param exchange: audience of assertions that are exchanged for tokens
    """

    name: str
    title: str
    location: str
    login: tuple[str, ...]
    issuer: str
    sts: str
    instance: str
    portal: str
    management: str
    classic: str
    graph: str
    ml: str
    storage: str
    vault: str
    region: str
    clusters: str
    exchange: str

    @property
    def authority(self) -> str:
        """``https://HOST`` of the token endpoint."""
        return f"https://{self.login[0]}"

    @property
    def old_login(self) -> str:
        """The login host that older services still name in their challenges."""
        return self.login[1] if self.name == "public" else self.login[0]

    @property
    def management_audiences(self) -> tuple[str, str]:
        """What Azure Resource Manager accepts, with or without a trailing slash."""
        return f"https://{self.management}", f"https://{self.classic}"

    @property
    def ml_audience(self) -> str:
        return f"https://{self.ml}"

    @property
    def vault_audience(self) -> str:
        return f"https://{self.vault}"

    @property
    def monitor_audience(self) -> str:
        return f"https://monitor.{self.management.partition('.')[2]}"

    @property
    def graph_audience(self) -> str:
        return f"https://{self.graph}"

    def expand(self, host: str) -> str:
        """A surface's host with this cloud's names: ``{account}.dfs.$storage``."""
        return Template(host).substitute({part.name: getattr(self, part.name) for part in fields(self)})

    def v1_issuer(self, tenant: str) -> str:
        return f"https://{self.sts}/{tenant}/"

    def v2_issuer(self, tenant: str) -> str:
        return f"https://{self.issuer}/{tenant}/v2.0"


CLOUDS = {
    azure.name: azure
    for azure in (
        Azure(
            name="public",
            title="AzureCloud",
            location="eastus",
            login=(
                "login.microsoftonline.com",
                "login.windows.net",
                "login.microsoft.com",
                "sts.windows.net",
            ),
            issuer="login.microsoftonline.com",
            sts="sts.windows.net",
            instance="microsoftonline.com",
            portal="portal.azure.com",
            management="management.azure.com",
            classic="management.core.windows.net",
            graph="graph.microsoft.com",
            ml="ml.azure.com",
            storage="core.windows.net",
            vault="vault.azure.net",
            region="api.azureml.ms",
            clusters="oic.prod-aks.azure.com",
            exchange="api://AzureADTokenExchange",
        ),
        Azure(
            name="usgovernment",
            title="AzureUSGovernment",
            location="usgovvirginia",
            login=("login.microsoftonline.us", "login.usgovcloudapi.net"),
            issuer="login.microsoftonline.us",
            sts="sts.windows.net",
            instance="microsoftonline.us",
            portal="portal.azure.us",
            management="management.usgovcloudapi.net",
            classic="management.core.usgovcloudapi.net",
            graph="graph.microsoft.us",
            ml="ml.azure.us",
            storage="core.usgovcloudapi.net",
            vault="vault.usgovcloudapi.net",
            region="api.ml.azure.us",
            clusters="oic.prod-aks.azure.us",
            exchange="api://AzureADTokenExchangeUSGov",
        ),
        Azure(
            name="china",
            title="AzureChinaCloud",
            location="chinaeast2",
            login=("login.chinacloudapi.cn", "login.partner.microsoftonline.cn"),
            issuer="login.partner.microsoftonline.cn",
            sts="sts.chinacloudapi.cn",
            instance="partner.microsoftonline.cn",
            portal="portal.azure.cn",
            management="management.chinacloudapi.cn",
            classic="management.core.chinacloudapi.cn",
            graph="microsoftgraph.chinacloudapi.cn",
            ml="ml.azure.cn",
            storage="core.chinacloudapi.cn",
            vault="vault.azure.cn",
            region="api.ml.azure.cn",
            clusters="oic.prod-aks.azure.cn",
            exchange="api://AzureADTokenExchangeChina",
        ),
    )
}
PUBLIC_CLOUD = CLOUDS["public"]
