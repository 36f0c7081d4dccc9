# SPDX-License-Identifier: Apache-2.0
"""init, plan and check on the example's DAGs, against the sandbox with the demo's seed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_provider_azureml.access.manifest import load
from airflow_provider_azureml.access.report import Report
from demo.azure import Azure
from demo.connections import variables
from tests.wire.conftest import ROOT, Sandbox
from tests.wire.exported import access
from tests.wire.identities import GRAPH, Client

SCRIPT = Path(__file__).parent / "clients" / "access_commands.py"
DAGS = ROOT / "dags_examples"


def environment(sandbox: Sandbox, home: Path) -> dict[str, str]:
    """Airflow beside this sandbox, with the demo's connections and one that reads."""
    azure = Azure(sandbox.description)
    tokens = Path(sandbox.description["service_account_tokens"])
    files = {"auditor": azure.token_file("auditor"), "owner": tokens / "tests" / "owner" / "token"}

    def connection(name: str) -> str:
        extra = {
            "auth": "workload_identity",
            "tenant_id": azure.tenant_id,
            "client_id": azure.client_id(name),
            "assertion_file": str(files[name]),
        }
        return json.dumps({"conn_type": "azureml", "extra": extra})

    return {
        **sandbox.environment,
        **variables(azure),
        "AIRFLOW_CONN_AUDITOR": connection("auditor"),
        "AIRFLOW_CONN_OWNER": connection("owner"),
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "AIRFLOW_HOME": str(home),
    }


@pytest.fixture(scope="module")
def found(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("access")
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(folder), str(DAGS)],
        env=environment(sandbox, folder),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-6000:]
    result: dict[str, Any] = json.loads(done.stdout.rpartition("FOUND ")[2])
    return result


def test_init_infers_what_the_committed_manifest_says_but_for_what_a_person_added(
    found: dict[str, Any],
) -> None:
    first, committed = yaml.safe_load(found["first"]), yaml.safe_load((DAGS / "access.yaml").read_text())
    assert found["init"]["code"] == 1, found["init"]
    by_hand = first["identities"]["land"].pop("by_hand")
    assert len(by_hand) == 1
    assert "calls AzureDataLakeHook, upload_file" in by_hand[0]
    added = committed["identities"]["land"]["submitter"].pop("data")
    assert added == [{"container": "nightlylake/raw", "prefix": "flights/", "access": "write"}]
    for identity in first["identities"].values():
        identity["jobs"] = [f"jobs/{Path(job).name}" for job in identity.get("jobs", [])]
    for identity in committed["identities"].values():
        identity.setdefault("jobs", [])
    assert first == committed


def test_plan_tells_each_tasks_least_roles_and_what_it_cannot_know(found: dict[str, Any]) -> None:
    lines = json.loads(found["plan"]["out"])
    assert found["plan"]["code"] == 1
    doubts = [(line["task"], line["doubt"]) for line in lines if line["doubt"]]
    assert [task for task, _ in doubts] == ["nightly_retraining.land"]
    train = {(line["who"], line["role"]) for line in lines if line["task"] == "nightly_retraining.train"}
    assert train == {
        ("submitter", "AML Job Submitter"),
        ("submitter", "Managed Identity Operator"),
        ("run", "Storage Blob Data Reader"),
        ("run", "Storage Blob Data Contributor"),
    }


def test_check_finds_the_demos_azure_as_its_manifest_says(found: dict[str, Any]) -> None:
    rows = json.loads(found["check"]["out"])
    assert [row for row in rows if row["is_finding"]] == []
    assert found["check"]["code"] == 0
    assert {row["verdict"] for row in rows} == {"ALLOWED", ""}
    assert len([row for row in rows if row["state"] == "REFUSED"]) == 4
    assert found["table"]["out"].splitlines()[-1].endswith("compared, 0 finding(s)")
    took = found["check"]["seconds"]
    sys.stdout.write(f"check of the example: {len(rows)} lines in {took:.1f} s, DAGs parsed before\n")


def test_whichever_grant_is_taken_away_the_check_names_it_and_who_cannot_work_now(
    found: dict[str, Any],
) -> None:
    manifest = load(yaml.safe_load((DAGS / "access.yaml").read_text()), "access.yaml")
    owners = {
        (grant.scope.lower(), grant.role, principal.name): identity.name
        for identity in manifest.identities
        for principal in identity.principals.values()
        for grant in principal.grants
    }
    assert len(found["removed"]) == len(owners) == 12
    named = set()
    for each in found["removed"]:
        findings = each["findings"]
        (gone,) = [row for row in findings if row["reason"] == "no such role assignment"]
        assert (gone["state"], gone["verdict"]) == ("MISSING", "DENIED")
        assert {row["identity"] for row in findings} == {gone["identity"]}
        assert {row["state"] for row in findings} == {"MISSING"}
        named.add((gone["identity"], gone["what"], gone["scope"].lower()))
    assert len(named) == len(owners)
    sys.stdout.write(f"{len(named)} grants taken away one by one, each named by the check\n")


def test_who_may_not_read_gets_unknown_and_never_denied(found: dict[str, Any]) -> None:
    rows = json.loads(found["blind"]["out"])
    assert found["blind"]["code"] == 1
    assert {row["verdict"] for row in rows if row["is_finding"]} == {"UNKNOWN"}


def changed(client: Client, method: str, path: str, body: dict[str, str] | None = None) -> Any:
    """Graph's answer to somebody who may change applications and give permissions."""
    headers = client.bearer("directory-admin", GRAPH)
    answer = client.http.request(method, f"{GRAPH}/v1.0/{path}", headers=headers, json=body)
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


def findings(sandbox: Sandbox, home: Path) -> tuple[int, list[dict[str, Any]]]:
    """Exit code of `access check`, and what it found."""
    code, out = access(sandbox, home, "check", "--json", "--conn-id", "auditor")
    return code, [row for row in json.loads(out) if row["is_finding"]]


def test_an_application_that_is_owned_no_more_is_missing(
    sandbox: Sandbox, client: Client, tmp_path: Path
) -> None:
    owner = sandbox.principal("airflow-rotation")["object_id"]
    owners = f"applications(appId='{sandbox.principal('airflow-registry')['client_id']}')/owners"
    changed(client, "DELETE", f"{owners}/{owner}/$ref")
    try:
        code, found = findings(sandbox, tmp_path)
    finally:
        changed(client, "POST", f"{owners}/$ref", {"@odata.id": f"{GRAPH}/v1.0/directoryObjects/{owner}"})
    (gone,) = found
    assert (code, gone["identity"], gone["plane"], gone["state"]) == (1, "rotation", "Entra", "MISSING")
    assert gone["what"] == "owner of application 'airflow-registry'"
    assert findings(sandbox, tmp_path) == (0, [])


@pytest.mark.parametrize("name", ["airflow-train", "run-train"])
def test_a_permission_of_graph_that_nobody_declared_is_extra_of_applications_and_managed_identities(
    sandbox: Sandbox, client: Client, tmp_path: Path, name: str
) -> None:
    itself = changed(client, "GET", "servicePrincipals(appId='00000003-0000-0000-c000-000000000000')")
    role = next(role["id"] for role in itself["appRoles"] if role["value"] == "Directory.ReadWrite.All")
    holder = sandbox.principal(name)["object_id"]
    path = f"servicePrincipals/{holder}/appRoleAssignments"
    body = {"principalId": holder, "resourceId": itself["id"], "appRoleId": role}
    made = changed(client, "POST", path, body)
    try:
        code, found = findings(sandbox, tmp_path)
    finally:
        changed(client, "DELETE", f"{path}/{made['id']}")
    (extra,) = found
    assert (code, extra["identity"], extra["plane"], extra["state"]) == (1, "train", "Entra", "EXTRA")
    assert (extra["what"], extra["verdict"]) == ("Graph permission Directory.ReadWrite.All", "ALLOWED")
    assert findings(sandbox, tmp_path) == (0, [])


def test_without_a_connection_there_is_no_look(found: dict[str, Any]) -> None:
    assert found["unreachable"]["code"] == 2


def test_the_report_for_the_page_has_each_task_with_what_it_needs_and_who_holds_what(
    found: dict[str, Any],
) -> None:
    report = Report.of(found["report"], "report")
    tasks = {f"{task.dag_id}.{task.task_id}": task for task in report.tasks}
    train = tasks["nightly_retraining.train"]
    assert (train.connection, train.auth, train.submitter, train.run_identity) == (
        "azureml_train",
        "federated",
        "airflow-train",
        "run-train",
    )
    assert {(check.who, check.role) for check in train.checks} == {
        ("submitter", "AML Job Submitter"),
        ("submitter", "Managed Identity Operator"),
        ("run", "Storage Blob Data Reader"),
        ("run", "Storage Blob Data Contributor"),
    }
    assert train.verdict == tasks["nightly_retraining.prep"].verdict == "ALLOWED"
    held = {line.name: {grant.role for grant in line.grants} for line in report.identities}
    assert held["run-train"] == {"Storage Blob Data Reader", "Storage Blob Data Contributor"}
    assert report.differences == ()


def test_without_dags_the_report_has_what_the_jobs_of_an_identity_need(found: dict[str, Any]) -> None:
    report = Report.of(found["written"], "report")
    train = next(task for task in report.tasks if task.task_id == "train")
    assert train.verdict == "ALLOWED"
    assert report.command.endswith(f"--conn-id auditor --out {found['written_to']}")
    assert found["nowhere"]["code"] == 2
    assert (
        "--out: '/nowhere/report.json' cannot be written: No such file or directory."
        in found["nowhere"]["err"]
    )
