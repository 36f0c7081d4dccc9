# SPDX-License-Identifier: Apache-2.0
"""Code folders: found again by their hash, else uploaded. Shared with users of the SDK."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from airflow_provider_azureml.errors import ConfigurationError
from airflow_provider_azureml.rest.flow import STORAGE_SCOPE, STORAGE_VERSION, Flow, Request, expect
from airflow_provider_azureml.rest.workspace import Workspace

HASH_VERSION = "202208"
MAX_BYTES = 300 * 1024 * 1024
"""Azure ML's own limit of a snapshot."""
DENIED = (".git", ".env", ".env.*", "*.pem", "__pycache__")
"""Never uploaded, whatever an ignore file says: history, secrets, rubbish."""


@dataclass(frozen=True)
class Snapshot:
    """A code folder as it was read once: what is hashed is what is uploaded."""

    name: str
    files: Mapping[str, bytes] = field(repr=False)

    @property
    def sha256(self) -> str:
        """The SDK's content hash, version 202208: count, then names and sizes, then contents."""
        digest = hashlib.sha256(str(len(self.files)).encode())
        ordered = sorted(self.files, key=lambda path: (path.lower(), path))
        for path in ordered:
            digest.update(f"#{path}#{len(self.files[path])}".encode())
        for path in ordered:
            digest.update(self.files[path])
        return digest.hexdigest()


def upload_code(workspace: Workspace, folder: Path) -> Flow[str]:
    """Make sure the folder's content is in the workspace; returns the code version's ARM id.

    Raises ConfigurationError for a missing, empty or too large folder and for a link that leaves it.
    """
    snapshot = read_folder(folder)
    found = yield from _find(workspace, snapshot.sha256)
    return found or (yield from _upload(workspace, snapshot))


def read_folder(folder: Path) -> Snapshot:
    """Read what belongs to the code: all but DENIED and what `.amlignore` (else `.gitignore`) names."""
    if not folder.is_dir():
        raise ConfigurationError("code", f"'{folder}' is not a folder.", "Give an existing folder.")
    root = folder.resolve()
    ignored = _ignore_spec(root)
    files: dict[str, bytes] = {}
    size = 0
    for path in _walk(root, root, ()):
        name = path.relative_to(root).as_posix()
        if ignored.match_file(name):
            continue
        size += path.stat().st_size  # before it is read: a file may be larger than the memory
        if size > MAX_BYTES:
            mend = "Pass data as an input, or name it in .amlignore."
            raise ConfigurationError("code", f"'{folder}' holds more than {MAX_BYTES} bytes.", mend)
        files[name] = path.read_bytes()
    if not files:
        raise ConfigurationError("code", f"'{folder}' holds no file to upload.", "Check .amlignore.")
    return Snapshot(root.name, files)


def _walk(root: Path, folder: Path, above: tuple[Path, ...]) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if any(fnmatch(path.name, pattern) for pattern in DENIED):
            continue
        real = path.resolve()
        if not real.is_relative_to(root) or real in (root, *above):
            mend = "Copy what the job needs into the folder."
            raise ConfigurationError("code", f"link '{path}' leads out of, or around, the folder.", mend)
        if path.is_dir():
            yield from _walk(root, path, (*above, real))
        elif path.is_file():
            yield path


def _ignore_spec(root: Path) -> Any:
    from pathspec import GitIgnoreSpec

    for name in (".amlignore", ".gitignore"):
        if (root / name).is_file():
            return GitIgnoreSpec.from_lines((root / name).read_text(encoding="utf-8").splitlines())
    return GitIgnoreSpec.from_lines([])


def _find(workspace: Workspace, sha256: str) -> Flow[str]:
    """The service searches the whole workspace by hash; the name in the path is any name."""
    path = f"/codes/{uuid.uuid4()}/versions"
    request = workspace.request("GET", path, hash=sha256, hashVersion=HASH_VERSION)
    found = expect((yield request), 200).json().get("value") or []
    return str(found[0]["id"]) if found else ""


def _upload(workspace: Workspace, snapshot: Snapshot) -> Flow[str]:
    version = f"/codes/{uuid.uuid4()}/versions/1"
    pending = {"pendingUploadType": "TemporaryBlobReference"}
    response = yield workspace.request("POST", version + "/startPendingUpload", json=pending)
    place = expect(response, 200).json()["blobReferenceForConsumption"]
    for path, content in snapshot.files.items():
        yield from _put_blob(place, f"{snapshot.name}/{path}", content)
    body = {
        "codeUri": f"{place['blobUri']}/{quote(snapshot.name)}",
        "isAnonymous": True,
        "properties": {"hash_sha256": snapshot.sha256, "hash_version": HASH_VERSION},
    }
    response = yield workspace.request("PUT", version, json={"properties": body})
    return str(expect(response, 200, 201).json()["id"])


def _put_blob(place: Mapping[str, Any], path: str, content: bytes) -> Flow[None]:
    """One blob, with the given signature, or as ourselves where shared keys are switched off."""
    signed = (place.get("credential") or {}).get("sasUri")
    container = urlsplit(str(signed or place["blobUri"]))
    query = f"?{container.query}" if container.query else ""
    url = f"{container.scheme}://{container.netloc}{container.path.rstrip('/')}/{quote(path)}{query}"
    headers = {
        "x-ms-blob-type": "BlockBlob",
        "x-ms-version": STORAGE_VERSION,
        "Content-Type": "application/octet-stream",
    }
    scope = None if signed else STORAGE_SCOPE
    expect((yield Request("PUT", url, scope=scope, content=content, headers=headers)), 201)
