# SPDX-License-Identifier: Apache-2.0
"""A report about the DAGs of `page_dags.py` and of the example, with the ids of the sandbox's own principals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from airflow_provider_azureml.access.report import (
    CheckLine,
    Difference,
    GrantLine,
    IdentityLine,
    Report,
    TaskLine,
    write,
)
from demo.connections import TASKS

STEPS = {
    "churn_daily": ("extract", "sessions", "features", "train", "evaluate", "calibrate", "register", "score"),
    "demand_forecast": (
        "prices",
        "weather",
        "holidays",
        "features",
        "train_short",
        "train_long",
        "blend",
        "publish",
    ),
    "fraud_scoring": (
        "transactions",
        "graph",
        "embeddings",
        "features",
        "train",
        "threshold",
        "shadow",
        "promote",
    ),
    "image_labels": ("thumbnails", "augment", "train", "evaluate", "export_onnx", "register"),
    "search_ranking": ("clicks", "judgements", "features", "train", "ndcg", "register", "index", "warm_up"),
}
AUTH = {"rotate_secret": "workload_identity", "land": "workload_identity", "register": "client_secret"}
BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
ML = "Microsoft.MachineLearningServices/workspaces"
READER, CONTRIBUTOR, SUBMITTER = (
    "Storage Blob Data Reader",
    "Storage Blob Data Contributor",
    "AML Job Submitter",
)
CONDITION = "@Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs:path] StringStartsWith 'flights/'"
HOLDS = {
    "airflow-rotation": (("Key Vault Secrets Officer", "vault"),),
    "airflow-land": ((CONTRIBUTOR, "raw"),),
    "airflow-prep": ((SUBMITTER, "workspace"),),
    "airflow-train": ((SUBMITTER, "workspace"), ("Managed Identity Operator", "identity")),
    "airflow-registry": (("AML Model Registrar", "workspace"), ("Contributor", "group")),
    "run-prep": ((READER, "raw"), (CONTRIBUTOR, "features")),
    "run-train": ((READER, "features"), (CONTRIBUTOR, "models")),
}
EXTRA = {("airflow-registry", "Contributor")}


def connection_of(step: str) -> str:
    """The connection of a step: what reads raw data is `azureml_prep`'s."""
    return "azureml_prep" if step in ("extract", "features", "prices", "transactions") else "azureml_train"


def report_of(cloud: Mapping[str, Any], path: Path, age: timedelta = timedelta(minutes=12)) -> None:
    """Write the report, made some time ago."""
    group = f"/subscriptions/{cloud['subscription_id']}/resourceGroups/nightly"
    lake = f"{group}/providers/Microsoft.Storage/storageAccounts/nightlylake"
    places = {
        "group": group,
        "workspace": f"{group}/providers/{ML}/nightly",
        "vault": f"{group}/providers/Microsoft.KeyVault/vaults/nightlyvault",
        "identity": f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/run-train",
        **{name: f"{lake}/blobServices/default/containers/{name}" for name in ("raw", "features", "models")},
    }
    identities = tuple(_identity(name, cloud["principals"][name], places) for name in HOLDS)
    extra = Difference(
        "EXTRA",
        "airflow-registry",
        "holds Contributor on the resource group; no task needs it, and it may list the keys of the storage account",
        f"az role assignment delete --assignee airflow-registry --role Contributor --scope {group}",
    )
    write(
        Report(
            made_at=(datetime.now(timezone.utc) - age).isoformat(timespec="seconds"),
            command="airflow-azureml access check access.yaml --json --out /var/lib/airflow/azureml-access.json",
            deployment="tests",
            identities=identities,
            tasks=tuple(_tasks(places, identities)),
            differences=(extra,),
        ),
        path,
    )


def _identity(name: str, principal: Mapping[str, str], places: Mapping[str, str]) -> IdentityLine:
    grants = tuple(
        GrantLine(
            role,
            places[place],
            condition=CONDITION if (name, place) == ("run-prep", "raw") else "",
            state="EXTRA" if (name, role) in EXTRA else "",
        )
        for role, place in HOLDS[name]
    )
    kind = "managed identity" if name.startswith("run-") else "application"
    space = "batch" if name in ("airflow-prep", "airflow-land", "run-prep") else "ml"
    return IdentityLine(name, kind, principal["client_id"], principal["object_id"], space, grants)


def _tasks(places: Mapping[str, str], identities: tuple[IdentityLine, ...]) -> Iterator[TaskLine]:
    for task, (connection, submitter, run) in TASKS.items():
        yield _line("nightly_retraining", task, connection, submitter, run or "", places)
    yield _line("delay_report", "summarize", "azureml_train", "airflow-train", "run-train", places)
    for dag, steps in STEPS.items():
        for step in steps:
            name = connection_of(step).removeprefix("azureml_")
            yield _line(dag, step, connection_of(step), f"airflow-{name}", f"run-{name}", places)


def _line(
    dag: str, task: str, connection: str, submitter: str, run: str, places: Mapping[str, str]
) -> TaskLine:
    checks = [
        CheckLine(
            "submitter", f"{ML}/jobs/write", places["workspace"], "ALLOWED", "", SUBMITTER, "submits the job"
        )
    ]
    if run == "run-prep":
        why = f"the role holds under a condition: {CONDITION}"
        checks.append(_data("read", places["raw"], "CONDITIONAL", why, READER, "reads input raw"))
        checks.append(
            _data("write", places["features"], "ALLOWED", "", CONTRIBUTOR, "writes output features")
        )
    if run == "run-train":
        checks.append(_data("read", places["features"], "ALLOWED", "", READER, "reads input features"))
    if (dag, task) == ("delay_report", "summarize"):
        mend = f"az role assignment create --assignee run-train --role '{READER}' --scope {places['raw']}"
        why = "no role assignment at or above this scope gives the action"
        checks.append(_data("read", places["raw"], "DENIED", why, READER, "reads input raw", mend))
    if task == "ndcg":
        why = "the role assignments of this scope could not be read (403)"
        checks.append(_data("write", places["models"], "UNKNOWN", why, CONTRIBUTOR, "writes output model"))
    space = "batch" if connection in ("azureml_prep", "azureml_land") else "ml"
    auth = AUTH.get(task, "federated") if dag == "nightly_retraining" else "federated"
    return TaskLine(dag, task, connection, auth, f"{task}.yml", space, submitter, run, tuple(checks))


def _data(verb: str, scope: str, verdict: str, reason: str, role: str, why: str, mend: str = "") -> CheckLine:
    return CheckLine("run", f"{BLOBS}/{verb}", scope, verdict, reason, role, why, mend, data=True)
