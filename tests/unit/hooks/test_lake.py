# SPDX-License-Identifier: Apache-2.0
"""How a file is written; the hook as a whole is proven in tests/wire."""

from __future__ import annotations

from typing import Any

import pytest
from azure.core import MatchConditions

from airflow_provider_azureml.hooks.lake import _upload


class Client:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def upload_data(self, data: bytes, **options: Any) -> None:
        self.calls.append(("upload", options))

    def create_file(self, **options: Any) -> None:
        self.calls.append(("create", options))


@pytest.mark.parametrize(
    ("data", "overwrite", "call"),
    [
        (b"x", True, ("upload", {"length": 1, "overwrite": True})),
        (b"x", False, ("upload", {"length": 1, "overwrite": False})),
        (b"", True, ("create", {})),
        (b"", False, ("create", {"match_condition": MatchConditions.IfMissing})),
    ],
)
def test_an_empty_file_is_created_because_the_sdk_would_write_nothing(
    data: bytes, overwrite: bool, call: tuple[str, dict[str, Any]]
) -> None:
    client = Client()
    _upload(client, data, len(data), overwrite)
    assert client.calls == [call]
