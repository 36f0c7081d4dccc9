# SPDX-License-Identifier: Apache-2.0
"""Faults made as a person makes them, patients that fail of them, `doctor`, and its mend carried out as printed.

Nothing here uses the sandbox's control API: faults and mends are requests to ARM, Graph, storage and Key Vault.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from airflow_provider_azureml.cli.console import main
from airflow_provider_azureml.compat import AirflowException
from airflow_provider_azureml.errors import AzureMLError
from airflow_provider_azureml.hooks.azureml import AzureMLHook
from airflow_provider_azureml.identity import resolver
from airflow_provider_azureml.operators.job import AzureMLRunJobOperator
from tests.wire.conftest import ROOT, Sandbox, seed_with_tests_own, start, stop
from tests.wire.identities import ACCOUNTS, ARM, GRAPH, STORAGE, VAULT, Client
from tests.wire.worker import IMAGE, acting_as_worker, context

AUDIENCE = "api://AzureADTokenExchange"


def _application(name: str, *app_roles: str) -> dict[str, Any]:
    """An application that a service account of its name vouches for."""
    subject = f"system:serviceaccount:tests:{name}"
    trust = {"name": "tests", "issuer": "airflow-cluster", "subject": subject, "audience": AUDIENCE}
    return {"name": name, "app_roles": list(app_roles), "federated_credentials": [trust]}


OWN = {  # whose eyes the doctor has, and who sits at the keyboard
    "service_accounts": [
        {"issuer": "airflow-cluster", "namespace": "tests", "name": name, "audience": AUDIENCE}
        for name in ("doctor", "person")
    ],
    "applications": [
        _application("doctor", "Directory.Read.All", "Application.Read.All", "GroupMember.Read.All"),
        _application("person", "Application.ReadWrite.All", "Directory.Read.All", "Group.ReadWrite.All"),
    ],
    "role_assignments": [
        {"principal": "person", "role": "Owner", "scope": "subscription"},
        {"principal": "person", "role": "Key Vault Administrator", "scope": "subscription"},
        {"principal": "person", "role": "Storage Blob Data Owner", "scope": "subscription"},
        {"principal": "doctor", "role": "Reader", "scope": "subscription"},
        {"principal": "doctor", "role": "Storage Blob Data Reader", "scope": "subscription"},
    ],
}
READER = "azureml_doctor"
CONNECTIONS = ("azureml_train", "azureml_registry", "azureml_land", "azureml_rotation", READER)


@dataclass
class Clinic:
    """One sandbox, a worker's environment, and an owner who breaks things."""

    sandbox: Sandbox
    client: Client
    environment: dict[str, str]
    revoked: list[dict[str, Any]] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)

    def heal(self) -> None:
        """Everything as it was, whatever a fault or its mend has left."""
        for each in self.revoked:
            told = each["properties"]
            body = {
                "properties": {
                    name: told[name] for name in ("principalId", "roleDefinitionId", "principalType")
                }
            }
            url = f"{ARM}{each['id']}?api-version=2022-04-01"
            answer = self.client.http.put(url, headers=self.client.bearer("owner", ARM), json=body)
            assert answer.status_code in (200, 201, 409), answer.text  # 409: its mend has made another one
        self.revoked.clear()
        while self.groups:
            self.graph("DELETE", f"groups/{self.groups.pop()}", who="person")
        lake = {"networkAcls": {"defaultAction": "Allow"}, "allowSharedKeyAccess": False}
        path = self.resource("Microsoft.Storage/storageAccounts", "nightlylake")
        self.arm("PATCH", path, {"properties": lake}, "2023-05-01")
        vault = {"networkAcls": {"defaultAction": "Allow"}, "enableRbacAuthorization": True}
        path = self.resource("Microsoft.KeyVault/vaults", "nightlyvault")
        self.arm("PATCH", path, {"properties": vault}, "2023-07-01")

    # --- what a person does ---------------------------------------------------------------------

    def arm(self, method: str, path: str, body: Any = None, version: str = "2022-04-01") -> Any:
        url = f"{ARM}{path}{'&' if '?' in path else '?'}api-version={version}"
        return self._call(method, url, "owner", ARM, body)

    def graph(self, method: str, path: str, body: Any = None, who: str = "directory-admin") -> Any:
        return self._call(method, f"{GRAPH}/v1.0/{path}", who, GRAPH, body)

    def vault(self, method: str, path: str, body: Any = None, vault: str = "nightlyvault") -> Any:
        return self._call(
            method, f"https://{vault}.vault.azure.net{path}?api-version=7.4", "owner", VAULT, body
        )

    def lake(self, method: str, path: str, account: str = "nightlylake", **headers: str) -> Any:
        url = f"https://{account}.dfs.core.windows.net/{path}"
        return self._call(method, url, "owner", STORAGE, None, **{"x-ms-version": "2021-12-02", **headers})

    def _call(self, method: str, url: str, who: str, resource: str, body: Any, **headers: str) -> Any:
        sent = {**self.client.bearer(who, resource), **headers}
        answer = self.client.http.request(method, url, headers=sent, json=body)
        assert answer.is_success, f"{method} {url}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content and "json" in answer.headers.get("content-type", "") else None

    def revoke(self, principal: str, scope_end: str) -> None:
        """Delete all that a principal holds at a scope."""
        who = self.sandbox.principal(principal)["object_id"]
        listed = f"/subscriptions/{self.subscription}/providers/Microsoft.Authorization/roleAssignments"
        held = self.arm("GET", f"{listed}?$filter=principalId eq '{who}'")["value"]
        gone = [each for each in held if each["properties"]["scope"].lower().endswith(scope_end.lower())]
        assert gone, f"{principal} holds nothing at {scope_end}"
        for each in gone:
            self.arm("DELETE", each["id"])
        self.revoked += gone

    def group(self, *members: str) -> str:
        """A security group of these principals, until all is healed; its object id."""
        ids = [self.sandbox.principal(each)["object_id"] for each in members]
        body = {
            "displayName": "clinic",
            "mailNickname": "clinic",
            "mailEnabled": False,
            "securityEnabled": True,
            "members@odata.bind": [f"{GRAPH}/v1.0/directoryObjects/{each}" for each in ids],
        }
        self.groups.append(str(self.graph("POST", "groups", body, who="person")["id"]))
        return self.groups[-1]

    @property
    def subscription(self) -> str:
        return str(self.sandbox.description["subscription_id"])

    def resource(self, kind: str, name: str, group: str = "nightly") -> str:
        return self.sandbox.scope(group, kind, name)

    # --- the patients -----------------------------------------------------------------------------

    def identity(self, name: str = "run-train") -> dict[str, str]:
        return {"type": "managed", "client_id": self.sandbox.principal(name)["client_id"]}

    def job(self, **changed: Any) -> dict[str, Any]:
        given = {"type": "command", "command": "true", "environment": IMAGE, "identity": self.identity()}
        return {**given, **changed}

    def run(self, job: dict[str, Any], conn: str = "azureml_train") -> Outcome:
        """A task with this job, as Airflow runs it."""
        self.forget()
        task = AzureMLRunJobOperator(
            task_id="patient", azureml_conn_id=conn, job=job, poll_interval=0.3, stream_logs=False
        )
        try:
            task.execute(context("patient", run_id=str(uuid.uuid4())))
        except AirflowException as error:
            name = re.search(r"Job (\S+-\d+) ", str(error))
            return Outcome(str(error), name[1] if name else "")
        return Outcome("")

    def sign_in(self, conn: str) -> Outcome:
        self.forget()
        try:
            AzureMLHook(conn).identity()
        except AzureMLError as error:
            return Outcome(str(error))
        return Outcome("")

    def attempt(self, work: Any) -> Outcome:
        self.forget()
        try:
            work()
        except AzureMLError as error:
            return Outcome(str(error))
        return Outcome("")

    def forget(self) -> None:
        """Another process: no token is cached."""
        for name in CONNECTIONS:
            resolver.forget(AzureMLHook(name).settings)

    # --- the doctor -------------------------------------------------------------------------------

    def doctor(self, conn: str, *options: str, capsys: Any) -> tuple[int, str]:
        self.forget()
        capsys.readouterr()
        code = main(["doctor", conn, "--reader", READER, *options])
        return code, capsys.readouterr().out

    def mend(self, command: str) -> None:
        """Carry out a command line as it was printed."""
        done = subprocess.run(
            ["bash", "-c", command],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


@dataclass(frozen=True)
class Outcome:
    """How a run ended: `text` is empty when it went well."""

    text: str
    job: str = ""


def row_and_mend(output: str) -> tuple[int, str]:
    """The number of the cause, and the command."""
    row = re.search(r"^Cause \(row (\d+),", output, re.MULTILINE)
    mend = re.search(r"^Mend: (.+)$", output, re.MULTILINE)
    return int(row[1]) if row else 0, mend[1] if mend else ""


@contextmanager
def opened(data: Path) -> Iterator[Clinic]:
    """A sandbox of its own, since everything is broken in it."""
    path = seed_with_tests_own(data / "seed.yaml")
    seed = yaml.safe_load(path.read_text())
    for section, entries in OWN.items():
        seed[section] = [*seed.get(section, []), *entries]
    path.write_text(yaml.safe_dump(seed))
    process, sandbox = start(data, path)
    client = Client(sandbox)
    ACCOUNTS.update(doctor="tests/doctor", person="tests/person")
    try:
        with acting_as_worker(sandbox) as own:
            os.environ["AIRFLOW_CONN_AZUREML_DOCTOR"] = json.dumps(_reader(sandbox, client))
            yield Clinic(sandbox, client, {**os.environ, **own, **_az(data, sandbox, client)})
    finally:
        os.environ.pop("AIRFLOW_CONN_AZUREML_DOCTOR", None)
        client.close()
        stop(process)


def _reader(sandbox: Sandbox, client: Client) -> dict[str, Any]:
    extra = {"auth": "workload_identity", "subscription_id": sandbox.description["subscription_id"]}
    return {"conn_type": "azureml", "extra": {**extra, **_account(sandbox, client, "doctor")}}


def _account(sandbox: Sandbox, client: Client, name: str) -> dict[str, str]:
    return {
        "tenant_id": sandbox.description["tenant_id"],
        "client_id": sandbox.principal(name)["client_id"],
        "assertion_file": str(client.service_account_file(name)),
    }


def _az(data: Path, sandbox: Sandbox, client: Client) -> dict[str, str]:
    """A PATH that begins with `az`: the real Azure CLI where there is one, else ``az.py``."""
    folder = data / "bin"
    folder.mkdir()
    real = Path(os.environ.get("AZURE_CLI", str(ROOT / ".venv-az" / "bin" / "az")))
    script = folder / "az"
    command = shlex.quote(str(real)) if real.exists() else f"{sys.executable} -m tests.wire.az"
    script.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    script.chmod(0o755)
    person = _account(sandbox, client, "person")
    variables = {
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "AZ_PERSON": json.dumps(person),
        "AZ_SUBSCRIPTION": str(sandbox.description["subscription_id"]),
        "AZURE_CONFIG_DIR": str(data / "az"),
        "AZURE_CORE_COLLECT_TELEMETRY": "0",
        "AZURE_CORE_INSTANCE_DISCOVERY": "false",
        "AZURE_CORE_NO_COLOR": "1",
        **({} if real.exists() else {"PYTHONPATH": str(ROOT)}),
    }
    if real.exists():
        _log_in(person, {**sandbox.environment, **variables})
    return variables


def _log_in(person: dict[str, str], environment: dict[str, str]) -> None:
    assertion = Path(person["assertion_file"]).read_text(encoding="ascii")
    who = ["--username", person["client_id"], "--tenant", person["tenant_id"]]
    command = ["az", "login", "--service-principal", *who, "--federated-token", assertion, "--output", "none"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
