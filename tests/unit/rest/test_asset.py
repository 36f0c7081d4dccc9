# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from airflow_provider_azureml.errors import NotFoundError
from airflow_provider_azureml.rest import asset

CONDA = "dependencies:\n- python=3.11\nname: x\n"


def model(version: str, **properties: object) -> dict[str, object]:
    return {
        "id": f"/ws/models/delay/versions/{version}",
        "properties": {"modelUri": "azureml://m", **properties},
    }


@pytest.mark.parametrize(
    ("conda", "version"),  # measured with azure-ai-ml 1.35.2
    [
        ("", "6fd8a335e03c957d70bcf37d76972be1afc4a7ec91bdbb66dd70218dfe127b0b"),
        (CONDA, "04fe508b273fd4d9fa3ff807dc19e92286800bafd7fd215e704f8814f00103e2"),
    ],
)
def test_an_anonymous_environment_has_the_sdks_version(conda: str, version: str) -> None:
    assert asset.environment_version("img:1", conda) == version


def test_an_environment_is_put_once_with_image_and_conda(play, workspace) -> None:
    played = play(asset.ensure_environment(workspace, "img:1", CONDA), (201, {"id": "/ws/environments/e"}))
    (request,) = played.requests
    assert played.result == "/ws/environments/e"
    assert "/environments/CliV2AnonymousEnvironment/versions/04fe508b" in request.url
    assert request.json == {"properties": {"image": "img:1", "isAnonymous": True, "condaFile": CONDA}}


def test_models_come_newest_first_by_number_and_not_by_text(play, workspace) -> None:
    body = {"value": [model("9"), model("10"), model("beta"), model("2")]}
    found = play(asset.list_models(workspace, "delay"), body).result
    assert [item.version for item in found] == ["10", "9", "2", "beta"]
    assert asset.next_version(found) == "11"


def test_a_new_model_starts_at_one(play, workspace) -> None:
    missing = (404, {"error": {"code": "NotFound", "message": "x"}})
    found = play(asset.list_models(workspace, "delay"), missing).result
    assert (found, asset.next_version(found)) == ([], "1")


def test_a_model_is_registered_with_its_metrics_as_tags(play, workspace) -> None:
    answer = (201, model("3", modelType="mlflow_model", tags={"rmse": "1"}, properties={"job": "a"}))
    flow = asset.put_model(
        workspace,
        "delay",
        "3",
        "azureml://jobs/a/outputs/m",
        "mlflow_model",
        tags={"rmse": "1"},
        properties={"job": "a"},
    )
    played = play(flow, answer)
    assert played.requests[0].json["properties"]["modelUri"] == "azureml://jobs/a/outputs/m"
    assert (played.result.name, played.result.version) == ("delay", "3")
    assert (played.result.tags, played.result.properties) == ({"rmse": "1"}, {"job": "a"})


def test_one_missing_version_is_not_found(play, workspace) -> None:
    with pytest.raises(NotFoundError):
        play(asset.get_model(workspace, "delay", "7"), (404, {"error": {"code": "NotFound", "message": "x"}}))


def test_data_is_registered_and_read_back(play, workspace) -> None:
    body = {"id": "/ws/data/raw/versions/1", "properties": {"dataUri": "azureml://d", "dataType": "uri_file"}}
    expected = asset.Data("/ws/data/raw/versions/1", "raw", "1", "azureml://d", "uri_file")
    assert (
        play(asset.put_data(workspace, "raw", "1", "azureml://d", "uri_file"), (201, body)).result == expected
    )
    assert play(asset.get_data(workspace, "raw", "1"), body).result == expected
