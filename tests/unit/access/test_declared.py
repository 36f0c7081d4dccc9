# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import copy

from airflow_provider_azureml.access.manifest import load
from tests.unit.access.manifests import SOUND


def test_a_principal_that_two_identities_name_is_one_with_the_grants_of_both() -> None:
    content = copy.deepcopy(SOUND)
    content["identities"]["score"] = {
        "submitter": {"application": "AIRFLOW-TRAIN", "existing": True, "owns": ["other"]},
        "run": {
            "managed_identity": "run-train",
            "data": [{"container": "nightlylake/out", "access": "read"}],
        },
    }
    submitter, run = load(content, "m").principals()
    assert (submitter.is_existing, submitter.owns, len(submitter.grants)) == (True, ("other",), 3)
    assert [grant.scope.rpartition("/")[2] for grant in run.grants] == ["models", "db", "raw", "out"]
