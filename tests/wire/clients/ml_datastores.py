# SPDX-License-Identifier: Apache-2.0
"""Datastores with each kind of credentials, made, listed, read with their secrets, and deleted."""

from __future__ import annotations

from typing import Any

from azure.ai.ml.entities import (
    AccountKeyConfiguration,
    AzureBlobDatastore,
    AzureDataLakeGen2Datastore,
    SasTokenConfiguration,
    ServicePrincipalConfiguration,
)
from azure.core.exceptions import ResourceNotFoundError
from ml_client import GIVEN, connect, report

ml = connect()
account, nobody = "classiclake", "00000000-0000-0000-0000-000000000000"
prefix = f"store_{GIVEN['unique']}"
blob = {"name": "", "account_name": account, "container_name": "data"}
lake = {"name": "", "account_name": account, "filesystem": "data"}
principal = ServicePrincipalConfiguration(client_id=nobody, tenant_id=nobody, client_secret="s3cret")
wanted: dict[str, Any] = {
    "key": AzureBlobDatastore(**blob, credentials=AccountKeyConfiguration(account_key="a2V5")),
    "sas": AzureBlobDatastore(**blob, credentials=SasTokenConfiguration(sas_token="?sv=1&sig=x")),
    "principal": AzureDataLakeGen2Datastore(**lake, credentials=principal),
    "none": AzureDataLakeGen2Datastore(**lake),
}
found = {}
for kind, store in wanted.items():
    store.name = f"{prefix}_{kind}"
    ml.datastores.create_or_update(store)
    shown = ml.datastores.get(store.name, include_secrets=kind != "none")
    found[kind] = {name: str(value) for name, value in vars(shown.credentials).items()}
listed = sorted(store.name for store in ml.datastores.list() if store.name.startswith(prefix))
gone = ""
for name in listed:
    ml.datastores.delete(name)
try:
    ml.datastores.get(listed[0])
except ResourceNotFoundError as error:
    gone = str(error.status_code)
report(found=found, listed=[name.removeprefix(f"{prefix}_") for name in listed], gone=gone)
