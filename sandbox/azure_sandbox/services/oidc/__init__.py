# SPDX-License-Identifier: Apache-2.0
"""The OIDC issuers of AKS clusters, and the tokens they project into pods."""

from __future__ import annotations

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.ports import AssertionIssuers
from azure_sandbox.kernel.service import Service
from azure_sandbox.services.oidc.routes import operations
from azure_sandbox.services.oidc.service import ClusterIssuers, TokenProjector


def service(cloud: Cloud) -> Service:
    issuers = ClusterIssuers(cloud)
    projector = TokenProjector(cloud, issuers)
    cloud.provide(AssertionIssuers, issuers)
    return Service("oidc", operations(issuers), projector.seed, projector.start, projector.stop)
