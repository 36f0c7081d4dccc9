# SPDX-License-Identifier: Apache-2.0
"""The seed of the identity services' tests: a cluster, applications, identities, a vault."""

from __future__ import annotations

from typing import Any

IDENTITY_SEED: dict[str, Any] = {
    "resource_groups": ["ml"],
    "oidc_issuers": [{"name": "aks"}, {"name": "other"}],
    "service_accounts": [
        {"issuer": "aks", "namespace": "airflow", "name": "train"},
        {"issuer": "aks", "namespace": "airflow", "name": "stranger"},
        {"issuer": "aks", "namespace": "airflow", "name": "train-aud", "audience": "urn:other"},
        {"issuer": "other", "namespace": "airflow", "name": "elsewhere"},
    ],
    "managed_identities": [
        {"name": "mi-worker", "resource_group": "ml"},
        {"name": "mi-train", "resource_group": "ml"},
    ],
    "host_identities": ["mi-worker", "mi-train"],
    "applications": [
        {"name": "admin", "app_roles": ["Application.ReadWrite.All"]},
        {"name": "rotator", "app_roles": ["Application.ReadWrite.OwnedBy"]},
        {"name": "auditor", "app_roles": ["Application.Read.All"]},
        {"name": "legacy", "owners": ["rotator"]},
        {"name": "nobody"},
        {
            "name": "train",
            "federated_credentials": [
                {"name": "k8s", "issuer": "aks", "subject": "system:serviceaccount:airflow:train"},
                {"name": "aud", "issuer": "aks", "subject": "system:serviceaccount:airflow:train-aud"},
                {"name": "mi", "issuer": "entra", "subject": "identity:mi-worker"},
            ],
        },
    ],
    "key_vaults": [
        {
            "name": "vault1",
            "resource_group": "ml",
            "secrets": [{"name": "legacy-secret", "application": "legacy"}],
        },
    ],
    "role_definitions": [
        {
            "name": "Secret Rotator",
            "description": "Writes new versions, reads no values.",
            "data_actions": ["Microsoft.KeyVault/vaults/secrets/setSecret/action"],
        }
    ],
    "role_assignments": [
        {"principal": "admin", "role": "Owner", "scope": "subscription"},
        {"principal": "admin", "role": "Key Vault Administrator", "scope": "vault:vault1"},
        {"principal": "auditor", "role": "Reader", "scope": "subscription"},
        {"principal": "train", "role": "Key Vault Secrets User", "scope": "secret:vault1/legacy-secret"},
    ],
}
