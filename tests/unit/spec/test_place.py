# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from airflow_provider_azureml.spec.place import Place, places

ID = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"compute": "azureml:gpu-1"}, [("compute", "gpu-1")]),
        ({"compute": "gpu"}, [("compute", "gpu")]),
        ({"computeId": f"{ID}/computes/gpu"}, [("compute", "gpu")]),
        ({"settings": {"default_compute": "azureml:cpu"}}, [("compute", "cpu")]),
        ({"jobs": {"a": {"compute": "x"}, "b": {"compute": "x"}}}, [("compute", "x")]),
        ({"compute": "{{ var.value.compute }}"}, []),
        ({"path": "azureml://datastores/raw/paths/{{ ds }}"}, [("datastores", "raw")]),
        ([f"azureml:/{ID}/datastores/raw/paths/x"], [("datastores", "raw"), ("workspaces", "w")]),
        ("azureml://datastores/{{ var.value.store }}/paths/x", []),
        ("abfss://raw@lake.dfs.core.windows.net/x", [("containers", "lake/raw")]),
        ("wasbs://raw@lake.blob.core.windows.net/x", [("containers", "lake/raw")]),
        ("cp https://lake.blob.core.windows.net/raw/x?sig=y .", [("containers", "lake/raw")]),
        ("https://lake.dfs.core.usgovcloudapi.net/raw", [("containers", "lake/raw")]),
        ({"data": "azureml:flights:1", "n": 3, "none": None}, []),
    ],
)
def test_a_definition_names_its_places(content: object, expected: list[tuple[str, str]]) -> None:
    assert places(content) == [Place(*each) for each in expected]
