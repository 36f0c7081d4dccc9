# SPDX-License-Identifier: Apache-2.0
"""The demo's Azure as its own process: what the seed promises holds, asked over HTTP."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo import azure, champion
from demo.azure import Azure
from demo.layout import DemoFailed, Layout
from demo.processes import Processes
from demo.summary import Roles

ROOT = Path(__file__).parents[2]


class FromThisPython(Layout):
    """Programs as modules of the Python that runs the tests, wherever it is installed."""

    @property
    def sandbox_command(self) -> list[str]:
        return [sys.executable, "-m", "azure_sandbox"]


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azure]:
    layout = FromThisPython.of(ROOT, tmp_path_factory.mktemp("demo"))
    with layout.locked(), Processes(layout.logs) as processes:
        started = azure.start(layout, processes)
        yield started
        started.close()


@pytest.mark.parametrize(
    ("principal", "roles"),
    [
        ("airflow-land", ["Storage Blob Data Contributor on container nightlylake/raw"]),
        (
            "run-train",
            [
                "Storage Blob Data Contributor on container nightlylake/models",
                "Storage Blob Data Reader on container nightlylake/features",
            ],
        ),
        ("airflow-worker", []),
    ],
)
def test_the_auditor_reads_from_arm_what_a_principal_may_do(
    cloud: Azure, principal: str, roles: list[str]
) -> None:
    assert Roles(cloud.arm("auditor"), cloud).of(cloud.principals[principal]["object_id"]) == roles


def test_each_planted_champion_is_the_next_version(cloud: Azure) -> None:
    assert champion.plant(cloud, 5.5) == "flight-delay version 1 with mae_minutes = 5.5"
    assert champion.plant(cloud, 4) == "flight-delay version 2 with mae_minutes = 4"
    address = f"{cloud.workspace}/models/flight-delay/versions/2"
    planted = cloud.arm("model-steward").get(address, {"api-version": "2024-10-01"})
    assert planted["properties"]["tags"] == {"mae_minutes": "4"}


def test_the_auditor_may_not_register_a_model(cloud: Azure) -> None:
    arm = cloud.arm("auditor")
    with pytest.raises(DemoFailed, match=r"403.*AuthorizationFailed"):
        arm.put(
            f"{cloud.workspace}/models/m/versions/1",
            {"api-version": "2024-10-01"},
            {"properties": {"modelUri": "azureml://datastores/models/paths/x"}},
        )
