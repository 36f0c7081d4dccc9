# SPDX-License-Identifier: Apache-2.0
"""What one job has while it runs: its folder, its logs, and the way to its record."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.ports import Lake
from azure_sandbox.services.machinelearning.assets import Assets
from azure_sandbox.services.machinelearning.locations import Location, locate
from azure_sandbox.services.machinelearning.records import JobFailure, Json, Run, Workspace
from azure_sandbox.services.machinelearning.runner.images import check_image
from azure_sandbox.services.machinelearning.runner.readers import Reader
from azure_sandbox.services.machinelearning.runner.secrets import JobSecrets

USER_LOG = "user_logs/std_log.txt"
BUILD_LOG = "azureml-logs/20_image_build_log.txt"


class ShippedLog:
    """A local file whose new bytes are appended to a blob of the workspace's artifact store."""

    def __init__(self, cloud: Cloud, workspace: Workspace, run: Run, name: str, folder: Path) -> None:
        self._cloud = cloud
        self._account = workspace.storage_account
        self._blob = f"{run.artifact_prefix}/{name}"
        self.file = folder / name
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.touch()
        self._sent = 0

    def ship(self) -> None:
        """Send what was written since the last call."""
        with self.file.open("rb") as file:
            file.seek(self._sent)
            fresh = file.read()
        if fresh or not self._sent:
            self._cloud.port(Lake).append(self._account, "azureml", self._blob, fresh)
            self._sent += len(fresh)

    def write(self, text: str) -> None:
        """A line of the platform's own."""
        with self.file.open("a", encoding="utf8") as file:
            file.write(text.rstrip("\n") + "\n")
        self.ship()


@dataclass
class Workplace:
    """A job at work.

    :param reader: who it is to the lake
    :param advance: records a new status; a cancel request that came first stands
    :param started: records the process id and the start of Running
    """

    cloud: Cloud
    workspace: Workspace
    run: Run
    assets: Assets
    secrets: JobSecrets
    reader: Reader
    advance: Callable[[str], None]
    started: Callable[[int], None]

    def __post_init__(self) -> None:
        self.folder = self.cloud.data / "jobs" / self.workspace.guid / self.run.name
        shutil.rmtree(self.folder, ignore_errors=True)
        for name in ("wd", "data", "logs", "home", "tmp"):
            (self.folder / name).mkdir(parents=True)
        # Tokens pass through this folder's files: nobody else on the machine needs to read them.
        self.folder.chmod(0o700)

    @property
    def code(self) -> Path:
        """The job's working directory."""
        return self.folder / "wd"

    @property
    def data(self) -> Path:
        """Where inputs and outputs are."""
        return self.folder / "data"

    def log(self, name: str) -> ShippedLog:
        return ShippedLog(self.cloud, self.workspace, self.run, name, self.folder / "logs")

    def locate(self, uri: str) -> Location:
        """:raises JobFailure: where the URI points nowhere"""
        return locate(self.workspace, uri, self.cloud.azure.storage)

    def environment_asset(self) -> tuple[str, Json]:
        """Name and properties of the environment that the job names; an empty one for none.

        :raises JobFailure: for an environment of a registry, whose image only Azure can pull, and for an
            image that nobody may pull for the job
        """
        reference = self.run.body.get("environmentId")
        if not reference:
            return "", {}
        entry = None
        if not reference.startswith("azureml://registries/"):
            entry = self.assets.reference(self.workspace, "environments", reference)
        if entry is None:
            raise JobFailure(
                f"Failed to pull Docker image of {reference}. Images of registries cannot be run by this "
                "sandbox: use an environment with a conda file, whose pip packages it installs.",
                inner="ImagePullError",
            )
        check_image(self.cloud, str(entry["properties"].get("image") or ""), self.reader.puller)
        return f"{entry['name']}:{entry['version']}", entry["properties"]

    def fetch_code(self) -> None:
        """Copy the code snapshot into the working directory, by the platform's own hand.

        :raises JobFailure: where the snapshot is gone
        """
        reference = self.run.body.get("codeId")
        if not reference:
            return
        entry = self.assets.reference(self.workspace, "codes", reference)
        if entry is None:
            raise JobFailure(f"The code {reference} was not found.", inner="SnapshotNotFound")
        where, lake = self.locate(entry["properties"]["codeUri"]), self.cloud.port(Lake)
        prefix = where.path.rstrip("/") + "/" if where.path else ""
        paths = lake.list(where.account, where.container, prefix)
        if not paths:
            raise JobFailure(
                f"The code snapshot at {entry['properties']['codeUri']} is empty.", inner="SnapshotNotFound"
            )
        for path in paths:
            target = (self.code / path.removeprefix(prefix)).resolve()
            if target.is_relative_to(self.code.resolve()):
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(lake.read(where.account, where.container, path) or b"")

    def keep_artifacts(self) -> None:
        """Upload ``./outputs`` and ``./logs`` as the run's artifacts."""
        lake = self.cloud.port(Lake)
        for folder in ("outputs", "logs"):
            for file in sorted((self.code / folder).rglob("*")):
                if file.is_file():
                    path = f"{self.run.artifact_prefix}/{file.relative_to(self.code).as_posix()}"
                    lake.write(self.workspace.storage_account, "azureml", path, file.read_bytes())

    def clear(self) -> None:
        """Forget the folder: what the job leaves is in storage."""
        shutil.rmtree(self.folder, ignore_errors=True)
