# SPDX-License-Identifier: Apache-2.0
"""Environments of jobs: built from pip dependencies, cached, refused where they cannot be built."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from azure_sandbox.services.machinelearning.records import JobFailure
from azure_sandbox.services.machinelearning.runner.environment import requirements

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


def conda(*dependencies: str, pip: str = "") -> dict[str, Any]:
    lines = [f"- {dependency}" for dependency in dependencies]
    lines += [f"- pip: [{pip}]"] if pip else []
    return {"condaFile": "dependencies:\n" + "\n".join(lines)}


def test_pip_dependencies_are_the_requirements() -> None:
    found = requirements("e", conda(f"python={HERE}", "pip=24", pip="'six==1.17.0', 'idna'"))
    assert found == ("six==1.17.0", "idna")


def test_a_patch_release_of_python_does_not_matter() -> None:
    assert requirements("e", conda(f"python={HERE}.1")) == ()


def test_an_image_alone_has_no_requirements() -> None:
    assert requirements("e", {"image": "ubuntu"}) == ()


@pytest.mark.parametrize(
    ("properties", "why"),
    [
        (conda("python=2.7"), "builds no other"),
        (conda("numpy=1.26"), "list it under pip"),
        (conda(pip="'--index-url https://example.com'"), "Options of pip"),
        ({"build": {"contextUri": "x"}}, "no container engine"),
        ({"condaFile": "[a: b"}, "not valid"),
        ({"condaFile": "just text"}, "not valid"),
    ],
)
def test_what_cannot_be_built_is_an_image_build_failure(properties: dict[str, Any], why: str) -> None:
    with pytest.raises(JobFailure) as raised:
        requirements("e:1", properties)
    assert raised.value.message.startswith("Image build failed for environment e:1.")
    assert why in raised.value.message


def test_a_job_imports_what_its_environment_asks_for(
    workspace: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AZURE_SANDBOX_CACHE", str(tmp_path))
    properties = {"image": "ubuntu", **conda(f"python={HERE}", pip="'six==1.16.0'")}
    environment = workspace.arm("PUT", "/environments/six/versions/1", {"properties": properties}).json()[
        "id"
    ]
    command = "python -c 'import six; print(six.__version__)'"
    for name in ("with-six", "with-six-again"):
        status = workspace.ended(name, command=command, environmentId=environment)
        assert status == "Completed", workspace.error(name)
        assert workspace.log(name).strip() == "1.16.0"
    assert len(list((tmp_path / "environments").glob("*/.complete"))) == 1


def test_a_package_that_does_not_exist_fails_the_job_with_the_installers_words(
    workspace: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AZURE_SANDBOX_CACHE", str(tmp_path))
    properties = {"image": "ubuntu", **conda(pip="'six==0.0.0'")}
    environment = workspace.arm("PUT", "/environments/bad/versions/1", {"properties": properties}).json()[
        "id"
    ]
    assert workspace.ended("bad-image", environmentId=environment) == "Failed"
    assert workspace.error("bad-image").startswith("Image build failed for environment bad:1.")
    logs = workspace.history("bad-image", "/details").json()["logFiles"]
    assert "six" in workspace.sandbox.http.get(logs["azureml-logs/20_image_build_log.txt"]).text
