# SPDX-License-Identifier: Apache-2.0
"""Where a URI of a job points: account, container, path, and the datastore that was named."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from azure_sandbox.services.machinelearning.records import (
    ARTIFACT_STORE,
    Credentials,
    Datastore,
    JobFailure,
    Workspace,
)

_DATASTORE = re.compile(
    r"azureml://(?:subscriptions/[^/]+/resourcegroups/[^/]+/(?:providers/Microsoft\.MachineLearningServices/)?"
    r"workspaces/(?P<workspace>[^/]+)/)?datastores/(?P<store>[^/]+)(?:/paths)?(?:/(?P<path>.*))?",
    re.IGNORECASE | re.DOTALL,
)
_ABFS = re.compile(r"(?:abfss?|wasbs?)://([^@/]+)@([^./]+)\.(?:dfs|blob)\.([^/:]+)(?:/(.*))?", re.DOTALL)
_HTTPS = re.compile(r"https://([^./]+)\.(?:dfs|blob)\.([^/:]+)/([^/?]+)(?:/([^?]*))?", re.DOTALL)
_JOB_OUTPUT = re.compile(
    r"azureml://jobs/(?P<job>[^/]+)/outputs/(?P<output>[^/]+)(?:/paths)?(?:/(?P<path>.*))?"
)


@dataclass(frozen=True)
class Location:
    """A path in a container. ``store`` is the datastore that was named, if one was; ``suffix`` ends the names
    of the cloud's accounts."""

    account: str
    container: str
    path: str
    suffix: str
    store: Datastore | None = None

    @property
    def credentials(self) -> Credentials:
        """What is stored for it."""
        return self.store.credentials if self.store else Credentials()

    @property
    def abfss(self) -> str:
        return f"abfss://{self.container}@{self.account}.dfs.{self.suffix}/{self.path}"

    @property
    def blob_url(self) -> str:
        return f"https://{self.account}.blob.{self.suffix}/{self.container}"


def locate(workspace: Workspace, uri: str, suffix: str) -> Location:
    """The location behind an azureml://datastores, abfss://, wasbs:// or https:// URI.

    :raises JobFailure: where it is none of them, or the datastore does not exist
    """
    found = _DATASTORE.fullmatch(uri)
    if found:
        return _in_datastore(workspace, found, uri, suffix)
    found = _ABFS.fullmatch(uri)
    if found and found[3] == suffix:
        return _checked(Location(found[2], found[1], found[4] or "", suffix), uri)
    found = _HTTPS.fullmatch(uri)
    if found and found[2] == suffix:
        return _checked(Location(found[1], found[3], found[4] or "", suffix), uri)
    raise JobFailure(
        f"The URI {uri} is not supported: azureml://datastores/NAME/paths/PATH, abfss:// and https:// of a "
        "storage account are.",
        inner="UnsupportedUri",
    )


def _in_datastore(workspace: Workspace, found: re.Match[str], uri: str, suffix: str) -> Location:
    named = found["workspace"]
    store = workspace.datastore(found["store"])
    if store is None or (named and named.lower() != workspace.name.lower()):
        raise JobFailure(
            f"Could not find datastore {found['store']} in workspace {named or workspace.name}.",
            inner="DatastoreNotFound",
        )
    return _checked(Location(store.account, store.container, found["path"] or "", suffix, store), uri)


def _checked(location: Location, uri: str) -> Location:
    # A path is kept inside its container and, when materialized, inside the job's folder.
    if any(part in (".", "..") for part in location.path.split("/")):
        raise JobFailure(f"The URI {uri} holds a relative path segment.", inner="UnsupportedUri")
    return replace(location, path=location.path.lstrip("/"))


def job_output(uri: str) -> tuple[str, str, str] | None:
    """(job, output, path below it) of ``azureml://jobs/J/outputs/O[/paths/P]``; None for other URIs."""
    found = _JOB_OUTPUT.fullmatch(uri)
    return (found["job"], found["output"], found["path"] or "") if found else None


def datastore_uri(store: str, path: str) -> str:
    return f"azureml://datastores/{store}/paths/{path}"


def artifact_uri(prefix: str, path: str = "") -> str:
    """URI of a run's artifacts, for example its logs and ``./outputs``."""
    return datastore_uri(ARTIFACT_STORE, f"{prefix}/{path}" if path else prefix)
