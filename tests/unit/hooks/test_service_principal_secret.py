# SPDX-License-Identifier: Apache-2.0
"""As whom the new secret is proven; the world as a whole is proven in tests/wire."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_azureml.connection import Settings, parse
from airflow_provider_azureml.hooks.service_principal_secret import RotationWorld
from airflow_provider_azureml.identity.claims import Identity

GUID = "11111111-2222-3333-4444-555555555555"
APP = "99999999-2222-3333-4444-555555555555"


def settings(**extra: str) -> Settings:
    return parse("c", "azureml", None, None, None, {"client_id": GUID, **extra})


@pytest.mark.parametrize(
    ("own", "tenant"),
    [
        (settings(auth="workload_identity", tenant_id="from-connection"), "from-connection"),
        (settings(auth="managed_identity"), "from-token"),
    ],
)
def test_the_application_is_looked_for_in_the_tenant_of_who_rotates(own: Settings, tenant: str) -> None:
    hook: Any = SimpleNamespace(settings=own, identity=lambda: Identity("from-token", GUID, "o"))
    application = RotationWorld(hook, APP, "s", print)._application
    assert (application.tenant_id, application.client_id) == (tenant, APP)
    assert application.cloud == own.cloud


def test_the_world_waits_as_its_task_waits() -> None:
    slept: list[float] = []
    RotationWorld(SimpleNamespace(), APP, "s", slept.append).pause(2.5)
    assert slept == [2.5]
