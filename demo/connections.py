# SPDX-License-Identifier: Apache-2.0
"""The connections and variables of the example, as environment variables. There is no secret in any."""

from __future__ import annotations

import json

from demo.azure import Azure

#: task -> (its connection, the principal that it signs in as, the run identity of its job)
TASKS = {
    "rotate_secret": ("azureml_rotation", "airflow-rotation", None),
    "land": ("azureml_land", "airflow-land", None),
    "prep": ("azureml_prep", "airflow-prep", "run-prep"),
    "train": ("azureml_train", "airflow-train", "run-train"),
    "register": ("azureml_registry", "airflow-registry", None),
    "overreach": ("azureml_train", "airflow-train", "run-train"),
}
LAKE_URL = "https://nightlylake.dfs.core.windows.net"
VAULT_URL = "https://nightlyvault.vault.azure.net"
REGISTRY_CREDENTIAL = "airflow-registry"


def variables(azure: Azure) -> dict[str, str]:
    """What an Airflow needs in its environment to run the example against this Azure."""
    found = {f"AIRFLOW_CONN_{name.upper()}": json.dumps(value) for name, value in connections(azure).items()}
    for task, (_, _, run_identity) in TASKS.items():
        if run_identity:
            found[f"AIRFLOW_VAR_RUN_IDENTITY_{task.upper()}"] = azure.client_id(run_identity)
    found["AIRFLOW_VAR_REGISTRY_CLIENT_ID"] = azure.client_id("airflow-registry")
    return found


def connections(azure: Azure) -> dict[str, dict[str, object]]:
    """Connection id -> the connection, in Airflow's JSON form."""
    workspace = {
        "subscription_id": azure.subscription_id,
        "resource_group": "nightly",
        "workspace_name": "nightly",
    }
    vaulted = {
        "auth": "client_secret",
        "tenant_id": azure.tenant_id,
        "client_id": azure.client_id("airflow-registry"),
        "credential_vault_url": VAULT_URL,
        "credential_name": REGISTRY_CREDENTIAL,
        "credential_reader_client_id": azure.client_id("registry-reader"),
    }
    extras: dict[str, dict[str, str]] = {
        "azureml_rotation": {**_projected(azure, "rotation"), "vault_url": VAULT_URL},
        "azureml_land": {**_projected(azure, "land"), "account_url": LAKE_URL},
        "azureml_prep": {**_vouched_for(azure, "airflow-prep"), **workspace},
        "azureml_train": {**_vouched_for(azure, "airflow-train"), **workspace},
        "azureml_registry": {**vaulted, **workspace},
    }
    return {name: {"conn_type": "azureml", "extra": extra} for name, extra in extras.items()}


def _projected(azure: Azure, account: str) -> dict[str, str]:
    """Signed in by a Kubernetes service account's token file."""
    return {
        "auth": "workload_identity",
        "tenant_id": azure.tenant_id,
        "client_id": azure.client_id(f"airflow-{account}"),
        "assertion_file": str(azure.token_file(account)),
    }


def _vouched_for(azure: Azure, application: str) -> dict[str, str]:
    """Signed in by the managed identity of the machine that Airflow runs on."""
    return {
        "auth": "federated",
        "tenant_id": azure.tenant_id,
        "client_id": azure.client_id(application),
        "federated_source": "managed_identity",
        "source_client_id": azure.client_id("airflow-worker"),
    }
