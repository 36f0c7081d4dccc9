# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_azureml.access.needs import (
    ASSIGN,
    BLOBS,
    ML,
    SECRETS,
    Wanted,
    needs_of_job,
    needs_of_operator,
    needs_of_rotation,
)
from airflow_provider_azureml.access.roles import ROLES, allows
from airflow_provider_azureml.spec.job import compile_job
from tests.unit.access.places import FACTS, FEATURES, PREP, RAW, TRAIN, VAULT, WORKSPACE

JOBS = Path(__file__).parents[3] / "dags_examples" / "jobs"


def needs(job: str | dict[str, Any], **overrides: Any) -> list[Wanted]:
    compiled = compile_job(JOBS / job if isinstance(job, str) else job, WORKSPACE, overrides)
    return needs_of_job(compiled, FACTS)


def data(found: list[Wanted]) -> set[tuple[str, str, str, str]]:
    """Who, verb, container scope, path or prefix."""
    return {
        (
            each.principal,
            each.need.action.removeprefix(f"{BLOBS}/"),
            each.need.scope,
            str(each.need.attributes.get("path", each.need.attributes.get("prefix"))),
        )
        for each in found
        if each.who == "run"
    }


def test_the_examples_spark_job_reads_raw_and_writes_features_as_its_own_identity() -> None:
    found = needs("prep.yml", identity={"type": "managed", "client_id": PREP.client_id})
    writes = {
        ("oid-prep", verb, FEATURES, "flights/")
        for verb in ("read", "write", "add/action", "delete", "move/action")
    }
    assert data(found) == {("oid-prep", "read", RAW, "flights/"), *writes}


def test_its_submitter_must_be_allowed_to_assign_that_identity_and_to_upload_code() -> None:
    found = needs("prep.yml", identity={"type": "managed", "client_id": PREP.client_id})
    mine = {each.need.action: each for each in found if each.who == "submitter"}
    assert (mine[ASSIGN].need.scope, mine[ASSIGN].role) == (PREP.resource_id, "Managed Identity Operator")
    assert {f"{ML}/jobs/write", f"{ML}/codes/versions/write"} <= mine.keys()
    assert f"{ML}/environments/versions/write" not in mine
    assert {each.principal for each in mine.values()} == {"oid-submitter"}


def test_an_environment_and_a_compute_ask_for_more_of_the_submitter() -> None:
    actions = {each.need.action for each in needs("train.yml", compute="azureml:cluster")}
    assert {f"{ML}/environments/versions/write", f"{ML}/computes/read"} <= actions


def test_every_role_that_is_proposed_allows_what_it_is_proposed_for() -> None:
    found = [
        *needs("train.yml", identity={"type": "managed", "client_id": TRAIN.client_id}),
        *needs_of_operator("AzureMLRegisterModelOperator", FACTS),
        *needs_of_rotation(VAULT, "x"),
    ]
    assert [each for each in found if not allows(ROLES[each.role], each.need.action, each.need.data)] == []


COMMAND: dict[str, Any] = {
    "type": "command",
    "command": "x",
    "environment": "azureml:e:1",
    "identity": {"type": "managed", "client_id": TRAIN.client_id},
}


def test_an_output_without_a_path_is_written_to_the_default_store() -> None:
    found = data(needs({**COMMAND, "outputs": {"o": None}}))
    assert {place for _, _, place, _ in found} == {FACTS.default_datastore.scope}  # type: ignore[union-attr]


def test_a_mounted_input_that_is_writable_is_written() -> None:
    binding = {"path": "azureml://datastores/raw/paths/a", "mode": "rw_mount"}
    assert "write" in {verb for _, verb, _, _ in data(needs({**COMMAND, "inputs": {"i": binding}}))}


def test_a_single_file_is_not_listed() -> None:
    binding = {"type": "uri_file", "path": "azureml://datastores/raw/paths/a.csv"}
    (only,) = [each for each in needs({**COMMAND, "inputs": {"i": binding}}) if each.who == "run"]
    assert only.need.attributes == {"container": "raw", "suboperation": "", "path": "a.csv"}


def test_a_secret_that_is_named_by_its_address_is_read() -> None:
    address = "https://nightlyvault.vault.azure.net/secrets/db"
    found = needs({**COMMAND, "environment_variables": {"DB": address, "COPY": address}})
    mine = [each for each in found if each.need.action.startswith(SECRETS)]
    assert [each.need.scope for each in mine] == [f"{VAULT}/secrets/db"] * 2
    assert {each.principal for each in mine} == {"oid-train"}


@pytest.mark.parametrize(
    ("uri", "identity", "secret", "doubt"),
    [
        ("azureml://datastores/keyed/paths/a", TRAIN.client_id, "AccountKey", ""),
        ("azureml://datastores/none/paths/a", TRAIN.client_id, "", "no datastore 'none'"),
        ("azureml://datastores/raw/paths/a", PREP.client_id.replace("2", "9"), "", "is not attached"),
    ],
)
def test_what_cannot_be_judged_is_said(uri: str, identity: str, secret: str, doubt: str) -> None:
    job = {**COMMAND, "identity": {"type": "managed", "client_id": identity}, "inputs": {"i": {"path": uri}}}
    found = [each for each in needs(job) if each.who == "run"]
    assert found
    assert all(each.secret == secret and doubt in each.doubt for each in found)


def test_a_vault_that_was_not_found_is_a_doubt() -> None:
    assert all(each.doubt and not each.need.scope for each in needs_of_rotation("", "x"))


def test_an_operator_that_is_not_ours_needs_nothing_that_is_known() -> None:
    assert needs_of_operator("BashOperator", FACTS) == []


def test_each_sensor_and_operator_is_served_by_the_role_that_is_proposed() -> None:
    names = ("AzureMLReaperOperator", "AzureMLJobSensor", "AzureMLComputeSensor", "AzureMLDataSensor")
    found = [each for name in (*names, "AzureMLModelSensor") for each in needs_of_operator(name, FACTS)]
    assert len(found) > 8
    assert all(allows(ROLES[each.role], each.need.action) for each in found)
