# SPDX-License-Identifier: Apache-2.0
"""The parts of the service, put together once per cloud."""

from __future__ import annotations

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.ports import ActiveJobs, Lake, Timelines
from azure_sandbox.services.machinelearning.assets import Assets
from azure_sandbox.services.machinelearning.effects import JobEffects
from azure_sandbox.services.machinelearning.identities import RunIdentities
from azure_sandbox.services.machinelearning.jobs import Jobs
from azure_sandbox.services.machinelearning.records import Json, Run, Workspace
from azure_sandbox.services.machinelearning.runner.supervisor import Supervisor
from azure_sandbox.services.machinelearning.runs import Runs
from azure_sandbox.services.machinelearning.scripted import ScriptedJobs
from azure_sandbox.services.machinelearning.tracking import Tracking
from azure_sandbox.services.machinelearning.workspaces import Workspaces

#: Folders of a run's artifacts that hold logs; the rest are its artifacts.
LOG_FOLDERS = ("user_logs/", "azureml-logs/", "system_logs/", "logs/azureml/")


class MachineLearning:
    """What the routes are given."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.workspaces = Workspaces(cloud)
        self.runs = Runs(cloud)
        self.effects = JobEffects(cloud, self.workspaces)
        self.assets = Assets(cloud, self.runs)
        self.tracking = Tracking(cloud, self.runs, self.effects)
        self.scripted = ScriptedJobs(cloud, self.workspaces, self.runs, self.effects)
        cloud.provide(Timelines, self.scripted)
        cloud.provide(ActiveJobs, self)
        self.supervisor = Supervisor(
            cloud, self.workspaces, self.assets, self.runs, self.effects, self.scripted.owns
        )
        self.jobs = Jobs(
            cloud,
            self.runs,
            self.assets,
            RunIdentities(cloud, self.workspaces),
            self.effects,
            self.scripted,
            self.supervisor.enqueue,
            self.supervisor.stop_run,
        )

    def active(self, name: str, value: str) -> list[Json]:
        """Jobs with a property that have not ended."""
        return [
            {
                "id": f"{self.workspaces.by_guid(run.workspace).scope}/jobs/{run.name}",
                "status": run.status,
                "created": run.created,
            }
            for run in self.runs.unfinished()
            if run.kind == "job" and run.properties.get(name) == value
        ]

    def log_files(self, workspace: Workspace, run: Run) -> dict[str, str]:
        """Name -> SAS URL, good for an hour, of each log that exists."""
        return {
            path: self.artifact_url(workspace, run, path)
            for path in self.artifacts(workspace, run)
            if path.startswith(LOG_FOLDERS)
        }

    def artifacts(self, workspace: Workspace, run: Run) -> list[str]:
        """Paths of a run's artifacts and logs, below its own folder."""
        prefix = f"{run.artifact_prefix}/"
        found = self.cloud.port(Lake).list(workspace.storage_account, "azureml", prefix)
        return [path.removeprefix(prefix) for path in found]

    def artifact_url(self, workspace: Workspace, run: Run, path: str, permissions: str = "r") -> str:
        return self.cloud.port(Lake).sas_url(
            workspace.storage_account, "azureml", f"{run.artifact_prefix}/{path}", permissions=permissions
        )
