# SPDX-License-Identifier: Apache-2.0
"""Amazon's part of an AWS account: who asks, tokens about them, and Cognito's identity pools."""

from __future__ import annotations

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.ports import AwsAccounts
from azure_sandbox.kernel.service import Service
from azure_sandbox.services.aws.accounts import Accounts
from azure_sandbox.services.aws.routes import operations


def service(cloud: Cloud) -> Service:
    accounts = Accounts(cloud)
    cloud.provide(AwsAccounts, accounts)
    return Service(
        "aws", operations(accounts), accounts.seed, hosts=accounts.hosts, describe=accounts.described
    )
