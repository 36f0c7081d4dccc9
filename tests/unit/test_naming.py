# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import random
import re
import string

import pytest

from airflow_provider_azureml.naming import attempt_name, experiment, job_base

AZURE = re.compile(r"^[a-zA-Z0-9][a-zA-Z0-9\-_]{0,254}$")
ALPHABET = string.printable + "äßçжд日本🚀\u200b-_-_//::++"


def words(dice: random.Random) -> tuple[str, str, str, str, int, str]:
    def text() -> str:
        return "".join(dice.choices(ALPHABET, k=dice.randint(0, 300)))

    return text(), text(), text(), text(), dice.randint(-1, 5000), text()


@pytest.mark.parametrize("seed", range(300))
def test_any_ids_make_a_name_that_azure_accepts(seed: int) -> None:
    name = attempt_name(job_base(*words(random.Random(seed))), seed)
    assert AZURE.fullmatch(name)
    assert len(name) < 130


def test_the_same_task_instance_has_the_same_name_for_ever() -> None:
    # A literal on purpose: a changed name would start a second job beside a living one after an upgrade.
    base = job_base("prod", "nightly", "scheduled__2026-01-01T00:00:00+00:00", "train")
    assert attempt_name(base, 0) == "nightly-train-7b5f4e7bb9ea4376d87e-0"


@pytest.mark.parametrize("place", range(6))
def test_a_difference_in_any_part_makes_another_name(place: int) -> None:
    parts = ["prod", "dag", "run", "task", 1, "key"]
    changed = [*parts]
    changed[place] = 2 if place == 4 else parts[place] + "x"
    assert job_base(*parts) != job_base(*changed)


def test_parts_do_not_run_into_each_other() -> None:
    assert job_base("a", "b", "c", "d") != job_base("a", "bc", "", "d")
    assert job_base("d", "a-b", "r", "c") != job_base("d", "a", "r", "b-c")


def test_the_name_can_be_read_by_people() -> None:
    assert job_base("d", "nightly.retraining", "r", "group.train").startswith(
        "nightly-retraining-group-train-"
    )


@pytest.mark.parametrize(
    "dag_id, name",
    [
        ("nightly", "nightly"),
        ("a-b_", "a-b_"),  # Azure takes it: who has jobs there finds the next ones beside them
        ("nightly.retraining", "nightly-retraining"),
        ("_private", "private"),
        (".hidden..x", "hidden-x"),
        ("größe", "gr-e"),
        ("日本", "airflow"),
        ("a" * 255, "a" * 255),
        ("é" + "a" * 300, "a" * 255),
    ],
)
def test_a_dag_has_an_experiment_that_azure_accepts_and_its_own_id_where_it_can(
    dag_id: str, name: str
) -> None:
    assert experiment(dag_id) == name
    assert AZURE.fullmatch(name)


def test_attempts_are_counted_from_zero() -> None:
    with pytest.raises(ValueError, match="counted from 0"):
        attempt_name("a", -1)
