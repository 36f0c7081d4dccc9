# SPDX-License-Identifier: Apache-2.0
"""An identity provider outside of Azure: custom authorization servers of an Okta organisation."""

from __future__ import annotations

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.service import Service
from azure_sandbox.services.okta.organisations import Organisations
from azure_sandbox.services.okta.routes import operations


def service(cloud: Cloud) -> Service:
    organisations = Organisations(cloud)
    return Service(
        "okta",
        operations(organisations),
        organisations.seed,
        hosts=organisations.hosts,
        describe=organisations.described,
    )
