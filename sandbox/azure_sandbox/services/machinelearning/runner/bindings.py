# SPDX-License-Identifier: Apache-2.0
"""Inputs and outputs of a job: what the command sees, and the moves behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from azure_sandbox.services.machinelearning.locations import Location, artifact_uri, job_output
from azure_sandbox.services.machinelearning.records import JobFailure, Json
from azure_sandbox.services.machinelearning.runner.transfer import Transfer
from azure_sandbox.services.machinelearning.runner.wording import Attempt, Worded
from azure_sandbox.services.machinelearning.runner.workplace import Workplace
from azure_sandbox.services.machinelearning.runs import Runs

_CACHE = "__pycache__"
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
        self._read_only: list[ReadOnly] = []

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

    def check_inputs(self) -> None:
        """:raises JobFailure: where the command wrote into an input that is mounted read-only"""
        written = next(filter(None, (folder.written() for folder in self._read_only)), None)
        if written is not None:
            raise JobFailure(
                "Execution failed. User process 'python' exited with status code 1. Please check log file "
                "'user_logs/std_log.txt' for error details. Error: OSError: [Errno 30] Read-only file system: "
                f"'{written}'",
                inner="UserProcessExited",
            )

    async def _data(self, name: str, binding: Json) -> str:
        uri, mode = self._resolved(binding), str(binding.get("mode") or "").lower()
        location = self._place.locate(uri)
        if mode == "direct":
            return location.abfss if self._spark else uri
        target = self._place.data / f"INPUT_{name}"
        kind = str(binding["jobInputType"])
        session = f"{'UriDownload' if mode == 'download' else 'UriMount'}Session:INPUT_{name}"
        with Worded(self._place, self._transfer, Attempt(uri, location, session, target, mode)):
            if kind == "uri_file":
                target = target / (Path(location.path).name or "data")
                await self._transfer.fetch_file(location, target)
            elif kind in _FOLDERS:
                await self._transfer.fetch_folder(location, target)
            else:
                await self._transfer.fetch(location, target)
        if mode in ("", "readonlymount"):
            self._read_only.append(ReadOnly(target))
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
        session = f"UriMountOutputSession:{output.name}"
        attempt = Attempt(output.uri, location, session, local, writing=True)
        with Worded(self._place, self._transfer, attempt):
            if output.kind != "uri_file":
                await self._transfer.store_folder(local, location)
            elif local.is_file():
                await self._transfer.store_file(local, location)


class ReadOnly:
    """An input that Azure mounts read-only. Here it is a copy, so that a write is noticed afterwards."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._before = self._state()

    def written(self) -> Path | None:
        """A file that was made, changed or removed."""
        changed = set(self._before.items()) ^ set(self._state().items())
        return min((path for path, _ in changed), default=None)

    def _state(self) -> dict[Path, tuple[int, int]]:
        # Python does without its caches where it cannot write them.
        files = [path for path in self._folder.rglob("*") if path.is_file() and _CACHE not in path.parts]
        found = [self._folder] if self._folder.is_file() else files
        return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in found}


@asynccontextmanager
async def bound(place: Workplace, runs: Runs, *, spark: bool = False) -> AsyncIterator[Bindings]:
    """The bindings of a job, with the connection behind them closed at the end."""
    transfer = Transfer(place.cloud, place.reader)
    try:
        yield Bindings(place, runs, transfer, spark=spark)
    finally:
        await transfer.close()
