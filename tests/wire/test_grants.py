# SPDX-License-Identifier: Apache-2.0
"""Grants for the time of a run, over HTTP: the broker grants, the grantee tries it out, the teardown revokes."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskDeferred

from airflow_provider_azureml.access.grant import LEASED, STANDING
from airflow_provider_azureml.cli.console import main
from airflow_provider_azureml.compat import AirflowException, AirflowFailException
from airflow_provider_azureml.hooks.azureml import AzureMLHook
from airflow_provider_azureml.hooks.broker import Broker
from airflow_provider_azureml.operators.grant import (
    AzureMLGrantAccessOperator,
    AzureMLGrantReaperOperator,
    AzureMLRevokeAccessOperator,
)
from tests.wire.conftest import Sandbox
from tests.wire.granting import ADMINISTRATOR, BROKER, LAND, READER, Azure, with_broker
from tests.wire.identities import Client
from tests.wire.worker import acting_as_worker, context


@pytest.fixture(scope="module")
def worker(sandbox: Sandbox) -> Iterator[dict[str, str]]:
    with acting_as_worker(sandbox) as own, with_broker(sandbox):
        yield own


@pytest.fixture
def azure(sandbox: Sandbox, client: Client, worker: dict[str, str]) -> Azure:
    return Azure(sandbox, client)


def granting(grants: list[dict[str, str]], **options: Any) -> AzureMLGrantAccessOperator:
    given = {"task_id": "grant", "grants": grants, "minimum_wait": 0.0, "poll_interval": 0.3, "timeout": 30.0}
    return AzureMLGrantAccessOperator(**{**given, **options})


def revoke(granted: Any) -> dict[str, str]:
    task = AzureMLRevokeAccessOperator(task_id="revoke", granted=granted)
    outcomes: dict[str, str] = task.execute(context("revoke"))
    return outcomes


def how(granted: dict[str, Any]) -> list[str]:
    return [each["how"] for each in granted["grants"]]


def test_the_grantee_tries_out_what_it_was_granted_and_can_do_it_when_the_setup_ends(azure: Azure) -> None:
    assert azure.reads("airflow-land") == 403
    began = time.monotonic()
    with azure.lagging(4.0):
        granted = granting([azure.grant()], probe_conn_id=LAND).execute(context("grant"))
        seen = [azure.reads("airflow-land") for _ in range(3)]
    assert how(granted) == [LEASED]
    assert time.monotonic() - began > 1.0
    assert seen.count(200) >= 2  # a replica may lag a moment longer
    assert list(revoke(granted).values()) == ["deleted"]
    assert azure.reads("airflow-land") == 403
    who = azure.sandbox.principal("airflow-land")["object_id"]
    assert azure.effects() == [("created", who, READER), ("deleted", who, READER)]


def test_two_runs_share_one_assignment_and_the_last_one_ends_it(azure: Azure) -> None:
    first, second = (granting([azure.grant()]).execute(context("grant")) for _ in range(2))
    assert [how(first), how(second)] == [[LEASED], [LEASED]]
    assert list(revoke(first).values()) == ["kept"]
    assert azure.reads("airflow-land") == 200
    assert list(revoke(second).values()) == ["deleted"]
    assert [effect for effect, _, _ in azure.effects()] == ["created", "deleted"]


def test_a_standing_grant_is_adopted_and_never_deleted(azure: Azure) -> None:
    name, scope = str(uuid.uuid4()), azure.container("models")
    azure.assign("airflow-land", READER, scope, name)
    azure.effects()
    try:
        granted = granting([azure.grant()]).execute(context("grant"))
        assert how(granted) == [STANDING]
        assert list(revoke(granted).values()) == [STANDING]
        assert azure.effects() == []
    finally:
        azure.unassign(scope, name)


def test_the_wait_goes_to_the_triggerer_and_comes_back_with_the_result(azure: Azure) -> None:
    task = granting([azure.grant()], probe_conn_id=LAND, deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(context("grant"))
    _, arguments = deferred.value.trigger.serialize()
    record = json.loads(json.dumps(arguments))["carried"]
    event = {"reason": "ended", "error": "", "looks": 2, "carried": record}
    result = task.proceed(context("grant"), event)
    assert result == record
    revoke(result)


async def test_the_trigger_fires_once_the_grantee_has_seen_it_twice(azure: Azure) -> None:
    task = granting([azure.grant()], probe_conn_id=LAND, deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(context("grant"))
    trigger = deferred.value.trigger
    trigger.task_instance = SimpleNamespace(
        dag_id="wire", run_id="r", task_id="grant", map_index=-1, try_number=1
    )
    (event,) = [event async for event in trigger.run()]
    assert event.payload["reason"] == "ended"
    assert event.payload["looks"] >= 2
    revoke(event.payload["carried"])


def test_what_does_not_work_in_time_is_given_back(azure: Azure) -> None:
    with azure.lagging(3600.0):
        task = granting([azure.grant()], probe_conn_id=LAND, timeout=2.0)
        with pytest.raises(AirflowException, match="does not work: not within"):
            task.execute(context("grant"))
    assert [effect for effect, _, _ in azure.effects()] == ["created", "deleted"]


def test_the_broker_cannot_grant_outside_of_its_own_scope_and_the_error_says_how_to_mend_it(
    azure: Azure,
) -> None:
    scope = azure.sandbox.scope("classic", "Microsoft.Storage/storageAccounts", "classiclake")
    grants = [azure.grant(), azure.grant(scope=f"{scope}/blobServices/default/containers/data")]
    with pytest.raises(AirflowFailException, match=r"Microsoft\.Authorization/roleAssignments/") as refused:
        granting(grants).execute(context("grant"))
    assert "Mend:" in str(refused.value)
    assert f"connection '{BROKER}'" in str(refused.value)
    assert [effect for effect, _, _ in azure.effects()] == [
        "created",
        "deleted",
    ]  # the first one was given back


def test_the_reaper_ends_what_no_teardown_gave_back_and_nothing_else(azure: Azure) -> None:
    scopes = [azure.sandbox.scope("nightly")]
    broker = Broker(AzureMLHook(BROKER))
    broker.take(broker.grant_of(azure.grant()), "a run that died", "1", 1.0)
    alive = granting([azure.grant("features")]).execute(context("grant"))
    time.sleep(2.1)
    azure.effects()
    dry = AzureMLGrantReaperOperator(task_id="reap", scopes=scopes).execute(context("reap"))
    assert (dry["ours"], dry["due"], dry["deleted"]) == (2, 1, 0)
    assert azure.effects() == []
    found = reaper(scopes).execute(context("reap"))
    assert (found["due"], found["deleted"], found["failed"]) == (1, 1, 0)
    assert (found["limit"], found["used"] > 10) == (4000, True)
    assert [effect for effect, _, _ in azure.effects()] == ["deleted"]
    assert reaper(scopes).execute(context("reap"))["due"] == 0
    assert list(revoke(alive).values()) == ["deleted"]


def reaper(scopes: list[str]) -> AzureMLGrantReaperOperator:
    return AzureMLGrantReaperOperator(task_id="reap", scopes=scopes, dry_run=False)


def test_the_audit_log_tells_who_was_granted_what_until_when_since_when_it_works_and_that_it_ended(
    azure: Azure, worker: dict[str, str]
) -> None:
    revoke(granting([azure.grant()]).execute(context("grant")))
    lines = [
        json.loads(line)
        for path in Path(worker["AIRFLOW__AZUREML__AUDIT_PATH"]).rglob("*.jsonl")
        for line in path.read_text().splitlines()
    ]
    who = azure.sandbox.principal("airflow-land")["object_id"]
    events = {}
    for line in lines:
        if line.get("detail", {}).get("principalId") == who and line["detail"]["scope"] == azure.container(
            "models"
        ):
            events[line["action"]] = line["detail"]
    granted = events["Microsoft.Authorization/roleAssignments/write"]
    assert granted["roleDefinitionId"] == READER
    assert " exp=" in granted["description"]
    assert events["airflow/grant/effective"]["roleDefinitionId"] == READER
    assert events["Microsoft.Authorization/roleAssignments/delete"]["reason"] == "revoke"


def test_the_command_line_says_what_it_would_delete_and_deletes_it_with_yes(
    azure: Azure, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "")
    broker = Broker(AzureMLHook(BROKER))
    broker.take(broker.grant_of(azure.grant()), "a run that died", "1", 1.0)
    time.sleep(2.1)
    azure.effects()
    command = ["access", "reap", "--scope", azure.sandbox.scope("nightly")]
    assert main(command) == 1
    assert "1 are over (0 deleted" in capsys.readouterr().out
    assert azure.effects() == []
    assert main([*command, "--yes"]) == 0
    assert [effect for effect, _, _ in azure.effects()] == ["deleted"]


BROKERS_CONDITION = (
    "((!(ActionMatches{{'Microsoft.Authorization/roleAssignments/write'}})) OR "
    "(@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {{{role}}} AND "
    "@Request[Microsoft.Authorization/roleAssignments:PrincipalId] ForAnyOfAnyValues:GuidEquals {{{who}}})) AND "
    "((!(ActionMatches{{'Microsoft.Authorization/roleAssignments/delete'}})) OR "
    "(@Resource[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {{{role}}} AND "
    "@Resource[Microsoft.Authorization/roleAssignments:PrincipalId] ForAnyOfAnyValues:GuidEquals {{{who}}}))"
)


@pytest.fixture
def confined(azure: Azure) -> Iterator[str]:
    """A container where the broker may give one role to one principal."""
    scope, name = azure.sandbox.scope("classic"), str(uuid.uuid4())
    who = azure.sandbox.principal("airflow-land")["object_id"]
    azure.assign("broker", ADMINISTRATOR, scope, name, BROKERS_CONDITION.format(role=READER, who=who))
    account = azure.sandbox.scope("classic", "Microsoft.Storage/storageAccounts", "classiclake")
    azure.effects()
    yield f"{account}/blobServices/default/containers/data"
    azure.unassign(scope, name)


def test_a_broker_with_a_condition_gives_what_it_names(azure: Azure, confined: str) -> None:
    granted = granting([azure.grant(scope=confined)]).execute(context("grant"))
    assert how(granted) == [LEASED]
    assert list(revoke(granted).values()) == ["deleted"]


@pytest.mark.parametrize(
    "change",
    [{"role": "Storage Blob Data Contributor"}, {"principal": "run-train"}],
    ids=["another role", "another principal"],
)
def test_outside_of_its_condition_azure_refuses_and_the_error_says_so(
    azure: Azure, confined: str, change: dict[str, str]
) -> None:
    with pytest.raises(AirflowFailException, match=r"roleAssignments/write") as refused:
        granting([azure.grant(**{**change, "scope": confined})]).execute(context("grant"))
    assert "the condition of its own role refuses" in str(refused.value)
    assert azure.effects() == []


def test_a_grant_has_a_condition_of_its_own_and_is_taken_back_by_it(azure: Azure) -> None:
    condition = (
        "((!(ActionMatches{'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read'})) OR "
        "(@Resource[Microsoft.Storage/storageAccounts/blobServices/containers:name] StringEquals 'models'))"
    )
    granted = granting([azure.grant(condition=condition)], probe_conn_id=LAND).execute(context("grant"))
    assert azure.reads("airflow-land") == 200
    assert list(revoke(granted).values()) == ["deleted"]


def test_pim_grants_what_azure_itself_ends_and_removes_nothing_in_its_first_minutes(azure: Azure) -> None:
    pim = {"through": "schedule", "valid_for": 600, "probe_conn_id": LAND}
    try:
        granted = granting([azure.grant("features")], **pim).execute(context("grant"))
        assert how(granted) == [LEASED]
        assert azure.reads("airflow-land", "features") == 200
        assert list(revoke(granted).values()) == ["left to its end"]
        again = granting([azure.grant("features")], **pim).execute(context("grant"))
        assert how(again) == [LEASED]  # made longer, and not taken for somebody's standing one
        assert azure.effects()[0][0] == "created"
    finally:
        azure.clear("features", "airflow-land")


def test_without_a_probe_what_pim_granted_is_found_by_what_it_grants(azure: Azure) -> None:
    grants, pim = [azure.grant(principal="run-prep")], {"through": "schedule", "valid_for": 600}
    try:
        granted = granting(grants, **pim).execute(context("grant"))
        assert how(granted) == [LEASED]
        assert len(azure.held("models", "run-prep")) == 1
        assert list(revoke(granted).values()) == ["left to its end"]
    finally:
        azure.clear("models", "run-prep")


def test_a_grant_that_a_person_would_have_to_approve_fails_at_once_and_says_so(azure: Azure) -> None:
    grants = [azure.grant("raw", principal="run-train", role="Storage Blob Data Owner")]
    began = time.monotonic()
    with pytest.raises(AirflowFailException, match="wants a person's approval"):
        granting(grants, through="schedule").execute(context("grant"))
    assert time.monotonic() - began < 5.0
    assert azure.effects() == []


def test_what_a_job_lacks_is_inferred_from_its_definition(azure: Azure) -> None:
    job = {
        "type": "command",
        "command": "cat ${{inputs.data}}/*",
        "environment": {"image": "mcr.microsoft.com/azureml/openmpi5.0-ubuntu24.04"},
        "inputs": {
            "data": {"type": "uri_folder", "path": "azureml://datastores/raw/paths/wire/"},
            "old": {"type": "uri_folder", "path": "azureml://datastores/features/paths/wire/"},
        },
        "identity": {"type": "managed", "client_id": azure.sandbox.principal("run-train")["client_id"]},
    }
    granted = granting([], job=job, job_conn_id="azureml_train").execute(context("grant"))
    assert [(each["scope"], each["role_name"]) for each in granted["grants"]] == [
        (azure.container("raw"), "Storage Blob Data Reader")
    ]
    again = granting([], job=job, job_conn_id="azureml_train").execute(context("grant"))
    assert how(again) == [LEASED]  # what is there for another run's time only is leased, too
    assert [*revoke(granted).values(), *revoke(again).values()] == ["kept", "deleted"]


def test_a_job_is_looked_at_as_the_connection_that_submits_it(azure: Azure) -> None:
    with pytest.raises(AirflowFailException, match="job_conn_id"):
        granting([], job={"type": "command"}).execute(context("grant"))
