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
    lines = [line.split() for line in Report("run", 0.0, {}, {}, rows, {}).text().splitlines()]
    assert lines[8][:7] == ["land", "airflow-land", "(submits)", "Storage", "Blob", "Data", "Contributor"]
    assert ["run-train", "(runs)", "A", "on", "b"] in lines
    assert ["C", "on", "d"] in lines
    assert ["lost", "nobody", "(submits)", "no", "role"] in lines
