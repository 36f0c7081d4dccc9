# SPDX-License-Identifier: Apache-2.0
"""A sound manifest, and documents that differ from it in one place."""

from __future__ import annotations

import copy
from typing import Any

SUBSCRIPTION = "5ab00000-0000-0000-0000-000000000001"
GUID = "22222222-0000-0000-0000-000000000001"
SOUND: dict[str, Any] = {
    "version": 1,
    "subscription_id": SUBSCRIPTION,
    "tenant_id": "7e4a0000-0000-0000-0000-000000000001",
    "resource_group": "nightly",
    "location": "eastus",
    "issuers": {"cluster": "https://eastus.oic.prod-aks.azure.com/t/g/"},
    "workspaces": {"nightly": {}},
    "accounts": {"nightlylake": None},
    "vaults": {"nightlyvault": {"resource_group": "other"}},
    "namespaces": {"ml": ["workspace:nightly"], "batch": ["container:nightlylake/batch"]},
    "roles": {"Watcher": {"actions": ["Microsoft.MachineLearningServices/workspaces/jobs/read"]}},
    "groups": {
        "flights": {"data": [{"container": "nightlylake/raw", "access": "read", "prefix": "flights/"}]},
        "all": {"groups": ["flights"], "secrets": [{"secret": "nightlyvault/db", "access": "read"}]},
    },
    "identities": {
        "train": {
            "namespace": "ml",
            "tasks": ["nightly.train"],
            "jobs": ["jobs/train.yml"],
            "airflow": {"conn_id": "azureml_train", "service_account": "airflow/train"},
            "submitter": {
                "application": "airflow-train",
                "federated": [
                    {"issuer": "entra", "subject": "identity:airflow-worker"},
                    {"name": "pod", "issuer": "cluster", "subject": "system:serviceaccount:airflow:train"},
                ],
                "roles": [
                    {"role": "AML Job Submitter", "scope": "workspace:nightly"},
                    {"role": "Managed Identity Operator", "scope": "identity:run-train"},
                    {"role": "Watcher", "scope": "workspace:nightly"},
                ],
            },
            "run": {
                "managed_identity": "run-train",
                "groups": ["all"],
                "data": [
                    {
                        "container": "nightlylake/models",
                        "access": "write",
                        "prefix": "m/",
                        "condition": "prefix",
                    }
                ],
            },
        }
    },
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """The sound one with one value changed, or, for None, taken out; `*` in a path is the first of a list."""
    content = copy.deepcopy(SOUND)
    *above, last = [0 if step == "*" else step for step in path.split("/")]
    place: Any = content
    for step in above:
        place = place[step]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return content


TRAIN = "identities/train"
#: What the schema and the loader refuse alike: (path, value, what the message holds).
SHAPES: list[tuple[str, Any, str]] = [
    ("version", 2, "field 'version': is 2. Write 1."),
    ("version", True, "field 'version'"),
    ("version", None, "field 'version': is missing"),
    ("identities", None, "field 'identities': is missing"),
    ("identities", [], "field 'identities': is a list. Write a mapping"),
    ("identitys", {}, "field 'identitys': is unknown. Did you mean 'identities'?"),
    ("subscription_id", "prod", "field 'subscription_id': 'prod' has not the right form. Write a GUID."),
    ("cloud", "germany", "Choose one of: public, usgovernment, china"),
    ("location", 7, "is a number. Write text, in quotes."),
    ("location", "", "field 'location': is empty"),
    ("issuers/cluster", "https://*.example.org", "field 'issuers.cluster'"),
    ("vaults/nightlyvault/group", "g", "field 'vaults.nightlyvault.group': is unknown"),
    ("namespaces/prod", [], "field 'namespaces.prod': is unknown"),
    ("namespaces/ml/*", "nightly", "namespaces.ml[0]"),
    ("roles/Watcher/actions", ["read everything"], "roles.Watcher.actions[0]"),
    ("groups/flights/data/*/access", "own", "Choose one of: read, write"),
    ("groups/flights/data/*/container", "raw", "ACCOUNT/CONTAINER"),
    ("groups/flights/data/*/prefix", "flights", "ending with a slash"),
    ("groups/flights/data/*/prefix", "flights/*/", "prefix"),
    ("groups/all/secrets/*/access", "write", "Choose one of: read, rotate"),
    (f"{TRAIN}/namespace", "prod", "Choose one of: ml, batch"),
    (f"{TRAIN}/tasks", "nightly.train", "is text. Write a list."),
    (f"{TRAIN}/submitter", None, "field 'identities.train.submitter': is missing"),
    (f"{TRAIN}/submitter/application", None, "has neither application nor managed_identity"),
    (f"{TRAIN}/submitter/managed_identity", "m", "has application and managed_identity. Give exactly one"),
    (f"{TRAIN}/run/managed_identity", "not a name", "field 'identities.train.run.managed_identity'"),
    (f"{TRAIN}/submitter/existing", "yes", "Write true or false."),
    (f"{TRAIN}/submitter/federated/*/subject", "system:serviceaccount:*:train", "letter by letter"),
    (f"{TRAIN}/submitter/federated/*/subjects", "x", "Did you mean 'subject'?"),
    (f"{TRAIN}/submitter/federated/*/issuer", None, "federated[0].issuer': is missing"),
    (f"{TRAIN}/submitter/roles/*/scope", "everywhere", "ARM id"),
    (f"{TRAIN}/submitter/roles/*/scope", None, "roles[0].scope': is missing"),
    (f"{TRAIN}/submitter/graph", ["everything"], "graph[0]"),
    (f"{TRAIN}/airflow/service_account", "train", "NAMESPACE/NAME"),
    (
        f"{TRAIN}/submitter/federated",
        [{"issuer": "entra", "subject": str(n)} for n in range(21)],
        "20 at most",
    ),
]
#: What only the loader can know.
MEANINGS: list[tuple[str, Any, str]] = [
    (f"{TRAIN}/submitter/application", "a\nrm -rf /", "is not printable. Write it on one line."),
    ("roles", {"Reader": {"actions": ["*/read"]}}, "field 'roles.Reader': is the name of a role"),
    ("groups/flights/groups", ["all"], "holds itself: flights > all > flights. Take one of them out."),
    ("groups/flights/groups", ["flights"], "holds itself: flights > flights"),
    ("groups/all/groups", ["flight"], "'flight' is no group. Did you mean 'flights'?"),
    (f"{TRAIN}/run/groups", ["none"], "field 'identities.train.run.groups[0]': 'none' is no group."),
    (f"{TRAIN}/submitter/roles/*/role", "AML Job Submiter", "Did you mean 'AML Job Submitter'?"),
    (f"{TRAIN}/submitter/roles/*/scope", "workspace:other", "'workspaces' does not hold. Add it there."),
    (
        f"{TRAIN}/submitter/roles/*/scope",
        "/subscriptions/99999999-0000-0000-0000-000000000001/resourceGroups/g",
        f"lies in subscription '99999999-0000-0000-0000-000000000001', and the manifest is of '{SUBSCRIPTION}'",
    ),
    (f"{TRAIN}/submitter/roles/*/condition", "@Resource[x] Equals", "is no condition"),
    (f"{TRAIN}/submitter/federated/*/issuer", "clusters", "Did you mean 'cluster'?"),
    (f"{TRAIN}/submitter/federated/*/issuer", "cluster", "'identity:airflow-worker' is Entra's. Only Entra"),
    (f"{TRAIN}/submitter/resource_group", "g", "applications lie in no resource group"),
    (f"{TRAIN}/run/data/*/prefix", None, "wants a prefix"),
    (f"{TRAIN}/run/data/*/role", "Storage Blob Data Writer", "is no role"),
    (f"{TRAIN}/run/data/*/container", "stranger/c", "'accounts' does not hold"),
    ("identities/again", {**SOUND["identities"]["train"]}, "'nightly.train' has identity 'train' already"),
]
