# SPDX-License-Identifier: Apache-2.0
"""An application that trusts somebody else's token: no secret anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azureml.connection import Settings
from airflow_provider_azureml.identity import (
    source_aws_sts,
    source_cognito,
    source_gcp_metadata,
    source_kubernetes,
    source_managed_identity,
    source_okta,
)
from airflow_provider_azureml.identity.assertion import Mask
from airflow_provider_azureml.identity.authority import authority_options

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

SOURCES = {
    "aws_sts": source_aws_sts.assertion,
    "cognito": source_cognito.assertion,
    "gcp_metadata": source_gcp_metadata.assertion,
    "kubernetes": source_kubernetes.assertion,
    "managed_identity": source_managed_identity.assertion,
    "okta": source_okta.assertion,
}
"""Who vouches: each is a function from settings to a function that returns a usable, masked assertion."""


def build(settings: Settings, mask: Mask) -> TokenCredential:
    """A credential that signs in with the source's token."""
    from azure.identity import ClientAssertionCredential

    assertion = SOURCES[settings.federated_source](settings, mask)
    options = authority_options(settings.cloud)
    return ClientAssertionCredential(settings.tenant_id, settings.client_id, assertion, **options)
