# SPDX-License-Identifier: Apache-2.0
"""Data in and out over HTTP, with the run identity's token or the datastore's stored key."""

from __future__ import annotations

import base64
import ssl
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree

import httpx

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.services.machinelearning.locations import Location
from azure_sandbox.services.machinelearning.records import JobFailure
from azure_sandbox.services.machinelearning.runner.readers import Reader
from azure_sandbox.services.machinelearning.runner.signing import AccessDenied, Signer

_BLOCK = 8 << 20
_VERSION = "2021-12-02"


class NotThere(Exception):
    """The path does not exist."""


class Transfer:
    """Moves files between a job's folder and the lake."""

    def __init__(self, cloud: Cloud, reader: Reader) -> None:
        #: a line for each request that was refused, as the platform's own log has them
        self.refusals: list[str] = []
        environment = cloud.job_environment
        self._http = httpx.AsyncClient(
            proxy=environment["HTTPS_PROXY"],
            verify=ssl.create_default_context(cafile=environment["SSL_CERT_FILE"]),
            trust_env=False,
            timeout=120,
            headers={"x-ms-version": _VERSION, "User-Agent": "azureml-data-capability"},
        )
        self._signer = Signer(cloud, reader, self._http)

    async def close(self) -> None:
        await self._http.aclose()

    async def fetch_file(self, location: Location, target: Path) -> None:
        """:raises AccessDenied, NotThere:"""
        target.parent.mkdir(parents=True, exist_ok=True)
        url, headers = await self._address(location, location.path)
        async with self._http.stream("GET", url, headers=headers) as response:
            if response.status_code >= 400:
                await response.aread()
                self._check(location, response)
            with target.open("wb") as file:
                async for chunk in response.aiter_bytes(1 << 20):
                    file.write(chunk)

    async def fetch_folder(self, location: Location, target: Path) -> None:
        """:raises AccessDenied, NotThere: NotThere also for a folder without files"""
        prefix = location.path.rstrip("/") + "/" if location.path.strip("/") else ""
        paths = await self._list(location, prefix)
        if not paths:
            raise NotThere(location.path)
        target.mkdir(parents=True, exist_ok=True)
        for path in paths:
            # Names are the lake's, not ours: none may lead out of the folder.
            local = (target / path.removeprefix(prefix)).resolve()
            if local.is_relative_to(target.resolve()):
                await self.fetch_file(_at(location, path), local)

    async def fetch(self, location: Location, target: Path) -> None:
        """A folder, or where there is none, the file of that name.

        :raises AccessDenied, NotThere:
        """
        try:
            await self.fetch_folder(location, target)
        except NotThere:
            await self.fetch_file(location, target)

    async def store_folder(self, source: Path, location: Location) -> None:
        """:raises AccessDenied, NotThere: NotThere where the container does not exist"""
        prefix = location.path.rstrip("/") + "/" if location.path.strip("/") else ""
        for file in sorted(path for path in source.rglob("*") if path.is_file()):
            await self.store_file(file, _at(location, prefix + file.relative_to(source).as_posix()))

    async def store_file(self, source: Path, location: Location) -> None:
        """:raises AccessDenied, NotThere:"""
        url, headers = await self._address(location, location.path)
        with source.open("rb") as file:
            first = file.read(_BLOCK)
            if len(first) < _BLOCK:
                kind = {"x-ms-blob-type": "BlockBlob"}
                answer = await self._http.put(url, headers={**headers, **kind}, content=first)
                self._check(location, answer)
                return
            blocks: list[str] = []
            while first:
                block = base64.b64encode(f"{len(blocks):08d}".encode()).decode()
                blocks.append(block)
                address = _with_query(url, f"comp=block&blockid={quote(block, safe='')}")
                self._check(location, await self._http.put(address, headers=headers, content=first))
                first = file.read(_BLOCK)
        listed = "".join(f"<Latest>{block}</Latest>" for block in blocks)
        body = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{listed}</BlockList>'
        address = _with_query(url, "comp=blocklist")
        self._check(location, await self._http.put(address, headers=headers, content=body))

    async def _list(self, location: Location, prefix: str) -> list[str]:
        found: list[str] = []
        marker = ""
        while True:
            url, headers = await self._address(location, "")
            query = (
                f"restype=container&comp=list&prefix={quote(prefix, safe='')}&marker={quote(marker, safe='')}"
            )
            response = await self._http.get(_with_query(url, query), headers=headers)
            self._check(location, response)
            page = ElementTree.fromstring(response.content)
            found += [blob.findtext("Name") or "" for blob in page.iter("Blob") if not _is_folder(blob)]
            marker = page.findtext("NextMarker") or ""
            if not marker:
                return found

    async def _address(self, location: Location, path: str) -> tuple[str, dict[str, str]]:
        """URL, signed where the datastore's credentials are, and headers."""
        query, headers = await self._signer.query_and_headers(location)
        url = location.blob_url + (f"/{quote(path)}" if path else "")
        return _with_query(url, query) if query else url, headers

    def _check(self, location: Location, response: httpx.Response) -> None:
        """:raises AccessDenied, NotThere, JobFailure: where the store did not do it"""
        if response.status_code < 400:
            return
        code = response.headers.get("x-ms-error-code", "")
        self.refusals.append(
            f"request_uri={response.request.url.copy_with(query=None)} "
            f"response_status_code={response.status_code} ms_error_code=Some({code!r}) "
            f"ms_server_side_request_id=Some({response.headers.get('x-ms-request-id', '')!r})"
        )
        text = _error_text(response)
        if response.status_code in (401, 403):
            raise self._signer.explained(location, AccessDenied(text, code))
        if response.status_code == 404:
            raise NotThere(text)
        raise JobFailure(
            f"Storage answered {response.status_code}: {text}", code="ServiceError", inner="StorageError"
        )


def _error_text(response: httpx.Response) -> str:
    try:
        text = ElementTree.fromstring(response.content).findtext("Message")
    except ElementTree.ParseError:
        text = None
    return (text or response.headers.get("x-ms-error-code") or response.reason_phrase).partition("\n")[0]


def _is_folder(blob: ElementTree.Element) -> bool:
    return blob.findtext("Properties/ResourceType") == "directory" or (
        (blob.findtext("Metadata/hdi_isfolder") or "").lower() == "true"
    )


def _at(location: Location, path: str) -> Location:
    return replace(location, path=path)


def _with_query(url: str, query: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}{query}"
