# SPDX-License-Identifier: Apache-2.0
"""The Blob endpoint's writes of one blob: whole content, copies, metadata, properties, tags."""

from __future__ import annotations

import base64
import uuid
from dataclasses import replace
from urllib.parse import parse_qsl, unquote, urlsplit

from starlette.responses import Response

from azure_sandbox.kernel.clock import http_date
from azure_sandbox.services.storage import access
from azure_sandbox.services.storage.authentication import sas_caller
from azure_sandbox.services.storage.blob_containers import FOLDER_MARK
from azure_sandbox.services.storage.conditions import check_write
from azure_sandbox.services.storage.content import entry_headers
from azure_sandbox.services.storage.dfs_write import content_settings, owner_of
from azure_sandbox.services.storage.disk import Slice, Written
from azure_sandbox.services.storage.dispatch import Target
from azure_sandbox.services.storage.documents import tags_of
from azure_sandbox.services.storage.names import container_name, metadata_of, path_name
from azure_sandbox.services.storage.records import (
    APPEND_BLOB,
    BLOCK_BLOB,
    DIRECTORY_PERMISSIONS,
    Entry,
    Settings,
)
from azure_sandbox.services.storage.refusals import bad_header, missing_header, refuse

_TIERS = frozenset({"Hot", "Cool", "Cold", "Archive"})
_MOST_TAGS = 10


def settings_of(target: Target, md5: bytes = b"") -> Settings:
    """What a write of a whole blob says besides its content."""
    headers = content_settings(target, "x-ms-blob-")
    if md5:
        headers["content-md5"] = base64.b64encode(md5).decode()
    given_type = target.header("content-type")
    if given_type and "content-type" not in headers:
        headers["content-type"] = given_type
    tags = dict(parse_qsl(target.header("x-ms-tags"), keep_blank_values=True))
    return Settings(
        headers, metadata_of(target.call.headers), tags, owner=owner_of(target), extra=_tier(target)
    )


def _tier(target: Target) -> dict[str, str]:
    tier = target.header("x-ms-access-tier")
    if tier and tier not in _TIERS:
        raise bad_header("x-ms-access-tier", tier)
    return {"tier": tier} if tier else {}


async def put_blob(target: Target) -> Response:
    kind = target.header("x-ms-blob-type")
    if not kind:
        raise missing_header("x-ms-blob-type")
    if kind == "PageBlob":
        raise refuse("FeatureNotYetSupportedForHierarchicalNamespaceAccounts")
    if kind not in (BLOCK_BLOB, APPEND_BLOB):
        raise bad_header("x-ms-blob-type", kind)
    container = target.container
    # Asked before the body, so that a refused upload costs nothing; asked again when it is recorded.
    check_write(target.call.headers, target.lake.find(container, target.path))
    written = await receive_checked(target)
    if kind == APPEND_BLOB and written.size:
        target.lake.disk.remove([written.data])
        raise bad_header("Content-Length", target.header("content-length"))
    settings = settings_of(target, b"" if kind == APPEND_BLOB else written.md5)
    if (
        target.account.hns
        and settings.metadata.get("hdi_isfolder", "").lower() == "true"
        and not written.size
    ):
        return _put_folder(target, settings)
    fresh = Entry(target.path, False, written.size, "", 0, 0, written.data, kind, settings)
    return _created(target, _store(target, fresh), written.md5)


def _store(target: Target, fresh: Entry) -> Entry:
    try:
        return target.lake.replace_file(target.container, target.path, fresh, target.call.headers)
    except BaseException:
        target.lake.disk.remove([fresh.data])
        raise


def _put_folder(target: Target, settings: Settings) -> Response:
    """An empty blob with the folder mark is how Blob clients make a directory."""
    metadata = {name: value for name, value in settings.metadata.items() if name not in FOLDER_MARK}
    made = replace(settings, metadata=metadata, permissions=DIRECTORY_PERMISSIONS)
    entry = target.lake.make_directory(target.container, target.path, made, target.call.headers)
    return _created(target, entry, b"")


async def receive_checked(target: Target) -> Written:
    """The request's body on disk.

    :raises AzureError: 400 Md5Mismatch where ``Content-MD5`` is given and differs
    """
    written = await target.lake.disk.receive(target.call.request)
    expected = target.header("content-md5")
    if expected and expected != base64.b64encode(written.md5).decode():
        target.lake.disk.remove([written.data])
        raise refuse("Md5Mismatch")
    return written


def _created(target: Target, entry: Entry, md5: bytes) -> Response:
    headers = {**entry_headers(entry), "x-ms-request-server-encrypted": "true"}
    if md5:
        headers["Content-MD5"] = base64.b64encode(md5).decode()
    return target.answer(201, headers)


async def copy_blob(target: Target) -> Response:
    """Copy within this cloud. Always done when it answers, as small copies in Azure are."""
    source, entry = _copy_source(target)
    own = metadata_of(target.call.headers)
    data = await target.lake.disk.join([Slice(entry.data, 0, entry.size)])
    copy = {
        "x-ms-copy-id": str(uuid.uuid4()),
        "x-ms-copy-source": source,
        "x-ms-copy-status": "success",
        "x-ms-copy-progress": f"{entry.size}/{entry.size}",
        "x-ms-copy-completion-time": http_date(target.call.cloud.clock.time()),
    }
    settings = replace(
        entry.settings,
        metadata=own or entry.settings.metadata,
        owner=owner_of(target),
        acl="",
        extra={**entry.settings.extra, **_tier(target), "copy": copy},
    )
    fresh = Entry(target.path, False, entry.size, "", 0, 0, data, entry.kind, settings)
    stored = _store(target, fresh)
    shown = {name: copy[name] for name in ("x-ms-copy-id", "x-ms-copy-status")}
    return target.answer(202, {**entry_headers(stored), **shown})


def _copy_source(target: Target) -> tuple[str, Entry]:
    """The blob that ``x-ms-copy-source`` names, and its URL without the SAS."""
    try:
        url = urlsplit(target.header("x-ms-copy-source"))
    except ValueError:
        raise refuse("InvalidSourceUri") from None
    account = target.lake.catalog.account((url.hostname or "").partition(".")[0])
    name, _, path = unquote(url.path).lstrip("/").partition("/")
    if account is None or not path:
        raise refuse("CannotVerifyCopySource" if url.hostname else "InvalidSourceUri")
    call = target.call
    if "sig=" in url.query:
        caller = sas_caller(call.cloud, account, unquote(url.path), dict(parse_qsl(url.query)))
        call = replace(call, caller=caller)
    elif account != target.account and call.caller.kind != "bearer":
        raise refuse("CannotVerifyCopySource")
    source = replace(
        target, call=call, account=account, container_name=container_name(name), path=path_name(account, path)
    )
    if not source.may(access.READ):
        raise refuse("AuthorizationPermissionMismatch")
    entry = source.lake.file(source.container, source.path)
    check_write(target.call.headers, entry, prefix="x-ms-source-")
    return f"{url.scheme}://{url.netloc}{url.path}", entry


async def delete_blob(target: Target) -> Response:
    target.lake.delete(target.container, target.path, target.call.headers, recursive=False)
    return target.answer(202, {"x-ms-delete-type-permanent": "true"})


async def set_metadata(target: Target) -> Response:
    return _changed(target, metadata=metadata_of(target.call.headers))


async def set_properties(target: Target) -> Response:
    """Replaces all content settings: those not given are cleared."""
    return _changed(target, headers=content_settings(target, "x-ms-blob-"))


async def set_tier(target: Target) -> Response:
    entry = target.lake.file(target.container, target.path)
    tier = _tier(target)
    if not tier:
        raise missing_header("x-ms-access-tier")
    changed = entry.with_settings(extra={**entry.settings.extra, **tier})
    target.lake.update(target.container, changed, touch=False)
    return target.answer(200)


async def set_tags(target: Target) -> Response:
    tags = tags_of(await target.call.body())
    if len(tags) > _MOST_TAGS or "" in tags:
        raise refuse("InvalidXmlDocument")
    entry = target.lake.file(target.container, target.path)
    target.lake.update(target.container, entry.with_settings(tags=tags), touch=False)
    return target.answer(204)


def _changed(target: Target, **settings: dict[str, str]) -> Response:
    entry = target.lake.entry(target.container, target.path)
    check_write(target.call.headers, entry)
    changed = target.lake.update(target.container, entry.with_settings(**settings))
    return target.answer(200, {**entry_headers(changed), "x-ms-request-server-encrypted": "true"})
