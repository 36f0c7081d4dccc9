# SPDX-License-Identifier: Apache-2.0
"""Command jobs really run, as their run identity."""

from __future__ import annotations

import json
from typing import Any


def test_a_command_runs_and_its_output_is_in_the_log(workspace: Any) -> None:
    assert workspace.ended("hello", command="echo to-stdout; echo to-stderr >&2") == "Completed"
    log = workspace.log("hello")
    assert "to-stdout" in log
    assert "to-stderr" in log


def test_a_command_that_exits_with_an_error_fails_with_the_end_of_its_stderr(workspace: Any) -> None:
    command = "python -c \"import sys; sys.exit('the cause')\""
    assert workspace.ended("broken", command=command) == "Failed"
    error = workspace.error("broken")
    assert error.startswith("Execution failed. User process 'python' exited with status code 1.")
    assert error.endswith("the cause")


def test_inputs_and_outputs_move_with_the_run_identity(workspace: Any) -> None:
    workspace.lake.write("lake", "data", "in/a.txt", b"alpha")
    workspace.lake.write("lake", "data", "in/deep/b.txt", b"beta")
    status = workspace.ended(
        "move",
        command="cat ${{inputs.folder}}/a.txt ${{inputs.folder}}/deep/b.txt > ${{outputs.result}}/${{inputs.name}}",
        inputs={
            "folder": {"jobInputType": "uri_folder", "uri": "azureml://datastores/data/paths/in"},
            "name": {"jobInputType": "literal", "value": "joined.txt"},
        },
        outputs={"result": {"jobOutputType": "uri_folder", "uri": "azureml://datastores/data/paths/out"}},
    )
    assert status == "Completed", workspace.error("move")
    assert workspace.lake.read("lake", "data", "out/joined.txt") == b"alphabeta"
    moves = [
        json.loads(line)
        for line in (workspace.cloud.data / "requests.jsonl").read_text().splitlines()
        if '"/data/out/joined.txt"' in line
    ]
    assert {move["object_id"] for move in moves} == {workspace.identity("runner").principal_id}


def test_an_input_that_the_run_identity_may_not_read_fails_the_job_in_azures_words(workspace: Any) -> None:
    workspace.lake.write("lake", "data", "secret/a.txt", b"alpha")
    uri = "azureml://datastores/data/paths/secret"
    status = workspace.ended(
        "denied-read",
        identity=workspace.managed("powerless"),
        inputs={"folder": {"jobInputType": "uri_folder", "uri": uri}},
    )
    assert status == "Failed"
    error = workspace.error("denied-read")
    assert "Error Code: ScriptExecution.StreamAccess.Authentication" in error
    assert "not authorized to perform this operation using this permission" in error
    assert uri in error


def test_an_output_that_the_run_identity_may_not_write_fails_the_job_in_azures_words(workspace: Any) -> None:
    status = workspace.ended(
        "denied-write",
        command="echo x > ${{outputs.result}}/x",
        identity=workspace.managed("powerless"),
        outputs={"result": {"jobOutputType": "uri_folder", "uri": "azureml://datastores/data/paths/mine"}},
    )
    assert status == "Failed"
    assert "ScriptExecution.WriteStreams.Authentication" in workspace.error("denied-write")
    assert workspace.lake.list("lake", "data", "mine") == []


def test_a_missing_input_path_is_not_found(workspace: Any) -> None:
    uri = "abfss://data@lake.dfs.core.windows.net/nowhere"
    status = workspace.ended("missing", inputs={"x": {"jobInputType": "uri_folder", "uri": uri}})
    assert status == "Failed"
    assert "ScriptExecution.StreamAccess.NotFound" in workspace.error("missing")


def test_a_datastore_with_a_stored_key_serves_any_identity(workspace: Any) -> None:
    status = workspace.ended(
        "keyed",
        command="echo kept > ${{outputs.result}}/kept.txt",
        identity=workspace.managed("powerless"),
        outputs={"result": {"jobOutputType": "uri_folder"}},
    )
    assert status == "Completed", workspace.error("keyed")
    path = "azureml/keyed/result/kept.txt"
    assert workspace.lake.read("wsstore", workspace.blob_store(), path) == b"kept\n"


def test_the_jobs_own_code_is_its_run_identity_and_nothing_of_the_machine(
    workspace: Any, monkeypatch: Any
) -> None:
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "not-for-jobs")
    monkeypatch.setenv("SOME_PASSWORD", "not-for-jobs")
    program = (
        "import json,os,urllib.request as u;"
        "assert 'not-for-jobs' not in str(os.environ);"
        "url=os.environ['MSI_ENDPOINT']+'?api-version=2017-09-01&resource=https://storage.azure.com/';"
        "r=u.Request(url,headers={'secret':os.environ['MSI_SECRET']});"
        "a=json.load(u.urlopen(r));print(a['client_id'], os.environ['MSI_SECRET'])"
    )
    assert workspace.ended("who", command=f'python -c "{program}"') == "Completed", workspace.log("who")
    assert workspace.log("who").split() == [workspace.identity("runner").client_id, "***"]


def test_artifacts_of_the_outputs_folder_are_kept(workspace: Any) -> None:
    workspace.ended("artifacts", command="mkdir -p outputs/deep && echo kept > outputs/deep/a.txt")
    path = "ExperimentRun/dcid.artifacts/outputs/deep/a.txt"
    assert workspace.lake.read("wsstore", "azureml", path) == b"kept\n"


def test_a_job_that_runs_too_long_is_cancelled_by_the_system(workspace: Any) -> None:
    limits = {"jobLimitsType": "Command", "timeout": "PT1S"}
    assert workspace.ended("slow", command="sleep 60", limits=limits) == "Canceled"
    assert "timeout of PT1S" in workspace.error("slow")
