# SPDX-License-Identifier: Apache-2.0
"""What a person gets wrong is one clear error, naming the field and the mend, before a job is submitted.

The operators run in a process of their own, against the sandbox or against nobody; the sandbox's
request log is the witness that no job was put.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_azureml.clouds import CLOUDS
from tests.wire.conftest import ROOT, Sandbox
from tests.wire.identities import STORAGE, Client

IMAGE = {"image": "mcr.microsoft.com/azureml/openmpi5.0-ubuntu24.04"}
JOB = {"type": "command", "command": "true", "environment": IMAGE}


@dataclass(frozen=True)
class Case:
    """One mistake.

    :param extra: changes to a good connection's extras; None removes one
    :param names: what the error has to say: the field, and the mend
    :param connection: replaces the whole connection; ``"none"`` for no connection at all
    """

    names: tuple[str, ...]
    extra: dict[str, Any] = field(default_factory=dict)
    job: Any = field(default_factory=lambda: JOB)
    arguments: dict[str, Any] = field(default_factory=dict)
    password: str | None = None
    connection: str = "good"
    operator: str = "job"


def job(**change: Any) -> dict[str, Any]:
    return {key: value for key, value in {**JOB, **change}.items() if value is not None}


def reads(path: str) -> dict[str, Any]:
    return {"inputs": {"rows": {"type": "uri_folder", "path": path}}}


OTHER_WAY: dict[str, Any] = {"tenant_id": None, "assertion_file": None}
CONNECTION = {
    "a connection that does not exist": Case(("azureml_case",), connection="none"),
    "a connection of another type": Case(("type", "Make it 'azureml'"), connection="http"),
    "no auth": Case(("extra 'auth'", "Choose one of"), {"auth": None}),
    "an unknown auth": Case(("extra 'auth'", "'magic' is unknown", "Choose one of"), {"auth": "magic"}),
    "no tenant": Case(("extra 'tenant_id'", "is missing", "Add the Entra tenant's id"), {"tenant_id": None}),
    "no client": Case(("extra 'client_id'", "is missing", "Add"), {"client_id": None}),
    "a client that is no GUID": Case(("extra 'client_id'", "is not a GUID"), {"client_id": "me"}),
    "no workspace": Case(
        ("extra 'workspace_name'", "is missing", "Add 'workspace_name'"), {"workspace_name": None}
    ),
    "no resource group": Case(("extra 'resource_group'", "Add 'resource_group'"), {"resource_group": None}),
    "a misspelt field": Case(("extra 'tenantid'", "Did you mean 'tenant_id'"), {"tenantid": "x"}),
    "an unknown field": Case(("extra 'colour'", "is unknown", "Remove it"), {"colour": "blue"}),
    "a field that this auth does not use": Case(
        ("extra 'federated_source'", "is not used by auth 'workload_identity'", "Remove it"),
        {"federated_source": "managed_identity"},
    ),
    "a secret among the extras": Case(
        ("extra 'client_secret'", "must not stand in the extras", "password field"), {"client_secret": "s"}
    ),
    "a secret where none is used": Case(
        ("password", "is not used by auth", "Remove it"), password="s3cr3t-word"
    ),
    "an unknown cloud": Case(("extra 'cloud'", "Choose one of"), {"cloud": "mars"}),
    "two ids of a managed identity": Case(
        ("extra 'client_id'", "and 'object_id' exclude each other", "Remove one"),
        {**OTHER_WAY, "auth": "managed_identity", "object_id": "00000000-0000-4000-8000-000000000003"},
    ),
    "an id for a way that finds out for itself": Case(
        ("extra 'client_id'", "is not used by auth 'default'"), {**OTHER_WAY, "auth": "default"}
    ),
    "an unknown source of assertions": Case(
        ("extra 'federated_source'", "'dex' is unknown", "Choose one of"),
        {"auth": "federated", "assertion_file": None, "federated_source": "dex"},
    ),
    "a cloud with an endpoint that is none": Case(
        ("extra 'cloud', 'authority'", "Give an address"),
        {"cloud": {**asdict(CLOUDS["public"]), "authority": "login.example"}},
    ),
}

IDENTITY = {
    "a wrong secret": Case(
        ("AADSTS7000215", "Mend:"),
        {"auth": "client_secret", "assertion_file": None},
        password="wrong-s3cr3t-word",
    ),
    "an unknown application": Case(
        ("AADSTS700016", "Mend:"), {"client_id": "00000000-0000-4000-8000-000000000001"}
    ),
    "an unknown tenant": Case(
        ("AADSTS90002", "Mend:"), {"tenant_id": "00000000-0000-4000-8000-000000000002"}
    ),
    "a token file that is not there": Case(
        ("extra 'assertion_file': '/nowhere/token'", "Check the path"), {"assertion_file": "/nowhere/token"}
    ),
    "an unknown workspace": Case(("elsewhere", "404"), {"workspace_name": "elsewhere"}, connection="owner"),
    "an identity without a role": Case(
        ("AuthorizationFailed", "Microsoft.MachineLearningServices/workspaces/", "Mend:"), connection="land"
    ),
}

DEFINITION = {
    "a definition file that is not there": Case(("nowhere.yml",), job="nowhere.yml"),
    "a definition that is no YAML": Case(("broken.yml",), job="broken.yml"),
    "no type": Case(("type", "is missing", "Choose one of"), job=job(type=None)),
    "an unknown type": Case(("type", "'comand'"), job=job(type="comand")),
    "a kind that is not compiled": Case(("type", "'sweep'", "REST body"), job=job(type="sweep")),
    "no command": Case(("command", "is missing"), job=job(command=None)),
    "no environment": Case(("environment", "is missing", "image"), job=job(environment=None)),
    "a misspelt field of the job": Case(("comand_line",), job=job(comand_line="x")),
    "a misspelt field with a near neighbour": Case(("enviroment", "environment"), job=job(enviroment=IMAGE)),
    "a use of an input that is not there": Case(
        ("command", "inputs.rows", "Add it"), job=job(command="cat ${{inputs.rows}}")
    ),
    "a number where text is wanted": Case(("command",), job=job(command=5)),
    "a code folder that is not there": Case(("code", "folder"), job=job(code="./nowhere")),
    "a conda file that is not there": Case(
        ("conda_file",), job=job(environment={**IMAGE, "conda_file": "./nowhere.yml"})
    ),
    "an unknown mode": Case(
        ("mode", "magic"),
        job=job(inputs={"rows": {"path": "azureml://datastores/lake/paths/a", "mode": "magic"}}),
    ),
    "an unknown identity type": Case(("identity", "magic"), arguments={"identity": {"type": "magic"}}),
    "an unknown access mode": Case(("access", "Choose one of"), arguments={"access": "magic"}),
}

INPUT = {
    "a local input that is not there": Case(
        ("inputs: rows: path", "nowhere", "does not exist"), job="absent.yml"
    ),
    "a local input": Case(("inputs: rows", "path", "is local", "azureml://datastores/"), job="local.yml"),
    "a local input of a dict": Case(
        ("inputs: rows: path", "Write an absolute path"), job=job(**reads("./x"))
    ),
    "a path in the lake that is not there": Case(
        ("inputs: rows: path", "nowhere/rows", "Correct the path"),
        job=job(**reads("azureml://datastores/lake/paths/nowhere/rows")),
    ),
    "an address in the lake that is not there": Case(
        ("inputs: rows: path", "there is nothing", "Correct the path"),
        job=job(**reads("abfss://data@classiclake.dfs.core.windows.net/nowhere/rows")),
    ),
    "a container that is not there": Case(
        ("inputs: rows: path", "no container 'nowhere'"),
        job=job(**reads("https://classiclake.blob.core.windows.net/nowhere/rows")),
    ),
    "a datastore that is not there": Case(
        ("inputs: rows: path", "datastore was not found"),
        job=job(**reads("azureml://datastores/nowhere/paths/rows")),
    ),
    "an input given by the operator that is not there": Case(
        ("inputs: rows: path", "Correct the path"),
        job=job(**reads("azureml://datastores/lake/paths/there")),
        arguments={"inputs": {"rows": "azureml://datastores/lake/paths/nowhere"}},
    ),
}

OTHERS = {
    "a sensor whose job is not there": Case(
        ("no-such-job", "404"), operator="sensor", arguments={"job": "no-such-job"}
    ),
    "a lake hook without an account": Case(
        ("extra 'account_url'", "is missing"), operator="lake", arguments={"source": __file__}
    ),
    "an account that is no host of the cloud": Case(
        ("extra 'account_url'", "https://<account>.dfs."),
        {"account_url": "https://example.com"},
        operator="lake",
        arguments={"source": __file__},
    ),
    "a vault hook without a vault": Case(
        ("extra 'vault_url'", "is missing"), operator="vault", arguments={"secret": "x"}
    ),
    "a secret that is not there": Case(
        ("SecretNotFound",),
        {"vault_url": "https://classicvault.vault.azure.net"},
        operator="vault",
        arguments={"secret": "no-such-secret"},
    ),
}

CASES = {**CONNECTION, **IDENTITY, **DEFINITION, **INPUT, **OTHERS}


def slug(name: str) -> str:
    return name.replace(" ", "_")


def connection(case: Case, sandbox: Sandbox, client: Client) -> dict[str, Any] | None:
    if case.connection == "none":
        return None
    account = {"land": "airflow-land", "owner": "owner"}.get(case.connection, "scientist")
    extra = {
        "auth": "workload_identity",
        "tenant_id": sandbox.description["tenant_id"],
        "client_id": sandbox.principal(account)["client_id"],
        "assertion_file": str(client.service_account_file(account)),
        "subscription_id": sandbox.description["subscription_id"],
        "resource_group": "classic",
        "workspace_name": "classic",
        **case.extra,
    }
    kept = {key: value for key, value in extra.items() if value is not None}
    kind = "http" if case.connection == "http" else "azureml"
    return {"conn_type": kind, "password": case.password, "extra": kept}


def run(cases: list[dict[str, Any]], environment: dict[str, str], home: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "wire" / "clients" / "bad_input.py")],
        input=json.dumps(cases),
        env={
            **environment,
            "PYTHONPATH": str(ROOT),
            "AIRFLOW_HOME": str(home / "airflow"),
            "AIRFLOW__AZUREML__DEPLOYMENT_ID": "wire",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        },
        cwd=home,
        capture_output=True,
        text=True,
        timeout=150,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def submitted(sandbox: Sandbox) -> set[str]:
    puts = (
        line["path"] for line in sandbox.requests() if line["method"] == "PUT" and "/jobs/" in line["path"]
    )
    return {path.rpartition("/")[2] for path in puts}


@pytest.fixture(scope="module")
def ended(
    sandbox: Sandbox, client: Client, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Any], set[str]]:
    """How each case ended, and the jobs that were put meanwhile."""
    home = tmp_path_factory.mktemp("bad")
    (home / "broken.yml").write_text("type: [command\n")
    (home / "here").write_text("x")
    (home / "local.yml").write_text(json.dumps(job(**reads("./here"))))
    (home / "absent.yml").write_text(json.dumps(job(**reads("./nowhere"))))
    write(client, "there/rows.csv")
    before = submitted(sandbox)
    cases = [
        {
            "name": slug(name),
            "connection": connection(case, sandbox, client),
            "operator": case.operator,
            "arguments": case.arguments if case.operator != "job" else {"job": case.job, **case.arguments},
        }
        for name, case in CASES.items()
    ]
    found = run(cases, sandbox.environment, home)
    return found, submitted(sandbox) - before


def write(client: Client, path: str) -> None:
    headers = {"x-ms-version": "2023-11-03", "x-ms-blob-type": "BlockBlob", **client.bearer("owner", STORAGE)}
    url = f"https://classiclake.blob.core.windows.net/data/{path}"
    client.http.put(url, content=b"a\n1\n", headers=headers).raise_for_status()


@pytest.mark.timeout(200)
@pytest.mark.parametrize("name", CASES, ids=slug)
def test_a_mistake_is_one_error_that_names_the_field_and_the_mend(
    ended: tuple[dict[str, Any], set[str]], name: str
) -> None:
    found = ended[0][slug(name)]
    assert found["error"], f"no error: {found}"
    missing = [text for text in CASES[name].names if text not in found["text"]]
    assert not missing, f"{found['error']}: {found['text']}"
    assert "Traceback" not in found["text"]
    if CASES[name].password:
        assert CASES[name].password not in found["text"]


@pytest.mark.timeout(200)
def test_no_mistake_leads_to_a_job(ended: tuple[dict[str, Any], set[str]]) -> None:
    assert ended[1] == set()


@pytest.mark.timeout(200)
def test_a_good_definition_with_data_that_is_there_does_lead_to_a_job(
    sandbox: Sandbox, client: Client, tmp_path: Path
) -> None:
    """The other half of the table: the same harness submits what is right."""
    write(client, "there/rows.csv")
    before = submitted(sandbox)
    run_client = {"type": "managed", "client_id": sandbox.principal("run-classic")["client_id"]}
    good = job(
        **reads("azureml://datastores/lake/paths/there"), identity=run_client, command="ls ${{inputs.rows}}"
    )
    case = {
        "name": "good",
        "connection": connection(Case(()), sandbox, client),
        "operator": "job",
        "arguments": {"job": good},
    }
    found = run([case], sandbox.environment, tmp_path)["good"]
    assert found["error"] == "", found["text"]
    assert "Completed" in found["text"]
    assert len(submitted(sandbox) - before) == 1


@pytest.mark.timeout(200)
def test_a_submitter_who_may_not_look_into_the_lake_submits_all_the_same(
    sandbox: Sandbox, client: Client, tmp_path: Path
) -> None:
    """The recommended submitter holds no data role: that the look is refused proves nothing."""
    before = submitted(sandbox)
    case = {
        "name": "unseen",
        "connection": {
            "conn_type": "azureml",
            "extra": {
                "auth": "federated",
                "tenant_id": sandbox.description["tenant_id"],
                "client_id": sandbox.principal("airflow-train")["client_id"],
                "federated_source": "managed_identity",
                "source_client_id": sandbox.principal("airflow-worker")["client_id"],
                "subscription_id": sandbox.description["subscription_id"],
                "resource_group": "nightly",
                "workspace_name": "nightly",
            },
        },
        "operator": "job",
        "arguments": {
            "job": job(
                **reads("azureml://datastores/features/paths/nowhere"),
                identity={"type": "managed", "client_id": sandbox.principal("run-train")["client_id"]},
                command="ls ${{inputs.rows}}",
            )
        },
    }
    found = run([case], sandbox.environment, tmp_path)["unseen"]
    # It is the job that finds out, and says so in Azure's words.
    assert "ScriptExecution.StreamAccess.NotFound" in found["text"], found
    assert len(submitted(sandbox) - before) == 1


@pytest.mark.timeout(200)
def test_an_unreachable_azure_is_one_error_within_a_minute(
    sandbox: Sandbox, client: Client, tmp_path: Path
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        proxy = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        names = ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy")
        environment = {**sandbox.environment, **dict.fromkeys(names, proxy)}
        case = {
            "name": "unreachable",
            "connection": connection(Case(()), sandbox, client),
            "operator": "job",
            "arguments": {"job": JOB},
        }
        found = run([case], environment, tmp_path)["unreachable"]
    assert found["error"] == "UnreachableError", found
    assert "NoAnswer" in found["text"]
    assert "login.microsoftonline.com" in found["text"] or "management.azure.com" in found["text"]
    assert found["seconds"] < 60
