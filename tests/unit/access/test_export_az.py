# SPDX-License-Identifier: Apache-2.0
"""The script's text; that it works is proven in tests/wire/test_az.py."""

from __future__ import annotations

import copy
import os
import shlex
import subprocess
import uuid
from itertools import pairwise
from pathlib import Path

import pytest

from airflow_provider_azureml.access.export import NAMESPACE, Export
from airflow_provider_azureml.access.export_az import script
from airflow_provider_azureml.access.manifest import load
from tests.unit.access.manifests import GUID, SOUND, TRAIN, changed

SCRIPT = script(Export.of(load(SOUND, "access.yaml")))


STAND_IN = r"""
az() {
  printf '%q ' "$@" >> "$CALLS"; echo >> "$CALLS"
  case "$*" in
    "role definition list"*) ;;
    "ad sp show"*|*"federated-credential update"*) return 1 ;;
    *) echo made ;;
  esac
}
"""


def run(text: str, folder: Path) -> list[list[str]]:
    """What `az` is asked, in a subscription in which nothing is: a function stands in its place."""
    lines, calls = text.splitlines(), folder / "calls"
    at = lines.index("set -euo pipefail") + 1
    whole = "\n".join([*lines[:at], STAND_IN, *lines[at:]])
    done = subprocess.run(
        ["bash"],
        input=whole,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "CALLS": str(calls)},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return [shlex.split(line) for line in calls.read_text().splitlines()]


def without_strangers() -> str:
    content = copy.deepcopy(SOUND)
    content["identities"]["worker"] = {"submitter": {"managed_identity": "airflow-worker"}}
    return script(Export.of(load(content, "access.yaml")))


def test_what_must_exist_first_is_made_first(tmp_path: Path) -> None:
    words = [" ".join(call[:3]) for call in run(without_strangers(), tmp_path)]
    order = [
        words.index(each)
        for each in (
            "role definition create",
            "identity create --resource-group",
            "ad app create",
            "ad sp create",
            "ad app federated-credential",
            "role assignment create",
        )
    ]
    assert order == sorted(order)


def test_an_assignment_names_principal_type_role_scope_and_condition(tmp_path: Path) -> None:
    calls = [
        call for call in run(without_strangers(), tmp_path) if call[:3] == ["role", "assignment", "create"]
    ]
    assert len(calls) == 6
    assert all(call[call.index("--assignee-principal-type") + 1] == "ServicePrincipal" for call in calls)
    assert all(uuid.UUID(call[call.index("--name") + 1]).version == 5 for call in calls)
    conditions = [call[call.index("--condition") + 1] for call in calls if "--condition" in call]
    assert len(conditions) == 1
    assert "StringStartsWith 'm/'" in conditions[0]


def test_names_of_assignments_are_uuid5_of_what_they_say(tmp_path: Path) -> None:
    calls = [
        call for call in run(without_strangers(), tmp_path) if call[:3] == ["role", "assignment", "create"]
    ]
    for call in calls:
        given = dict(pairwise(call))
        text = f"{given['--scope']}|{given['--assignee-object-id']}|{given['--role']}|{given.get('--condition', '')}"
        assert given["--name"] == str(uuid.uuid5(NAMESPACE, text))


HOSTILE = 'x\'; touch /tmp/owned; echo "$(id)" `id` $HOME'


def test_no_name_of_the_manifest_is_ever_code(tmp_path: Path) -> None:
    content = copy.deepcopy(SOUND)
    content["identities"]["train"]["submitter"]["application"] = HOSTILE
    content["identities"]["train"]["submitter"]["federated"] = [
        {"issuer": "cluster", "subject": "$(id)'\"`id`"}
    ]
    content["roles"] = {HOSTILE: {"actions": ["a/read"], "description": HOSTILE}}
    content["identities"]["train"]["submitter"]["roles"] = [{"role": HOSTILE, "scope": "subscription"}]
    calls = run(script(Export.of(load(content, "access.yaml"))), tmp_path)
    (created,) = [call for call in calls if call[:3] == ["ad", "app", "create"]]
    assert created[created.index("--display-name") + 1] == HOSTILE
    (trusted,) = [call for call in calls if call[:4] == ["ad", "app", "federated-credential", "create"]]
    assert "$(id)'\\\"`id`" in trusted[trusted.index("--parameters") + 1]


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (
            f"{TRAIN}/run/existing",
            True,
            "id_run_train=$(az identity show --resource-group nightly --name run-train",
        ),
        (f"{TRAIN}/run/object_id", GUID, f"id_run_train={GUID}"),
        (f"{TRAIN}/submitter/object_id", GUID, f"app_airflow_train={GUID}"),
        (f"{TRAIN}/submitter/client_id", GUID, f"app_airflow_train_client={GUID}"),
        (
            f"{TRAIN}/submitter/existing",
            True,
            "app_airflow_train_client=$(az ad sp list --display-name airflow-train",
        ),
        (
            f"{TRAIN}/submitter/graph",
            ["Mail.Send"],
            "# By hand: the application permission Mail.Send for airflow-train",
        ),
        (
            f"{TRAIN}/submitter/graph",
            ["Directory.Read.All"],
            'graph_permission "$app_airflow_train" 7ab1d382',
        ),
        (f"{TRAIN}/submitter/owns", ["other"], "# By hand: airflow-train must own application other"),
        (f"{TRAIN}/submitter/owns", ["airflow-train"], "az ad app owner add --id"),
        ("tenant_id", None, "tenant=$(az account show --query tenantId"),
    ],
)
def test_what_the_manifest_says_otherwise_is_done_otherwise(path: str, value: object, told: str) -> None:
    assert told in script(Export.of(load(changed(path, value), "access.yaml")))


def test_a_managed_identity_trusts_by_a_command_of_its_own() -> None:
    content = changed(f"{TRAIN}/run/federated", [{"name": "pod", "issuer": "cluster", "subject": "s"}])
    assert (
        "az identity federated-credential create --resource-group nightly --identity-name run-train"
        in script(Export.of(load(content, "access.yaml")))
    )


def test_its_head_says_what_it_is_and_what_it_does_not_do() -> None:
    head = SCRIPT.splitlines()[:5]
    assert head[0] == "#!/usr/bin/env bash"
    assert "from access.yaml" in head[1]
    assert "attach managed identities to the workspace" in head[2]
