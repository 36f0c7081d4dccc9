# SPDX-License-Identifier: Apache-2.0
"""Who is the champion, and what the verdict says."""

from __future__ import annotations

import pytest

from airflow_provider_azureml.operators.champion import SOURCE_JOB, Champion, Verdict, champion_of
from airflow_provider_azureml.rest.asset import Model


def model(
    version: str, tags: dict[str, str] | None = None, properties: dict[str, str] | None = None
) -> Model:
    return Model(f"id/{version}", "m", version, "uri", tags=tags or {}, properties=properties or {})


def test_the_newest_version_that_carries_the_metric_is_the_champion() -> None:
    models = [
        model("4"),
        model("3", {"mae": "text"}),
        model("2", {"mae": "7.5"}, {SOURCE_JOB: "j"}),
        model("1", {"mae": "1"}),
    ]
    assert champion_of(models, "mae") == Champion("2", 7.5, "j")


def test_a_metric_may_stand_in_the_properties() -> None:
    assert champion_of([model("1", properties={"mae": "2"})], "mae") == Champion("1", 2.0)


def test_without_the_metric_there_is_no_champion() -> None:
    assert champion_of([model("1", {"auc": "2"})], "mae") is None


@pytest.mark.parametrize(
    "registered, champion, words",
    [
        (True, None, "there was no champion"),
        (True, Champion("1", 9.0), "beats version 1 with 9"),
        (False, Champion("1", 2.0), "Kept the champion of m, version 1 with 2"),
    ],
)
def test_the_verdict_is_said_in_a_sentence(registered: bool, champion: Champion | None, words: str) -> None:
    assert words in Verdict("m", "2", registered, "mae", 5.0, champion).sentence()
