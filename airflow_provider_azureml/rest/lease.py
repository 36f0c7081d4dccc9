# SPDX-License-Identifier: Apache-2.0
"""Who needs a grant just now: one small blob per role assignment, changed by compare and swap.

A blob outlives every worker, and is written only where nobody has written since it was read (`If-Match`,
`If-None-Match: *`). All times are Azure's own: `Date` and `Last-Modified` of its answers.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from airflow_provider_azureml.errors import ServiceError
from airflow_provider_azureml.rest.flow import (
    STORAGE_SCOPE,
    STORAGE_VERSION,
    Flow,
    Request,
    Response,
    expect,
    parse_error,
)


@dataclass(frozen=True)
class Lease:
    """A wish of one task instance that a grant stays.

    :param holder: the task instance, for people; one has one lease on one grant.
    :param token: of the try that took it: an older try, that comes late, gives nothing back. No other task
        instance has the same one: it also says who is deleting the assignment.
    :param until: Unix time at which it ends by itself.
    """

    holder: str
    token: str
    until: float


@dataclass(frozen=True)
class Register:
    """The content of one blob.

    :param closing: token of who is deleting the assignment just now; empty when nobody is.
    :param grant: what is granted, for people.
    :param generation: of the assignment; it counts how often somebody who was deleting it was taken for dead.
    """

    leases: tuple[Lease, ...] = ()
    closing: str = ""
    grant: Mapping[str, str] = field(default_factory=dict)
    generation: int = 0

    def to_bytes(self) -> bytes:
        """The blob."""
        return json.dumps(asdict(self), indent=1, sort_keys=True).encode()

    @classmethod
    def of(cls, content: bytes) -> Register:
        """Read a blob; raises ValueError, LookupError or TypeError for one that is none of ours."""
        found = json.loads(content)
        leases = tuple(Lease(**item) for item in found["leases"])
        return cls(leases, str(found["closing"]), dict(found["grant"]), int(found["generation"]))


@dataclass(frozen=True)
class Seen:
    """A register as it was read.

    :param etag: empty when there was no blob.
    :param now: Unix time by Azure's clock.
    :param age: seconds since it was written.
    """

    register: Register
    etag: str
    now: float
    age: float = 0.0


def folder_url(account_url: str, container: str) -> str:
    """Address of a container at the blob endpoint, from an account's `dfs` or `blob` address."""
    parts = urlsplit(account_url)
    return f"{parts.scheme}://{parts.netloc.replace('.dfs.', '.blob.', 1)}/{container}"


def read(url: str) -> Flow[Seen]:
    """The register at an address; an empty one where there is no blob.

    Raises NotFoundError for a container that does not exist, ServiceError for a blob that is none of ours.
    """
    answer = yield _request("GET", url)
    now = _moment(answer.headers.get("date", "")) or time.time()
    if answer.status == 404 and parse_error(answer)[0] == "BlobNotFound":
        return Seen(Register(), "", now)
    expect(answer, 200)
    written = _moment(answer.headers.get("last-modified", "")) or now
    try:
        register = Register.of(answer.body)
    except (ValueError, LookupError, TypeError) as error:
        problem = f"{urlsplit(url).path} is no register of leases ({type(error).__name__})"
        raise ServiceError(200, "Unreadable", problem, answer.request_id, answer.operation) from error
    return Seen(register, answer.headers.get("etag", ""), now, max(0.0, now - written))


def write(url: str, register: Register, etag: str) -> Flow[bool]:
    """Write, if the register is still as it was read; False when somebody was faster.

    A repeated request finds its own first writing and is told "changed": what stands there decides.
    """
    content = register.to_bytes()
    condition = {"If-Match": etag} if etag else {"If-None-Match": "*"}
    headers = {**condition, "x-ms-blob-type": "BlockBlob", "Content-Type": "application/json"}
    answer = yield _request("PUT", url, headers, content)
    if not _is_changed(answer):
        expect(answer, 201)
        return True
    return (yield from read(url)).register == register


def remove(url: str, etag: str) -> Flow[bool]:
    """Delete the register, if it is still as it was read; True also when it is gone already."""
    answer = yield _request("DELETE", url, {"If-Match": etag})
    return not _is_changed(answer) and bool(expect(answer, 202, 404))


def _is_changed(answer: Response) -> bool:
    """Azure's two ways to say that a condition does not hold."""
    return answer.status == 412 or (
        answer.status == 409 and parse_error(answer)[0] in ("BlobAlreadyExists", "PathAlreadyExists")
    )


def _request(
    method: str, url: str, headers: Mapping[str, str] | None = None, content: bytes | None = None
) -> Request:
    sent = {"x-ms-version": STORAGE_VERSION, **(headers or {})}
    return Request(method, url, scope=STORAGE_SCOPE, content=content, headers=sent)


def _moment(text: str) -> float:
    """Unix time of an HTTP date, 0 for a text that is none."""
    try:
        return parsedate_to_datetime(text).timestamp()
    except ValueError:
        return 0.0
