# SPDX-License-Identifier: Apache-2.0
"""`airflow-azureml access ...` against a sandbox, in one process: prints `FOUND` and what each command said.

Usage: access_commands.py FOLDER DAGS. Needs the connections of the demo, and `auditor`.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from airflow_provider_azureml.access.survey import survey
from airflow_provider_azureml.cli.access_check import report
from airflow_provider_azureml.cli.access_hook import reading_hook
from airflow_provider_azureml.cli.access_plan import show
from airflow_provider_azureml.cli.console import main
from airflow_provider_azureml.hooks.access_check import Comparison
from airflow_provider_azureml.hooks.dag_folder import read
from airflow_provider_azureml.hooks.manifest_file import load
from airflow_provider_azureml.rest.flow import Flow, Request, Response, expect


def said(*words: str, run: Callable[[], int] | None = None) -> dict[str, Any]:
    """Exit code, output and seconds of one command, or of the function behind it."""
    out, err, began = io.StringIO(), io.StringIO(), time.monotonic()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run() if run else main(["access", *words])
    return {"code": code, "out": out.getvalue(), "err": err.getvalue(), "seconds": time.monotonic() - began}


def sent(request: Request) -> Flow[Response]:
    """One request; raises ServiceError for an answer that is no success."""
    return expect((yield request), 200, 201, 204)


def seen_role(role_id: str) -> str:
    """GUID of a role."""
    return role_id.rpartition("/")[2]


def run(folder: Path, dags: str) -> dict[str, Any]:
    """All of them."""
    first, committed = str(folder / "first.yaml"), str(Path(dags) / "access.yaml")
    reader = ("--conn-id", "auditor")
    found: dict[str, Any] = {"init": said("init", dags, "--manifest", first, "--namespace", "ml", *reader)}
    parsed, hook = read(Path(dags)), reading_hook("auditor")  # once for all: a parse is seconds

    def removed() -> list[dict[str, Any]]:
        """Each role assignment of the manifest taken away and given back: what the check says meanwhile."""
        owner, manifest = reading_hook("owner"), load(Path(committed))
        seen = hook.run(survey(manifest)).seen
        found = []
        for held in [each for one in seen.values() for each in one.held.value]:
            address = f"https://management.azure.com{held.id}?api-version=2022-04-01"
            scope = owner.settings.cloud.arm_scope
            owner.run(sent(Request("DELETE", address, scope=scope)))
            rows = Comparison(manifest, hook).rows()
            findings = [row.to_dict() for row in rows if row.is_finding]
            body = {"principalId": held.principal_id, "roleDefinitionId": held.role_id}
            properties = {**body, "principalType": "ServicePrincipal"}
            owner.run(sent(Request("PUT", address, scope=scope, json={"properties": properties})))
            found.append({"scope": held.scope, "role": seen_role(held.role_id), "findings": findings})
        return found

    def checked() -> int:
        comparison = Comparison(load(Path(committed)), hook, parsed)
        rows = comparison.rows()
        found["report"] = comparison.report(rows, "the command").to_dict()
        return report(rows, is_json=True, shows_all=False)

    others = {
        "first": Path(first).read_text(),
        "plan": said(run=lambda: show(parsed, hook, is_json=True)),
        "check": said(run=checked),
        "removed": removed(),
        "table": said("check", "--manifest", committed, "--out", str(folder / "report.json"), *reader),
        "nowhere": said("check", "--manifest", committed, "--out", "/nowhere/report.json", *reader),
        "blind": said("check", "--manifest", committed, "--json", "--conn-id", "azureml_train"),
        "unreachable": said("check", "--manifest", committed, "--conn-id", "nobody"),
    }
    written = (folder / "report.json").resolve()
    return {**found, **others, "written": json.loads(written.read_text()), "written_to": str(written)}


if __name__ == "__main__":
    found = run(Path(sys.argv[1]), sys.argv[2])
    sys.stdout.write("FOUND " + json.dumps(found) + "\n")
