# SPDX-License-Identifier: Apache-2.0
"""What the look costs nothing for; what it finds is tested against the sandbox (tests/wire/test_bad_input)."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_azureml.operators.input import refuse_absent


class Untouched:
    """A hook that nobody may use."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"hook.{name} was asked for")


@pytest.mark.parametrize(
    "inputs", [None, {}, {"n": {"jobInputType": "literal", "value": "1"}}, {"n": None}, {"n": {"uri": 5}}]
)
def test_without_data_there_is_nothing_to_look_for(inputs: Any) -> None:
    assert refuse_absent(Untouched(), inputs) is None
