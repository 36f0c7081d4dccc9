# SPDX-License-Identifier: Apache-2.0
"""Versioned assets: codes, environments, data, models, components."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass

from azure_sandbox.kernel.clock import iso
from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.ports import Lake
from azure_sandbox.services.machinelearning.effects import model_written
from azure_sandbox.services.machinelearning.locations import job_output
from azure_sandbox.services.machinelearning.records import (
    ACTION,
    ARTIFACT_STORE,
    BLOB_STORE,
    Json,
    Workspace,
    run_not_found,
    user_error,
)
from azure_sandbox.services.machinelearning.runs import Runs
from azure_sandbox.services.machinelearning.workspaces import asset_not_found


@dataclass(frozen=True)
class Kind:
    """A family of assets.

    :param required: the property without which a version means nothing
    :param fixed: properties that never change once a version exists
    """

    route: str
    word: str
    required: str
    fixed: tuple[str, ...]


KINDS = {
    kind.route: kind
    for kind in (
        Kind("codes", "code", "codeUri", ("codeUri",)),
        Kind("environments", "environment", "", ("image", "condaFile", "build")),
        Kind("data", "data", "dataUri", ("dataUri", "dataType")),
        Kind("models", "model", "modelUri", ("modelUri", "modelType")),
        Kind("components", "component", "componentSpec", ("componentSpec",)),
    )
}

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9\-_.]{0,254}")
_REFERENCE = re.compile(
    r"(?:azureml:)?/subscriptions/.+/(\w+)/([^/]+)/(versions|labels)/([^/]+)", re.IGNORECASE
)
_SHORT = re.compile(r"azureml:(?!/)([^:@/]+)(?::([^:@/]+)|@(latest))")


class Assets:
    """Assets of all workspaces of one cloud."""

    def __init__(self, cloud: Cloud, runs: Runs) -> None:
        self._cloud = cloud
        self._runs = runs
        self._stored = cloud.store.collection("machinelearning.asset")

    def put(
        self, workspace: Workspace, route: str, name: str, version: str, document: Json, author: str
    ) -> tuple[Json, bool]:
        """Create or update a version; the resource, and whether it is new.

        :raises AzureError: 400 for a bad body or a change of what cannot change
        """
        kind = KINDS[route]
        properties = self._checked(workspace, kind, name, version, document)
        key = f"{workspace.guid}/{route}/{name}/{version}"
        stored = self._stored.get(key)
        if stored is not None:
            _check_fixed(kind, stored["properties"], properties)
        now = self._cloud.clock.time()
        entry = {
            "name": name,
            "version": version,
            "properties": {**(stored or {}).get("properties", {}), **properties},
            "created": stored["created"] if stored else now,
            "modified": now,
            "author": stored["author"] if stored else author,
        }
        with self._cloud.store.transaction():
            self._stored.put(key, entry)
            if route == "models":
                model_written(self._cloud, workspace, stored, entry)
        return self.resource(workspace, route, entry), stored is None

    def get(self, workspace: Workspace, route: str, name: str, version: str) -> Json:
        """:raises AzureError: 404"""
        return self.resource(workspace, route, self.entry(workspace, route, name, version))

    def entry(self, workspace: Workspace, route: str, name: str, version: str) -> Json:
        """The stored version; ``latest`` is the newest one.

        :raises AzureError: 404
        """
        found = self._stored.get(f"{workspace.guid}/{route}/{name}/{version}")
        if found is None and version == "latest":
            found = next(iter(self.versions(workspace, route, name)), None)
        if found is None:
            raise asset_not_found(KINDS[route].word, name, version)
        return found

    def versions(self, workspace: Workspace, route: str, name: str) -> list[Json]:
        """Stored versions of a name, newest first."""
        found = self._stored.values(f"{workspace.guid}/{route}/{name}/")
        return sorted(found, key=lambda entry: (entry["created"], entry["version"]), reverse=True)

    def with_hash(self, workspace: Workspace, sha256: str) -> list[Json]:
        """Code versions of any name whose content has this hash: a search over the whole workspace."""
        return [
            entry
            for entry in self._stored.values(f"{workspace.guid}/codes/")
            if (entry["properties"].get("properties") or {}).get("hash_sha256") == sha256
        ]

    def names(self, workspace: Workspace, route: str) -> list[str]:
        return sorted({entry["name"] for entry in self._stored.values(f"{workspace.guid}/{route}/")})

    def container(self, workspace: Workspace, route: str, name: str) -> Json:
        """The asset without a version: what is latest, what comes next.

        :raises AzureError: 404
        """
        versions = self.versions(workspace, route, name)
        if not versions:
            raise asset_not_found(KINDS[route].word, name)
        numbers = [int(entry["version"]) for entry in versions if entry["version"].isdigit()]
        return {
            "id": f"{workspace.scope}/{route}/{name}",
            "name": name,
            "type": f"{ACTION}/{route}",
            "properties": {
                "description": None,
                "tags": {},
                "properties": {},
                "isArchived": False,
                "latestVersion": versions[0]["version"],
                "nextVersion": str(max(numbers, default=0) + 1),
                **({"dataType": versions[0]["properties"].get("dataType")} if route == "data" else {}),
            },
        }

    def reference(self, workspace: Workspace, route: str, reference: str) -> Json | None:
        """The entry behind an ARM id, ``azureml:name:version`` or ``azureml:name@latest``; None for other text.

        :raises AzureError: 404
        """
        found = _REFERENCE.fullmatch(reference)
        if found and found[1].lower() == route:
            return self.entry(workspace, route, found[2], found[4])
        short = _SHORT.fullmatch(reference)
        if short:
            return self.entry(workspace, route, short[1], short[2] or "latest")
        return None

    def pending_upload(self, workspace: Workspace, name: str, version: str) -> Json:
        """A fresh container with a SAS to fill it (``startPendingUpload``)."""
        lake = self._cloud.port(Lake)
        container = str(uuid.uuid4())
        lake.ensure_container(workspace.storage_account, container)
        sas = lake.sas_url(workspace.storage_account, container, permissions="racwdl", hours=24)
        reference = {
            "blobUri": sas.partition("?")[0],
            "storageAccountArmId": lake.account_scope(workspace.storage_account),
            "credential": {"credentialType": "SAS", "sasUri": sas},
        }
        return {
            "pendingUploadId": str(uuid.uuid4()),
            "pendingUploadType": "TemporaryBlobReference",
            "blobReferenceForConsumption": reference,
        }

    def resource(self, workspace: Workspace, route: str, entry: Json) -> Json:
        return {
            "id": f"{workspace.scope}/{route}/{entry['name']}/versions/{entry['version']}",
            "name": entry["version"],
            "type": f"{ACTION}/{route}/versions",
            "properties": {
                "description": None,
                "tags": {},
                "properties": {},
                "isArchived": False,
                "isAnonymous": False,
                "provisioningState": "Succeeded",
                **entry["properties"],
            },
            "systemData": {
                "createdAt": iso(entry["created"]),
                "createdBy": entry["author"],
                "createdByType": "Application",
                "lastModifiedAt": iso(entry["modified"]),
            },
        }

    def _checked(self, workspace: Workspace, kind: Kind, name: str, version: str, document: Json) -> Json:
        properties = document.get("properties")
        if not isinstance(properties, dict):
            raise user_error("The request is invalid. The field 'properties' is required and is an object.")
        for text in (name, version):
            if not _NAME.fullmatch(text):
                raise user_error(f"The {kind.word} name or version '{text}' is not valid.")
        _check_shape(kind, properties)
        return {**properties, **self._derived(workspace, kind, properties)}

    def _derived(self, workspace: Workspace, kind: Kind, properties: Json) -> Json:
        if kind.route == "models":
            uri, job = self._resolved(workspace, str(properties["modelUri"]))
            flavors = properties.get("flavors") or {}
            return {"modelUri": uri, "jobName": properties.get("jobName") or job, "flavors": flavors}
        if kind.route == "data":
            uri, _ = self._resolved(workspace, str(properties["dataUri"]))
            return {"dataUri": uri, "dataType": properties.get("dataType") or "uri_folder"}
        if kind.route == "environments":
            return {"environmentType": "UserCreated", "osType": properties.get("osType") or "Linux"}
        return {}

    def _resolved(self, workspace: Workspace, uri: str) -> tuple[str, str | None]:
        """A stored path in place of ``azureml://jobs/J/outputs/O``, and J; other URIs stay as they are."""
        named = job_output(uri)
        if named is None:
            return uri, None
        job, output, below = named
        run = self._runs.get(workspace.guid, job)
        if run is None:
            raise run_not_found(job)
        if output in ("artifacts", "default"):
            base = f"azureml://datastores/{ARTIFACT_STORE}/paths/{run.artifact_prefix}"
        elif output in run.outputs:
            base = run.outputs[output].rstrip("/")
        else:
            raise user_error(f"Job {job} has no output named {output}.", inner=("NotFound", "OutputNotFound"))
        resolved = f"{base}/{below}" if below else base
        return resolved.replace("azureml://datastores/", f"azureml:/{_long(workspace)}/datastores/"), job


def default_output_uri(run_name: str, output: str) -> str:
    """Where an output without a ``uri`` goes."""
    return f"azureml://datastores/{BLOB_STORE}/paths/azureml/{run_name}/{output}/"


def _long(workspace: Workspace) -> str:
    return workspace.scope.replace(f"/providers/{ACTION.partition('/')[0]}", "")


def _check_shape(kind: Kind, properties: Json) -> None:
    shapes: dict[str, type] = {
        "properties": dict,
        "tags": dict,
        "image": str,
        "condaFile": str,
        "build": dict,
    }
    shapes |= {"description": str, "modelType": str, "dataType": str, "flavors": dict, "stage": str}
    for field, wanted in shapes.items():
        if properties.get(field) is not None and not isinstance(properties[field], wanted):
            word = "text" if wanted is str else "an object"
            raise user_error(f"The request is invalid. The field 'properties.{field}' is {word}.")
    if kind.route == "environments" and not (properties.get("image") or properties.get("build")):
        raise user_error(
            "The request is invalid. The field 'properties.image' or 'properties.build' is required."
        )
    if kind.required:
        wanted = dict if kind.required == "componentSpec" else str
        if not properties.get(kind.required) or not isinstance(properties[kind.required], wanted):
            raise user_error(f"The request is invalid. The field 'properties.{kind.required}' is required.")


def _check_fixed(kind: Kind, before: Json, after: Json) -> None:
    changed = [name for name in kind.fixed if after.get(name) and before.get(name) != after.get(name)]
    if changed:
        raise user_error(
            f"A {kind.word} version with this name and version already exists. If you are trying to create a "
            f"new {kind.word} version, use a different name or version. If you are trying to update an existing "
            f"{kind.word} version, the existing {kind.word} version's {', '.join(changed)} cannot be changed. "
            "Only description, tags, and isArchived can be updated.",
            inner=("Immutable", "AssetVersionPropertyImmutable"),
        )
