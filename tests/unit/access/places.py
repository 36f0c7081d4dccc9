# SPDX-License-Identifier: Apache-2.0
"""A workspace as the tests of access see it."""

from __future__ import annotations

from airflow_provider_azureml.access.facts import Compute, Datastore, Principal, WorkspaceFacts

GROUP = "/subscriptions/5ab00000-0000-0000-0000-000000000001/resourceGroups/nightly/providers"
WORKSPACE = f"{GROUP}/Microsoft.MachineLearningServices/workspaces/nightly"
LAKE = f"{GROUP}/Microsoft.Storage/storageAccounts/nightlylake"
VAULT = f"{GROUP}/Microsoft.KeyVault/vaults/nightlyvault"
RAW, FEATURES = (f"{LAKE}/blobServices/default/containers/{name}" for name in ("raw", "features"))
TRAIN = Principal("oid-train", "11111111-0000-0000-0000-000000000001", f"{GROUP}/identities/run-train")
PREP = Principal("oid-prep", "11111111-0000-0000-0000-000000000002", f"{GROUP}/identities/run-prep")
NODE, OTHER = Principal("oid-node", "node", "/node"), Principal("oid-other", "other", "/other")
SUBMITTER = Principal("oid-submitter", "submitter")

FACTS = WorkspaceFacts(
    scope=WORKSPACE,
    attached=(PREP, TRAIN),
    datastores={
        "raw": Datastore("raw", "nightlylake", "raw", RAW),
        "features": Datastore("features", "nightlylake", "features", FEATURES),
        "keyed": Datastore("keyed", "nightlylake", "keyed", f"{LAKE}/c/keyed", "AccountKey"),
        "elsewhere": Datastore("elsewhere", "unknown", "c"),
        "workspaceblobstore": Datastore(
            "workspaceblobstore", "nightlylake", "own", f"{LAKE}/own", is_default=True
        ),
    },
    computes={
        "cluster": Compute("cluster", "AmlCompute", (NODE,)),
        "two": Compute("two", "AmlCompute", (NODE, OTHER)),
        "bare": Compute("bare", "AmlCompute"),
        "aks": Compute("aks", "Kubernetes", (NODE,)),
    },
    vaults={"nightlyvault": VAULT},
    submitter=SUBMITTER,
)
