# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from airflow_provider_azureml.access.namespace import (
    Namespace,
    Subject,
    Use,
    crossing,
    fits,
    meet,
    memberships,
    reached,
    shared,
    violations,
)

ML = Namespace(
    "ml",
    {"dags": ("churn_*",), "tasks": ("nightly.train",), "owners": ("research",)},
    {
        "connections": ("azureml_train",),
        "queues": ("ml",),
        "workspaces": ("nightly",),
        "containers": ("lake/features", "lake/models"),
        "compute": ("gpu-*",),
    },
)
BATCH = Namespace(
    "batch",
    {"dags": ("nightly",), "task_groups": ("churn_daily.load",), "teams": ("data",)},
    {"connections": ("azureml_prep",), "queues": ("spark",), "containers": ("lake/raw", "lake/features")},
)
SPACES = (ML, BATCH)
ACCOUNT = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/lake"
CONTAINER = f"{ACCOUNT}/blobServices/default/containers"
WORKSPACE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/Nightly"


def homes(subject: Subject) -> list[str]:
    return [str(found) for found in memberships(subject, SPACES)]


def test_the_most_exact_way_to_name_a_task_decides() -> None:
    assert homes(Subject("nightly", "prep", ("research",))) == ["'batch' (dags: nightly)"]
    assert homes(Subject("nightly", "train")) == ["'ml' (tasks: nightly.train)"]
    assert homes(Subject("churn_daily", "load.copy", task_groups=("load",))) == [
        "'batch' (task_groups: churn_daily.load)"
    ]
    assert homes(Subject("other", "t", ("research",), team="data")) == ["'batch' (teams: data)"]
    assert homes(Subject("other", "t", ("airflow", "research"))) == ["'ml' (owners: research)"]
    assert homes(Subject("other", "t", ("airflow",))) == []


def test_a_task_that_is_in_two_namespaces_alike_is_told_to_be_named_in_one() -> None:
    spaces = (ML, Namespace("batch", {"dags": ("*",)}, {}))
    (text,) = violations(Subject("churn_daily", "t"), [], spaces)
    assert text == (
        "Task 't' of DAG 'churn_daily' is in two namespaces alike, 'ml' (dags: churn_*) and 'batch' (dags: *). "
        "Mend: name the task ('tasks: [churn_daily.t]') in one of them."
    )


def test_what_belongs_to_another_namespace_is_refused_with_what_why_and_mend() -> None:
    (text,) = violations(
        Subject("nightly", "prep"), [Use("connections", "azureml_train", "azureml_conn_id")], SPACES
    )
    assert text == (
        "Task 'prep' of DAG 'nightly' is in namespace 'batch' (dags: nightly), but its azureml_conn_id "
        "'azureml_train' belongs to 'ml' (connections: azureml_train). Namespaces must not mix: whoever works for "
        "both can do what either may. Mend: use one of your own (azureml_prep), or name the task "
        "('tasks: [nightly.prep]') in 'ml'."
    )


def test_what_belongs_to_a_namespace_is_refused_to_a_task_that_is_in_none() -> None:
    (text,) = violations(Subject("other", "t"), [Use("queues", "ml", "queue")], SPACES)
    assert "'t' of DAG 'other' is in no namespace, but its queue 'ml' belongs to 'ml' (queues: ml)" in text
    assert "Mend: use another one, or name the task ('tasks: [other.t]') in 'ml'." in text


def test_of_a_kind_that_a_namespace_lists_a_member_uses_what_is_listed() -> None:
    (text,) = violations(Subject("nightly", "prep"), [Use("queues", "default", "queue")], SPACES)
    assert text.endswith(
        "whose queues are spark; its queue 'default' is none of them. "
        "Mend: use one of them, or add 'default' to queues of 'batch'."
    )
    elsewhere = Use("connections", "http_default", "http_conn_id", is_ours=False)
    assert violations(Subject("nightly", "prep"), [elsewhere], SPACES) == []


def test_what_nobody_claims_and_what_is_handed_over_is_free() -> None:
    free = [Use("connections", "azureml_x", "azureml_conn_id"), Use("queues", "default", "queue")]
    assert violations(Subject("other", "t"), free, SPACES) == []
    handed = Use("containers", "lake/FEATURES", "job's container")
    for subject in (Subject("nightly", "prep"), Subject("nightly", "train")):
        assert violations(subject, [handed], SPACES) == []


def test_azures_names_have_no_case_and_airflows_have() -> None:
    assert ML.claim("compute", "GPU-1") == "gpu-*"
    assert ML.claim("connections", "AZUREML_TRAIN") == ""


@pytest.mark.parametrize(
    ("entry", "value", "expected"),
    [
        ("a*c", "abbc", True),
        ("a*c", "abbcd", False),
        ("a?c", "abc", True),
        ("a[b]", "ab", False),
        ("a.c", "abc", False),
    ],
)
def test_only_star_and_question_mark_stand_for_other_letters(entry: str, value: str, expected: bool) -> None:
    assert fits(entry, value) is expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("a", "a", True),
        ("a", "b", False),
        ("a*", "*b", True),
        ("a*", "b*", False),
        ("*", "", True),
        ("?", "", False),
        ("a?c", "ab*", True),
        ("a*b*c", "*x", False),
        ("ml_*", "ml_?", True),
        ("*" * 50 + "a", "*" * 50 + "b", False),
    ],
)
def test_two_entries_meet_when_some_name_fits_both(one: str, other: str, expected: bool) -> None:
    assert meet(one, other) is expected
    assert meet(other, one) is expected


def test_entries_of_the_longest_kind_can_be_compared() -> None:
    assert meet("a*" * 100, "*a" * 100)
    assert not meet("?" * 199 + "b", "*" * 100 + "?" * 99 + "a")


def test_identities_may_not_be_shared_and_containers_may() -> None:
    assert list(shared(SPACES)) == []
    other = Namespace(
        "x", {}, {"connections": ("azureml_*",), "compute": ("GPU-1",), "containers": ("lake/raw",)}
    )
    assert list(shared((ML, other))) == [
        ("connections", "ml", "azureml_train", "x", "azureml_*"),
        ("compute", "ml", "gpu-*", "x", "GPU-1"),
    ]


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        (f"{CONTAINER}/models", {"ml"}),
        (f"{CONTAINER}/raw", {"batch"}),
        (f"{CONTAINER}/features", set()),
        (f"{CONTAINER}/nobodys", set()),
        (ACCOUNT, {"ml", "batch"}),
        (ACCOUNT.replace("lake", "pond"), set()),
        (WORKSPACE, {"ml"}),
        (f"{WORKSPACE}/computes/gpu-1", {"ml"}),
        (f"{WORKSPACE}/computes/cpu-1", set()),
        ("/subscriptions/s/resourceGroups/g", {"ml", "batch"}),
        ("/providers/Microsoft.Management/managementGroups/root", {"ml", "batch"}),
        ("/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v", set()),
    ],
)
def test_a_role_reaches_the_namespaces_whose_things_are_at_or_below_its_scope(
    scope: str, expected: set[str]
) -> None:
    assert reached(scope, SPACES) == expected


def test_two_who_list_one_container_in_other_words_share_it() -> None:
    spaces = (ML, Namespace("batch", {}, {"containers": ("lake/feat*",)}))
    assert reached(f"{CONTAINER}/features", spaces) == set()
    assert reached(f"{CONTAINER}/models", spaces) == {"ml"}


def test_scopes_say_where_the_resources_of_a_namespace_are() -> None:
    spaces = (
        Namespace("ml", {}, {"scopes": ("/subscriptions/s/resourceGroups/ml",)}),
        Namespace("batch", {}, {"scopes": ("/subscriptions/s/resourceGroups/batch",)}),
    )
    assert reached("/subscriptions/s/resourcegroups/ML", spaces) == {"ml"}
    assert reached("/subscriptions/s/resourceGroups/ml2", spaces) == set()
    assert reached("/subscriptions/s/resourceGroups/batch/providers/Microsoft.KeyVault/vaults/v", spaces) == {
        "batch"
    }
    assert reached("/subscriptions/s", spaces) == {"ml", "batch"}


def test_an_identity_with_roles_in_both_namespaces_is_found_with_its_scopes() -> None:
    found = crossing([f"{CONTAINER}/models", f"{CONTAINER}/raw", f"{CONTAINER}/features"], SPACES)
    assert (
        str(found) == f"has roles in 'batch' through {CONTAINER}/raw and in 'ml' through {CONTAINER}/models"
    )
    assert crossing([WORKSPACE, f"{CONTAINER}/models", f"{CONTAINER}/features"], SPACES) is None
    assert crossing(["/subscriptions/s"], (ML,)) is None
