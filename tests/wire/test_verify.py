# SPDX-License-Identifier: Apache-2.0
"""`access="verify"` and `"grant"` over HTTP: who would be refused is told before the submit, or is granted for it."""

from __future__ import annotations

import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskDeferred

from airflow_provider_azureml.compat import AirflowException, AirflowFailException
from airflow_provider_azureml.hooks import verifying
from airflow_provider_azureml.hooks.azureml import AzureMLHook
from airflow_provider_azureml.hooks.broker import Broker
from airflow_provider_azureml.hooks.lake import AzureDataLakeHook
from airflow_provider_azureml.operators.job import AzureMLRunJobOperator
from airflow_provider_azureml.operators.verifying import verify
from airflow_provider_azureml.rest import job as job_flows
from airflow_provider_azureml.rest import lease as registers
from airflow_provider_azureml.rest.assignment import Grant
from airflow_provider_azureml.rest.lease import Register
from tests.wire.conftest import Sandbox
from tests.wire.granting import BROKER, READER, Azure, with_broker
from tests.wire.identities import Client
from tests.wire.worker import IMAGE, acting_as_worker, context

TRAIN = "azureml_train"
READ = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"


@pytest.fixture(scope="module")
def worker(sandbox: Sandbox) -> Iterator[dict[str, str]]:
    with acting_as_worker(sandbox) as own:
        yield own


@pytest.fixture
def broker(sandbox: Sandbox, worker: dict[str, str]) -> Iterator[None]:
    with with_broker(sandbox):
        yield


@pytest.fixture
def azure(sandbox: Sandbox, client: Client, worker: dict[str, str]) -> Azure:
    verifying.MEMORY.clear()
    return Azure(sandbox, client)


def runs(
    azure: Azure,
    store: str,
    identity: str = "run-train",
    command: str = "cat ${{inputs.data}}/*",
    folder: str = "wire",
    **options: Any,
) -> AzureMLRunJobOperator:
    job = {
        "type": "command",
        "command": command,
        "environment": IMAGE,
        "inputs": {"data": {"type": "uri_folder", "path": f"azureml://datastores/{store}/paths/{folder}/"}},
        "identity": {"type": "managed", "client_id": azure.sandbox.principal(identity)["client_id"]},
    }
    given = {"azureml_conn_id": TRAIN, "access": "verify", "poll_interval": 0.3, "stream_logs": False}
    return AzureMLRunJobOperator(task_id="run", job=job, **{**given, **options})


def asked(azure: Azure, since: int) -> list[str]:
    """Requests of submitter and broker since a place in the request log: a job of an earlier test may still write."""
    ours = {azure.sandbox.principal(name)["object_id"] for name in ("airflow-train", "broker")}
    rows = azure.sandbox.requests()[since:]
    return [f"{row['method']} {row['host']}{row['path']}" for row in rows if row["object_id"] in ours]


def submits(azure: Azure, since: int) -> list[str]:
    return [each for each in asked(azure, since) if each.startswith("PUT") and "/jobs/" in each]


@pytest.mark.usefixtures("broker")
def test_a_run_identity_that_may_not_read_its_input_stops_the_job_before_the_submit(azure: Azure) -> None:
    since = len(azure.sandbox.requests())
    with pytest.raises(AirflowFailException) as refused:
        runs(azure, "raw").execute(context("run"))
    said, who = str(refused.value), azure.sandbox.principal("run-train")["object_id"]
    assert said.startswith("access: the job was not submitted")
    for word in (READ, azure.container("raw"), who, "input 'data' reads"):
        assert word in said
    assert (
        f"az role assignment create --assignee-object-id {who} --assignee-principal-type ServicePrincipal "
        f"--role 'Storage Blob Data Reader' --scope {azure.container('raw')}"
    ) in said
    assert submits(azure, since) == []


@pytest.mark.usefixtures("broker")
def test_a_submitter_that_may_not_assign_the_run_identity_is_told_so(azure: Azure) -> None:
    with pytest.raises(
        AirflowFailException, match=r"the submitter .*userAssignedIdentities/assign"
    ) as refused:
        runs(azure, "raw", identity="run-prep").execute(context("run"))
    assert "--role 'Managed Identity Operator'" in str(refused.value)


def test_without_a_broker_what_nobody_may_read_is_said_in_one_line_and_stops_nothing(
    azure: Azure, capsys: pytest.CaptureFixture[str]
) -> None:
    task = runs(azure, "features")
    judged = verify(task, task.compiled)
    verdicts = {each.wanted.who: each.decision.verdict for each in judged}
    assert verdicts == {"submitter": "ALLOWED", "run": "UNKNOWN"}
    said = [line for line in capsys.readouterr().out.splitlines() if "Access is not certain" in line]
    assert len(said) == 1
    assert "could not be read (403 AuthorizationFailed)" in said[0]


@pytest.mark.usefixtures("broker")
def test_what_is_allowed_is_submitted(azure: Azure) -> None:
    since = len(azure.sandbox.requests())
    runs(azure, "features", wait_for_completion=False).execute(context("run"))
    assert len(submits(azure, since)) == 1


@pytest.mark.usefixtures("broker")
def test_a_refusal_is_not_remembered_a_permission_is(azure: Azure) -> None:
    task, scope, name = runs(azure, "raw"), azure.container("raw"), "33333333-2222-4333-8444-555555555555"
    with pytest.raises(Exception, match="lacks data action"):
        verify(task, task.compiled)
    azure.assign("run-train", "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1", scope, name)
    try:
        assert {each.decision.verdict for each in verify(task, task.compiled)} == {"ALLOWED"}
    finally:
        azure.unassign(scope, name)


@pytest.fixture
def opened(azure: Azure) -> Iterator[None]:
    """An input of its own, which the run identity reads by ACL and without any role."""
    upload(azure, "raw", "opened")
    ways = {"raw/": "--x", "raw/opened": "r-x", "raw/opened/data.txt": "r--"}
    for path, letters in ways.items():
        azure.open_by_acl(path, letters)
    yield
    for path in ways:
        azure.open_by_acl(path, "")


@pytest.mark.usefixtures("broker", "opened")
def test_a_job_that_acls_let_in_without_a_role_is_submitted_where_the_broker_may_read_them(
    azure: Azure,
) -> None:
    scope, name = azure.container("raw"), "33333333-2222-4333-8444-666666666666"
    task = runs(azure, "raw", folder="opened")
    with pytest.raises(Exception, match=r"ACL of '/' cannot be read \(403 AuthorizationPermissionMismatch\)"):
        verify(task, task.compiled)
    azure.assign("broker", READER, scope, name)
    try:
        assert task.execute(context("run"))["status"] == "Completed"
        azure.open_by_acl("raw/opened", "--x")
        with pytest.raises(AirflowFailException, match="nor does the ACL of '/opened' give it r-x"):
            runs(azure, "raw", folder="opened").execute(context("run"))
    finally:
        azure.unassign(scope, name)


@pytest.mark.usefixtures("broker", "opened", "soon")
def test_what_acls_give_already_is_not_granted(azure: Azure) -> None:
    scope, name = azure.container("raw"), "33333333-2222-4333-8444-777777777777"
    azure.assign("broker", READER, scope, name)
    azure.effects()
    try:
        done = runs(azure, "raw", folder="opened", access="grant").execute(context("run"))
        assert (done["status"], azure.effects()) == ("Completed", [])
    finally:
        azure.unassign(scope, name)


@pytest.mark.usefixtures("broker")
def test_verifying_costs_few_requests_and_little_time_when_warm(
    azure: Azure, capsys: pytest.CaptureFixture[str]
) -> None:
    """The goal: at most 3 requests and 300 ms. Cold is a worker process that has never looked."""
    task = runs(azure, "features")
    cold, cold_ms = measured(azure, task)
    other = runs(azure, "models")  # another job of the same identity and account
    new, new_ms = measured(azure, other)
    warm, warm_ms = measured(azure, task)
    told = f"cold {cold} requests, {cold_ms:.0f} ms; another job {new}, {new_ms:.0f} ms; again {warm}, {warm_ms:.1f} ms"
    with capsys.disabled():
        sys.stdout.write(f"\nverify: {told}\n")
    assert (new, warm) == (0, 0)
    assert cold <= 8
    assert max(new_ms, warm_ms) <= 300


def measured(azure: Azure, task: AzureMLRunJobOperator) -> tuple[int, float]:
    compiled, since = task.compiled, len(azure.sandbox.requests())
    began = time.perf_counter()
    verify(task, compiled)
    took = (time.perf_counter() - began) * 1000
    return len(asked(azure, since)), took


# --- access="grant" -----------------------------------------------------------------------------


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sandbox heeds a grant at once, so that nobody has to wait two minutes for it."""
    monkeypatch.setenv("AIRFLOW__AZUREML__GRANT_WAIT", "0")


@pytest.mark.usefixtures("broker", "soon")
def test_what_the_run_identity_lacks_is_granted_for_the_job_and_taken_back_at_its_end(azure: Azure) -> None:
    upload(azure, "raw")
    done = runs(azure, "raw", access="grant").execute(context("run"))
    assert done["status"] == "Completed"
    who = azure.sandbox.principal("run-train")["object_id"]
    assert azure.effects() == [("created", who, READER), ("deleted", who, READER)]


@pytest.mark.usefixtures("broker", "soon")
def test_a_job_that_fails_gives_back_what_it_was_granted(azure: Azure) -> None:
    upload(azure, "raw")
    with pytest.raises(AirflowException):
        runs(azure, "raw", access="grant", command="cat ${{inputs.data}}/*; exit 3").execute(context("run"))
    assert [effect for effect, _, _ in azure.effects()] == ["created", "deleted"]


@pytest.mark.usefixtures("broker", "soon")
def test_the_wait_and_the_job_may_both_be_deferred(azure: Azure) -> None:
    upload(azure, "raw")
    task, given = runs(azure, "raw", access="grant", deferrable=True), context("run")
    with pytest.raises(TaskDeferred) as granted:
        task.execute(given)
    assert granted.value.method_name == "resume_granted"
    assert [effect for effect, _, _ in azure.effects()] == ["created"]
    with pytest.raises(TaskDeferred) as submitted:
        task.resume_granted(given, {"reason": "ended", "error": "", "looks": 2})
    name = submitted.value.trigger.job_name
    until_ended(name)
    event = {
        "name": name,
        "owner": name.rpartition("-")[0],
        "reason": "ended",
        "status": "Completed",
        "error": "",
    }
    assert task.resume(given, event)["status"] == "Completed"
    assert [effect for effect, _, _ in azure.effects()] == ["deleted"]


@pytest.mark.usefixtures("broker", "soon")
def test_a_grant_that_never_works_is_given_back_and_no_job_is_submitted(azure: Azure) -> None:
    task, given, since = (
        runs(azure, "raw", access="grant", deferrable=True),
        context("run"),
        len(azure.sandbox.requests()),
    )
    with pytest.raises(TaskDeferred):
        task.execute(given)
    with pytest.raises(AirflowException, match="does not work: not within"):
        task.resume_granted(given, {"reason": "timeout", "error": "", "looks": 30})
    assert submits(azure, since) == []
    assert [effect for effect, _, _ in azure.effects()] == ["created", "deleted"]


@pytest.mark.usefixtures("broker")
def test_a_job_that_is_not_waited_for_is_not_granted_anything(azure: Azure) -> None:
    with pytest.raises(AirflowFailException, match="Set wait_for_completion"):
        runs(azure, "raw", access="grant", wait_for_completion=False).execute(context("run"))


def test_grant_without_a_broker_says_how_to_name_one(azure: Azure) -> None:
    with pytest.raises(AirflowFailException, match="BROKER_CONN_ID"):
        runs(azure, "raw", access="grant").execute(context("run"))


def upload(azure: Azure, container: str, folder: str = "wire") -> None:
    """The input that the job reads."""
    AzureDataLakeHook("azureml_land").upload_bytes(container, f"{folder}/data.txt", b"hello")
    azure.effects()


def until_ended(name: str) -> None:
    hook = AzureMLHook(TRAIN)
    deadline = time.monotonic() + 60
    while not hook.run(job_flows.get(hook.workspace, name)).is_terminal:
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.mark.usefixtures("broker", "soon")
def test_a_try_that_goes_on_with_the_job_of_one_that_died_takes_over_its_grant(azure: Azure) -> None:
    upload(azure, "raw")
    slow = {"access": "grant", "command": "sleep 3; cat ${{inputs.data}}/*"}
    first, run_id = runs(azure, "raw", deferrable=True, **slow), str(uuid.uuid4())
    given = context("run", run_id=run_id)
    with pytest.raises(TaskDeferred):
        first.execute(given)
    with pytest.raises(TaskDeferred):
        first.resume_granted(given, {"reason": "ended", "error": "", "looks": 2})
    done = runs(azure, "raw", **slow).execute(context("run", number=2, run_id=run_id))
    assert (done["status"], done["name"][-2:]) == ("Completed", "-0")
    assert [effect for effect, _, _ in azure.effects() if effect != "updated"] == ["created", "deleted"]


@pytest.fixture
def second_generation(azure: Azure, broker: None) -> Iterator[None]:
    """What is left of a register after one run that was deleting its assignment was taken for dead."""
    desk, hook = Broker(AzureMLHook(BROKER)).desk, AzureMLHook(BROKER)
    grant = Grant(azure.sandbox.principal("run-train")["object_id"], READER, azure.container("raw"))
    url = desk.url(grant)
    etag = hook.run(registers.read(url)).etag
    hook.run(registers.write(url, Register((), "", grant.notes, 1), etag))
    yield
    hook.run(registers.remove(url, hook.run(registers.read(url)).etag))


@pytest.mark.usefixtures("second_generation", "soon")
def test_a_grant_of_a_later_generation_is_waited_for_and_noted_by_its_own_name(
    azure: Azure, worker: dict[str, str]
) -> None:
    upload(azure, "raw")
    task, run_id = runs(azure, "raw", access="grant", deferrable=True), str(uuid.uuid4())
    given = context("run", run_id=run_id)
    with pytest.raises(TaskDeferred) as granted:
        task.execute(given)
    made = [Grant(**probe["grant"]).name for probe in granted.value.trigger.probes]
    assert made == azure.held("raw", "run-train")
    with pytest.raises(TaskDeferred):
        task.resume_granted(given, {"reason": "ended", "error": "", "looks": 2})
    runs(azure, "raw", access="grant").execute(context("run", number=2, run_id=run_id))
    assert [effect for effect, _, _ in azure.effects() if effect != "updated"] == ["created", "deleted"]
    audit = "".join(
        path.read_text() for path in Path(worker["AIRFLOW__AZUREML__AUDIT_PATH"]).rglob("*.jsonl")
    )
    effective = [line for line in audit.splitlines() if "airflow/grant/effective" in line]
    assert made[0] in effective[-1]
