# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from demo.summary import Report, Row, short_scope

LAKE = "/subscriptions/s/resourceGroups/nightly/providers/Microsoft.Storage/storageAccounts/nightlylake"


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        ("/subscriptions/s", "subscription s"),
        ("/subscriptions/s/resourceGroups/nightly", "resourceGroup nightly"),
        (LAKE, "storageAccount nightlylake"),
        (f"{LAKE}/blobServices/default/containers/features", "container nightlylake/features"),
        (
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v/secrets/k",
            "secret v/k",
        ),
        (
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i",
            "identity i",
        ),
    ],
)
def test_a_scope_is_said_in_the_words_that_people_use(scope: str, words: str) -> None:
    assert short_scope(scope) == words


def test_the_table_shows_every_role_of_submitter_and_run_identity() -> None:
    rows = [
        Row("land", "airflow-land", ["Storage Blob Data Contributor on container lake/raw"]),
        Row(
            "train", "airflow-train", ["AML Job Submitter on workspace w"], "run-train", ["A on b", "C on d"]
        ),
        Row("lost", "nobody", []),
    ]
    model = {"name": "m", "version": "1", "registered": True, "metric": "mae", "value": 3.0, "champion": None}
    denial = {"refusal": "403", "cause": "no role", "mend": "grant it"}
    text = Report("run", 0.0, model, denial, rows, {}).text()
    lines = [line.split() for line in text.splitlines()]
    assert [
        "land",
        "airflow-land",
        "(submits)",
        "Storage",
        "Blob",
        "Data",
        "Contributor",
        "on",
        "container",
        "lake/raw",
    ] in lines
    assert ["run-train", "(runs)", "A", "on", "b"] in lines
    assert ["C", "on", "d"] in lines
    assert ["lost", "nobody", "(submits)", "no", "role"] in lines
    assert ["mend:", "grant", "it"] in lines


@pytest.mark.parametrize(
    ("registered", "champion", "sentence"),
    [
        (True, None, "Model: m version 2 registered, mae = 3.000; against no champion so far"),
        (
            True,
            {"version": "1", "value": 4.0},
            "Model: m version 2 registered, mae = 3.000; against version 1 with 4.000",
        ),
        (
            False,
            {"version": "2", "value": 2.5},
            "Model: nothing registered, mae = 3.000 does not beat the champion: m version 2 with 2.500",
        ),
    ],
)
def test_the_model_is_told_against_its_champion(
    registered: bool, champion: dict[str, object] | None, sentence: str
) -> None:
    model = {"name": "m", "version": "2", "registered": registered, "metric": "mae", "value": 3.0}
    denial = {"refusal": "", "cause": "", "mend": ""}
    report = Report("run", 0.0, {**model, "champion": champion}, denial, [], {})
    assert sentence in report.text().splitlines()
