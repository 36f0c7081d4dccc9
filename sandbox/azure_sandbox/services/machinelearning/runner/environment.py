# SPDX-License-Identifier: Apache-2.0
"""Virtual environments for jobs: built by uv from a conda file's pip dependencies, cached by content.

The cache is shared by all sandboxes of a machine (``AZURE_SANDBOX_CACHE``, else
``~/.cache/azure-sandbox``); a lock file keeps two of them from building the same thing.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import json
import os
import platform
import re
import shutil
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uv
import yaml

from azure_sandbox.services.machinelearning.records import JobFailure, Json
from azure_sandbox.services.machinelearning.runner.process import Process

_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
_CONDA_PYTHON = re.compile(r"python\s*(?:(?:=|==|>=|~=)\s*(\d+)(?:\.(\d+))?[\d.*]*)?\s*")
_NOT_FOR_BUILDS = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "CONDA_PREFIX")


def cache_folder() -> Path:
    configured = os.environ.get("AZURE_SANDBOX_CACHE")
    return Path(configured) if configured else Path.home() / ".cache" / "azure-sandbox"


@dataclass(frozen=True)
class Environment:
    """A finished virtual environment."""

    folder: Path

    @property
    def bin(self) -> Path:
        return self.folder / "bin"

    @property
    def python(self) -> Path:
        return self.bin / "python"

    @property
    def packages(self) -> Path:
        return self.folder / "lib" / f"python{_PYTHON}" / "site-packages"


def image_build_failed(name: str, why: str) -> JobFailure:
    return JobFailure(
        f"Image build failed for environment {name}. {why} For more details, check the log file "
        "azureml-logs/20_image_build_log.txt.",
        inner="ImageBuildFailure",
    )


def requirements(name: str, properties: Json) -> tuple[str, ...]:
    """The pip requirements of an environment asset.

    :raises JobFailure: an image build error, for what cannot be built without containers
    """
    if properties.get("build"):
        raise image_build_failed(name, "This sandbox has no container engine: it cannot build a Dockerfile.")
    text = properties.get("condaFile")
    if not text:
        return ()
    try:
        conda = yaml.safe_load(text)
        listed = list(conda.get("dependencies") or [])
    except (yaml.YAMLError, AttributeError, TypeError) as error:
        raise image_build_failed(name, f"The conda file is not valid: {type(error).__name__}.") from None
    found: list[str] = []
    for entry in listed:
        found += _dependency(name, entry)
    return tuple(found)


def _dependency(name: str, entry: Any) -> list[str]:
    if isinstance(entry, dict) and isinstance(entry.get("pip"), list):
        lines = [str(line).strip() for line in entry["pip"]]
        if any(line.startswith("-") for line in lines):
            raise image_build_failed(name, "Options of pip in the conda file are not supported here.")
        return lines
    text = str(entry).strip()
    python = _CONDA_PYTHON.fullmatch(text)
    if python:
        major, minor = python.groups()
        if major and f"{major}.{minor or sys.version_info.minor}" != _PYTHON:
            raise image_build_failed(
                name, f"It asks for {text}; this sandbox runs on Python {_PYTHON} and builds no other."
            )
        return []
    if re.fullmatch(r"pip\b.*", text):
        return []
    raise image_build_failed(
        name, f"The conda package '{text}' cannot be installed without conda: list it under pip."
    )


async def ready(name: str, wanted: tuple[str, ...], log: Path) -> Environment:
    """The environment with these requirements, built if this machine has none.

    :param log: file that the build's output is appended to
    :raises JobFailure: an image build error with the installer's last words
    """
    content = json.dumps([sys.version, platform.machine(), sorted(wanted)])
    key = hashlib.sha256(content.encode()).hexdigest()[:24]
    folder = cache_folder() / "environments" / key
    complete = folder / ".complete"
    if not complete.exists():
        async with locked(folder.with_suffix(".lock")):
            if not complete.exists():
                await _build(name, folder, wanted, log)
                complete.touch()
    return Environment(folder)


async def _build(name: str, folder: Path, wanted: tuple[str, ...], log: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    tool = uv.find_uv_bin()
    await _step(name, [tool, "venv", "--python", sys.executable, str(folder)], log)
    if wanted:
        listed = folder / "requirements.txt"
        listed.write_text("\n".join(wanted) + "\n", encoding="utf8")
        install = [tool, "pip", "install", "--python", str(folder / "bin" / "python"), "-r", str(listed)]
        await _step(name, install, log)


async def _step(name: str, command: list[str], log: Path) -> None:
    process = Process(command, folder=log.parent, environment=build_environment(), output=log)
    if await process.finished() != 0:
        raise image_build_failed(name, _without_logins(process.stderr_tail()[-1500:]))


def build_environment() -> dict[str, str]:
    """The machine's own environment: registries are reached directly, not through the sandbox."""
    return {key: value for key, value in os.environ.items() if key not in _NOT_FOR_BUILDS}


@contextlib.asynccontextmanager
async def locked(path: Path) -> AsyncIterator[None]:
    """Hold a lock file that other processes honour too; waiting does not block the event loop."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(0.2)
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)


def _without_logins(text: str) -> str:
    return re.sub(r"://[^/@\s]+@", "://***@", text)
