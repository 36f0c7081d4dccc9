# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from airflow_provider_azureml.access.evaluate import Grant, Need, evaluate
from airflow_provider_azureml.access.needs import BLOBS
from airflow_provider_azureml.access.prefix import below
from airflow_provider_azureml.access.roles import ROLES

SCOPE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/a/blobServices/default/containers/c"
ROLE = ROLES["Storage Blob Data Contributor"]


def verdict(access: str, action: str, **attributes: str) -> str:
    grant = Grant("1", "p", ROLE.guid, ROLE.name, SCOPE, ROLE.permissions, below("c", "p/", access))
    return evaluate(
        Need(f"{BLOBS}/{action}", SCOPE, True, {"suboperation": "", **attributes}), [grant]
    ).verdict


@pytest.mark.parametrize(
    ("action", "attributes"),
    [
        ("read", {"path": "{}a"}),
        ("read", {"suboperation": "Blob.List", "prefix": "{}", "path": ""}),
        ("write", {"path": "{}a"}),
        ("add/action", {"path": "{}a"}),
        ("delete", {"path": "{}a"}),
        ("move/action", {"path": "{}a"}),
    ],
)
def test_below_the_prefix_all_is_allowed_and_beside_it_nothing(
    action: str, attributes: dict[str, str]
) -> None:
    inside, outside = (
        {name: text.format(place) for name, text in attributes.items()} for place in ("p/", "q/")
    )
    assert (verdict("write", action, **inside), verdict("write", action, **outside)) == ("ALLOWED", "DENIED")


def test_a_condition_for_reading_guards_reading_only() -> None:
    assert verdict("read", "write", path="q/a") == "ALLOWED"
    assert verdict("read", "read", path="q/a") == "DENIED"
