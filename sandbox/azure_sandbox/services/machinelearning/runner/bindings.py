# SPDX-License-Identifier: Apache-2.0
"""Inputs and outputs of a job: what the command sees, and the moves behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from azure_sandbox.services.machinelearning.locations import Location, artifact_uri, job_output
from azure_sandbox.services.machinelearning.records import JobFailure, Json
from azure_sandbox.services.machinelearning.runner.transfer import AccessDenied, NotThere, Transfer
from azure_sandbox.services.machinelearning.runner.workplace import Workplace
from azure_sandbox.services.machinelearning.runs import Runs

_FOLDERS = frozenset({"uri_folder", "mltable"})


@dataclass(frozen=True)
class Output:
    """An output: the local path that is uploaded at the end, or None in direct mode."""

    name: str
    kind: str
    uri: str
    local: Path | None


class Bindings:
    """The data side of one job.

    :param spark: direct mode then means abfss://, which is what Spark reads
    """

    def __init__(self, place: Workplace, runs: Runs, transfer: Transfer, *, spark: bool = False) -> None:
        self._place = place
        self._runs = runs
        self._transfer = transfer
        self._spark = spark
        self.outputs = [self._output(name) for name in place.run.outputs]

    async def inputs(self) -> dict[str, str]:
        """Name -> literal, local path or URI of every input that is bound; data is fetched on the way.

        :raises JobFailure: in Azure's words, where data is missing or refused
        """
        values: dict[str, str] = {}
        for name, binding in (self._place.run.body.get("inputs") or {}).items():
            if binding is None:
                continue
            if binding["jobInputType"] == "literal":
                values[name] = str(binding["value"])
            else:
                values[name] = await self._data(name, binding)
        return values

    def output_values(self) -> dict[str, str]:
        """Name -> local path or URI of every output."""
        return {output.name: self._spelled(output) for output in self.outputs}

    async def upload(self) -> None:
        """:raises JobFailure: in Azure's words, where the store refuses"""
        for output in self.outputs:
            if output.local is not None:
                await self._upload(output, output.local)

    async def _data(self, name: str, binding: Json) -> str:
        uri = self._resolved(binding)
        location = self._place.locate(uri)
        if str(binding.get("mode") or "").lower() == "direct":
            return location.abfss if self._spark else uri
        target = self._place.data / f"INPUT_{name}"
        kind = str(binding["jobInputType"])
        with Worded(uri, f"UriMountSession:INPUT_{name}", target):
            if kind == "uri_file":
                target = target / (Path(location.path).name or "data")
                await self._transfer.fetch_file(location, target)
            elif kind in _FOLDERS:
                await self._transfer.fetch_folder(location, target)
            else:
                await self._transfer.fetch(location, target)
        return str(target)

    def _resolved(self, binding: Json) -> str:
        """The storage URI behind an asset reference or another job's output; others as they are."""
        uri = str(binding["uri"])
        route = "models" if str(binding["jobInputType"]).endswith("_model") else "data"
        if "/models/" in uri:
            route = "models"
        entry = self._place.assets.reference(self._place.workspace, route, uri)
        if entry is not None:
            return str(entry["properties"]["modelUri" if route == "models" else "dataUri"])
        named = job_output(uri)
        return self._job_output(*named) if named else uri

    def _job_output(self, job: str, output: str, below: str) -> str:
        run = self._runs.get(self._place.workspace.guid, job)
        if run is None or not (output in run.outputs or output in ("artifacts", "default")):
            raise JobFailure(f"Job {job} has no output named {output}.", inner="OutputNotFound")
        base = run.outputs.get(output) or artifact_uri(run.artifact_prefix)
        return f"{base.rstrip('/')}/{below}" if below else base

    def _output(self, name: str) -> Output:
        binding = (self._place.run.body.get("outputs") or {}).get(name) or {}
        uri = self._place.run.outputs[name]
        kind = str(binding.get("jobOutputType") or "uri_folder")
        if str(binding.get("mode") or "").lower() == "direct":
            return Output(name, kind, uri, None)
        folder = self._place.data / f"OUTPUT_{name}"
        folder.mkdir()
        return Output(name, kind, uri, folder / name if kind == "uri_file" else folder)

    def _spelled(self, output: Output) -> str:
        if output.local is not None:
            return str(output.local)
        return self._place.locate(output.uri).abfss if self._spark else output.uri

    async def _upload(self, output: Output, local: Path) -> None:
        location: Location = self._place.locate(output.uri)
        with Worded(output.uri, f"UriMountOutputSession:{output.name}", local, writing=True):
            if output.kind != "uri_file":
                await self._transfer.store_folder(local, location)
            elif local.is_file():
                await self._transfer.store_file(local, location)


class Worded:
    """Turns a refusal of the store into the job error that Azure's data capability reports."""

    def __init__(self, uri: str, session: str, local: Path, *, writing: bool = False) -> None:
        self._uri = uri
        self._session = session
        self._local = local
        self._writing = writing

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, AccessDenied):
            raise self._write_denied() if self._writing else self._read_denied(str(error)) from None
        if isinstance(error, NotThere):
            raise self._not_found() from None

    def _read_denied(self, why: str) -> JobFailure:
        return JobFailure(
            f"Failed to mount URI {self._uri} at mount point {self._local}\n"
            "Error Code: ScriptExecution.StreamAccess.Authentication\n"
            "Native Error: error in streaming from input data sources\n"
            f"\tStreamError(PermissionDenied(Some({why})))\n"
            "Error Message: Authentication failed when trying to access the stream. "
            "Make sure you have correct permissions set up.\n"
            f"Category: UserError\nTarget: {self._session}",
            inner="ScriptExecution.StreamAccess.Authentication",
        )

    def _write_denied(self) -> JobFailure:
        return JobFailure(
            f"Failed to upload output to URI {self._uri}\n"
            "Error Code: ScriptExecution.WriteStreams.Authentication\n"
            "Native Error: An error occur when streaming data to output target. "
            "DestinationError(PermissionDenied(None))\n"
            "Error Message: Authentication failed when trying to access destination. "
            "Make sure you have correct permissions set up.\n"
            f"Category: UserError\nTarget: {self._session}",
            inner="ScriptExecution.WriteStreams.Authentication",
        )

    def _not_found(self) -> JobFailure:
        code = (
            "ScriptExecution.WriteStreams.NotFound"
            if self._writing
            else "ScriptExecution.StreamAccess.NotFound"
        )
        return JobFailure(
            f"Failed to {'upload output to' if self._writing else 'mount'} URI {self._uri}\n"
            f"Error Code: {code}\n"
            "Native Error: error in streaming from input data sources\n"
            "\tStreamError(NotFound)\n=> stream not found\n"
            "Error Message: The requested stream was not found. Please make sure the request uri is correct.\n"
            f"Category: UserError\nTarget: {self._session}",
            inner=code,
        )


@asynccontextmanager
async def bound(place: Workplace, runs: Runs, *, spark: bool = False) -> AsyncIterator[Bindings]:
    """The bindings of a job, with the connection behind them closed at the end."""
    transfer = Transfer(place.cloud, place.run.run_identity)
    try:
        yield Bindings(place, runs, transfer, spark=spark)
    finally:
        await transfer.close()
