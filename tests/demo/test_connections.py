# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_provider_azureml.connection import Settings, parse
from demo import connections
from demo.azure import Azure

SEED = yaml.safe_load((Path(__file__).parents[2] / "demo" / "seed.yaml").read_text(encoding="utf8"))
GUID = "33333333-0000-0000-0000-0000000000{:02d}"


@pytest.fixture
def azure() -> Azure:
    names = [entry["name"] for section in ("applications", "managed_identities") for entry in SEED[section]]
    principals = {name: {"client_id": GUID.format(number)} for number, name in enumerate(names)}
    return Azure(
        {
            "tenant_id": GUID.format(98),
            "subscription_id": GUID.format(99),
            "principals": principals,
            "service_account_tokens": "/tokens",
        }
    )


def parsed(azure: Azure) -> dict[str, Settings]:
    return {
        name: parse(name, str(value["conn_type"]), None, None, None, dict(value["extra"]))  # type: ignore[call-overload]
        for name, value in connections.connections(azure).items()
    }


def test_every_connection_is_one_that_the_provider_accepts(azure: Azure) -> None:
    assert {one.auth for one in parsed(azure).values()} == {"workload_identity", "federated", "client_secret"}


def test_no_connection_holds_a_secret(azure: Azure) -> None:
    assert not any(one.password for one in parsed(azure).values())
    assert "password" not in json.dumps(connections.variables(azure))


def test_every_task_has_a_connection_and_every_connection_an_identity_of_its_own(azure: Azure) -> None:
    by_connection: dict[str, set[str]] = {}
    for connection, submitter, _ in connections.TASKS.values():
        by_connection.setdefault(connection, set()).add(submitter)
    assert by_connection.keys() == connections.connections(azure).keys()
    assert all(len(submitters) == 1 for submitters in by_connection.values())
    assert len(set.union(*by_connection.values())) == len(by_connection)
    for name, settings in parsed(azure).items():
        assert settings.client_id == azure.client_id(*by_connection[name])


def roles(principal: str) -> set[tuple[str, str]]:
    return {
        (entry["role"], entry["scope"])
        for entry in SEED["role_assignments"]
        if entry["principal"] == principal
    }


def test_the_train_identity_may_read_features_and_write_models_and_nothing_else() -> None:
    assert roles("run-train") == {
        ("Storage Blob Data Reader", "container:nightlylake/features"),
        ("Storage Blob Data Contributor", "container:nightlylake/models"),
    }


def test_a_submitter_may_assign_its_own_run_identity_only() -> None:
    for task, run_identity in (("prep", "run-prep"), ("train", "run-train")):
        assigned = {scope for role, scope in roles(f"airflow-{task}") if role == "Managed Identity Operator"}
        assert assigned == {f"identity:{run_identity}"}


def test_no_custom_role_can_list_keys_or_uses_a_wildcard() -> None:
    granted: list[Any] = [
        action
        for role in SEED["role_definitions"]
        for action in [*role.get("actions", ()), *role.get("data_actions", ())]
    ]
    assert granted
    assert not any("*" in action or "list" in action.lower() for action in granted)
