# SPDX-License-Identifier: Apache-2.0
"""Most of it is in tests/unit/operators/test_explanation.py, as a person reads it."""

from __future__ import annotations

from typing import Any

from airflow_provider_azureml.access.facts import Principal
from airflow_provider_azureml.access.run_identity import Runner
from airflow_provider_azureml.checks.mount import sentence, who_mounts
from airflow_provider_azureml.errors import DeniedError
from tests.unit.canned import CannedHook


def step(store: str, client_id: str) -> dict[str, Any]:
    return {
        "type": "command",
        "identity": {"type": "managed", "client_id": client_id},
        "inputs": {"d": {"job_input_type": "uri_folder", "uri": f"azureml://datastores/{store}/paths/x"}},
    }


def test_of_a_pipeline_the_step_that_uses_the_datastore_counts() -> None:
    properties = {"jobType": "Pipeline", "jobs": {"one": step("raw", "id-1"), "two": step("out", "id-2")}}
    found = who_mounts(CannedHook(), properties, "URI azureml://datastores/out/paths/x")  # type: ignore[arg-type]
    assert found.principal is not None
    assert found.principal.client_id == "id-2"


def test_a_submitter_that_cannot_sign_in_is_not_known() -> None:
    class Refused(CannedHook):
        def identity(self) -> Any:
            raise DeniedError(401, "x", "y")

    found = who_mounts(Refused(), {"identity": {"identityType": "UserIdentity"}}, "")  # type: ignore[arg-type]
    assert found.principal is None
    assert "not known" in sentence(found, "doctor")


def test_a_remark_is_shown_beside_the_name() -> None:
    text = sentence(Runner(Principal("o-1", "c-1", "/x/run"), remark="the first one mounts"), "doctor")
    assert (
        text
        == "the job runs and mounts as run, object id o-1, client id c-1 (the first one mounts). More: doctor"
    )
