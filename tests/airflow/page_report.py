# SPDX-License-Identifier: Apache-2.0
"""The report of the page's test: by `airflow-azureml access check`, against the sandbox, for the DAGs of `page_dags.py`."""

from __future__ import annotations

from pathlib import Path

import yaml

from airflow_provider_azureml.cli.console import main

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
DENIED = """
type: command
command: ls ${{inputs.raw}}
environment: azureml:any:1
inputs: {raw: {type: uri_folder, path: azureml://datastores/raw/paths/flights}}
"""


def connection_of(step: str) -> str:
    """The connection of a step: what reads raw data is `azureml_prep`'s."""
    return "azureml_prep" if step in ("extract", "features", "prices", "transactions") else "azureml_train"


def manifest(example: Path, folder: Path) -> Path:
    """The example's manifest, with all DAGs of the test, and one task that nobody granted its data."""
    content = yaml.safe_load((example / "access.yaml").read_text())
    identities = content["identities"]
    for dag, steps in STEPS.items():
        for step in steps:
            identities[connection_of(step).removeprefix("azureml_")]["tasks"].append(f"{dag}.{step}")
    train = identities["train"]
    identities["summarize"] = {
        **{name: train[name] for name in ("namespace", "airflow", "submitter")},
        "tasks": ["delay_report.summarize"],
        "jobs": ["summarize.yml"],
        "run": {**train["run"], "data": []},
    }
    folder.mkdir()
    (folder / "jobs").symlink_to(example / "jobs")
    (folder / "summarize.yml").write_text(DENIED)
    (folder / "access.yaml").write_text(yaml.safe_dump(content))
    return folder / "access.yaml"


def check(example: Path, home: Path) -> None:
    """Write the report to where the page looks for it. Its findings are no failure."""
    path = manifest(example, home / "manifest")
    code = main(
        [
            "access",
            "check",
            "--manifest",
            str(path),
            "--conn-id",
            "auditor",
            "--out",
            str(home / "report.json"),
        ]
    )
    assert code == 1, f"the task without a grant was not found: exit code {code}"
