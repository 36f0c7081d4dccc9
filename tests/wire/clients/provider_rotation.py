# SPDX-License-Identifier: Apache-2.0
"""One run of the rotation operator, killed after its n-th change when asked so; with a look around before and after.

Arguments: name of the run, number of changes after which the process kills itself (0: never).
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from airflow_provider_azureml.hooks.azureml import AzureMLHook
from airflow_provider_azureml.hooks.service_principal_secret import RotationWorld
from airflow_provider_azureml.operators import rotating
from airflow_provider_azureml.operators.rotation import AzureMLRotateSecretOperator
from airflow_provider_azureml.rest.graph import NewPassword
from airflow_provider_azureml.rotation.plan import PREFIX, order

CHANGES = ("add_password", "publish", "disable", "remove_password")


class Doomed(RotationWorld):
    """The real world, in which the process dies right after a change."""

    left = 0

    def __getattribute__(self, name: str) -> Any:
        value = super().__getattribute__(name)
        return self._and_die(value) if name in CHANGES else value

    def _and_die(self, change: Callable[..., Any]) -> Callable[..., Any]:
        def changed(*args: Any) -> Any:
            result = change(*args)
            if isinstance(result, NewPassword):  # for the test, which looks for it in everything we said
                with open(os.environ["SECRETS_FILE"], "a") as file:
                    file.write(result.secret + "\n")
            Doomed.left -= 1
            if Doomed.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return changed


def look(world: RotationWorld) -> dict[str, Any]:
    """What is true now: does the latest enabled version log in, and what of ours is alive?"""
    latest = world.latest()
    return {
        "latest_works": world.signs_in(latest),
        "ours": sorted(item.key_id for item in world.passwords() if item.display_name.startswith(PREFIX)),
        "foreign": sum(not item.display_name.startswith(PREFIX) for item in world.passwords()),
        "enabled": [item.key_id for item in order(world.versions()) if item.enabled and item.is_ours],
        "consumer": AzureMLHook("azureml_registry").test_connection()[0],
    }


def main(run: str, kill_after: int) -> None:
    operator = AzureMLRotateSecretOperator(
        task_id="rotate",
        azureml_conn_id="azureml_rotation",
        application_id=os.environ["AIRFLOW_VAR_REGISTRY_CLIENT_ID"],
        secret_name="airflow-registry",
        overlap=1.0,
        poll_interval=0.3,
    )
    Doomed.left = kill_after
    rotating.RotationWorld = Doomed  # type: ignore[misc]
    ti = SimpleNamespace(dag_id="d", run_id=run, task_id="rotate", map_index=-1, start_date=None)
    before = look(rotating.make_world(operator))
    result = operator.execute({"ti": ti})
    found = {"before": before, "result": result, "state": look(rotating.make_world(operator))}
    sys.__stdout__.write("\nFOUND " + json.dumps(found) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
