# SPDX-License-Identifier: Apache-2.0
"""One `check` of a manifest with the tasks of a DAG folder, parsed elsewhere: access_speed.py MANIFEST TASKS."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from airflow_provider_azureml.cli.access_hook import reading_hook
from airflow_provider_azureml.hooks.access_check import Comparison
from airflow_provider_azureml.hooks.dag_folder import DagFolder, Task
from airflow_provider_azureml.hooks.manifest_file import load


def main(manifest: Path, tasks: Path) -> None:
    given = json.loads(tasks.read_text())
    kind = frozenset({"AzureMLRunJobOperator"})
    found = [
        Task("d", each["task"], Path(each["folder"]), kind, each["conn_id"], fields=each["fields"])
        for each in given
    ]
    hook = reading_hook("auditor")
    began = time.monotonic()
    rows = Comparison(load(manifest), hook, DagFolder(found, {})).rows()
    seconds = time.monotonic() - began
    findings = [row.to_dict() for row in rows if row.is_finding]
    sys.stdout.write(
        "FOUND " + json.dumps({"seconds": seconds, "rows": len(rows), "findings": findings}) + "\n"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
