# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace
from typing import Any

from airflow_provider_azureml.access.infer import Inferred, Seen, Signing, manifest_of
from airflow_provider_azureml.access.manifest import load
from airflow_provider_azureml.access.needs import needs_of_data, needs_of_operator, needs_of_rotation
from airflow_provider_azureml.access.place import place_of
from tests.unit.access.manifests import SUBSCRIPTION
from tests.unit.access.places import FACTS, VAULT

HEAD = {
    "version": 1,
    "subscription_id": SUBSCRIPTION,
    "resource_group": "nightly",
    "workspaces": {"nightly": {}},
    "accounts": {"nightlylake": {"resource_group": "lakes"}, "unused": {}},
}
DS = "azureml://datastores/raw/paths/flights/{{ ds }}"


def data(access: str, uri: str) -> list[Any]:
    return needs_of_data("run", access, place_of(uri, FACTS), "w")


TRAIN = Seen(
    "d.train",
    "azureml_train",
    {"managed_identity": "run-train"},
    "jobs/train.yml",
    [*needs_of_operator("AzureMLReaperOperator", FACTS), *data("read", DS)],
    queue="ml",
)
SIGNING = Signing(
    {"application": "airflow-train"},
    [{"name": "worker", "issuer": "entra", "subject": "identity:worker"}],
    {"managed_identity": "reader", "secrets": [{"secret": "nightlyvault/app", "access": "read"}]},
)


def content(*tasks: Seen, signing: Signing = SIGNING, namespace: str = "ml") -> dict[str, Any]:
    names = {task.conn_id for task in tasks}
    found = manifest_of(Inferred(tasks, {name: signing for name in names}, HEAD, namespace))
    load(found, "inferred")
    return found


def test_one_task_becomes_one_identity_with_the_least_roles_where_it_needs_them() -> None:
    identity = content(TRAIN)["identities"]["train"]
    assert identity["submitter"]["roles"] == [{"role": "AML Job Submitter", "scope": "workspace:nightly"}]
    assert identity["run"]["data"] == [
        {
            "container": "nightlylake/raw",
            "prefix": "flights/",
            "pattern": "flights/{{ ds }}",
            "access": "read",
        }
    ]
    assert identity["reader"] == {
        "managed_identity": "reader",
        "secrets": [{"secret": "nightlyvault/app", "access": "read"}],
    }
    assert identity["airflow"] == {"conn_id": "azureml_train", "queue": "ml"}
    assert "by_hand" not in identity


def test_reading_and_writing_one_container_is_writing_below_what_both_share() -> None:
    both = replace(TRAIN, wanted=[*data("read", DS), *data("write", DS.replace("flights/", "fli/"))])
    (entry,) = content(both)["identities"]["train"]["run"]["data"]
    assert (entry["access"], "prefix" in entry) == ("write", False)


def test_tasks_of_one_connection_and_run_identity_are_one_others_are_not() -> None:
    again = replace(TRAIN, name="d.again")
    other = replace(TRAIN, name="d.other", run={"managed_identity": "run-other"})
    sensor = replace(TRAIN, name="d.sensor", run={}, job="")
    found = content(TRAIN, again, other, sensor)["identities"]
    assert sorted(found) == ["train-run-other", "train-run-train"]
    assert found["train-run-train"]["tasks"] == ["d.again", "d.sensor", "d.train"]


def test_two_run_identities_of_one_name_are_two() -> None:
    twin = replace(TRAIN, name="d.twin", run={"managed_identity": "run-train", "resource_group": "other"})
    found = content(TRAIN, twin)
    assert sorted(found["identities"]) == ["train-run-train", "train-run-train.other"]
    ids = {load(found, "m").identities[at].principals["run"].resource_id.split("/")[4] for at in (0, 1)}
    assert ids == {"nightly", "other"}


def test_what_lies_in_another_subscription_is_left_for_a_person_and_granted_to_nobody() -> None:
    far = [replace(w, need=replace(w.need, scope="/subscriptions/far/x")) for w in data("read", DS)]
    keyed = [replace(each, secret="AccountKey") for each in far]
    identity = content(replace(TRAIN, wanted=far), replace(TRAIN, name="d.keyed", wanted=keyed))
    (line,) = identity["identities"]["train"]["by_hand"]
    assert line == (
        "d.train: w: /subscriptions/far/x lies in another subscription: grant it by a manifest of that one"
    )
    assert "data" not in identity["identities"]["train"]["run"]


def test_a_task_that_is_meant_to_be_refused_adds_no_grant() -> None:
    refused = replace(TRAIN, name="d.overreach", wanted=data("write", DS), is_ungranted=True)
    identity = content(TRAIN, refused)["identities"]["train"]
    assert identity["ungranted"] == ["d.overreach"]
    assert [entry["access"] for entry in identity["run"]["data"]] == ["read"]


def test_who_rotates_a_secret_owns_its_application() -> None:
    task = Seen("d.rotate", "azureml_rotation", wanted=needs_of_rotation(VAULT, "app"), owns=["registry"])
    submitter = content(task)["identities"]["rotation"]["submitter"]
    assert submitter["secrets"] == [{"secret": "nightlyvault/app", "access": "rotate"}]
    assert (submitter["graph"], submitter["owns"]) == (["Application.ReadWrite.OwnedBy"], ["registry"])


def test_what_nobody_can_infer_is_left_by_name_and_granted_to_nobody() -> None:
    dark = replace(TRAIN, wanted=data("write", "azureml://datastores/none/paths/x"), notes=["look"])
    identity = content(dark, signing=replace(SIGNING, notes=["who is it"]))["identities"]["train"]
    assert "data" not in identity["run"]
    assert identity["by_hand"] == [
        "who is it",
        "d.train: look",
        "d.train: w: the workspace has no datastore 'none'",
    ]


def test_only_places_that_are_used_are_listed_with_their_groups() -> None:
    found = content(TRAIN)
    assert found["accounts"] == {"nightlylake": {"resource_group": "lakes"}}
    assert found["workspaces"] == {"nightly": {}}


def test_no_task_at_all_is_a_sound_manifest_too() -> None:
    assert content()["identities"] == {}
