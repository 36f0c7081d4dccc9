# SPDX-License-Identifier: Apache-2.0
"""Parsing a DAG file must not pay for Azure."""

from __future__ import annotations

from tests.bench.parse_cost import empty_file, operators, parse, provider_file


def test_a_parse_loads_nothing_of_azure_that_airflow_does_not_load_itself() -> None:
    ours, empty = parse(provider_file()), parse(empty_file())
    assert set(ours.banned) <= set(empty.banned)


def test_the_measured_file_holds_every_operator() -> None:
    names = {cls.__name__ for cls in operators()}
    assert {"AzureMLRunJobOperator", "AzureMLRegisterModelOperator", "AzureMLJobSensor"} <= names
    assert all(f"{name}(task_id=" in provider_file() for name in names)
