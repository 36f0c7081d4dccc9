# SPDX-License-Identifier: Apache-2.0
"""The words of a flow: what it yields, what it is sent, how an answer becomes an error.

A flow is a generator. It yields a Request and is sent the Response, or yields a Pause; it returns
a record. It does no I/O, so one text serves workers (sync), triggers (async) and unit tests.
"""

from __future__ import annotations

import json as jsonlib
import math
import re
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn, TypeVar
from urllib.parse import urlsplit

from airflow_provider_azureml.errors import (
    DeniedError,
    NotFoundError,
    ServiceError,
    UnreachableError,
)

T = TypeVar("T")
Step = TypeVar("Step")
Told = TypeVar("Told")
TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})
ODD = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)
"""What our reading of an answer raises when its shape is one that nobody expected."""
STORAGE_SCOPE = "https://storage.azure.com/.default"
STORAGE_VERSION = "2021-12-02"


@dataclass(frozen=True)
class Request:
    """One HTTP request.

    :param scope: for whom the bearer token is asked; None sends no token.
    :param json: body, sent as JSON.
    :param content: body as it is; excludes `json`.
    :param repeatable: False for a POST that would do its work twice; such a request is repeated
        only when it certainly was not carried out (no connection, 429).
    :param brief: True for what must not hold up the request after it: one attempt, of seconds.
    :param patience: seconds after which no further attempt is made, when the driver would insist longer.
    :param notes: what the audit log keeps of it beside what the body says; no secret.
    """

    method: str
    url: str
    scope: str | None = None
    json: object = None
    content: bytes | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    repeatable: bool = True
    brief: bool = False
    patience: float = math.inf
    notes: Mapping[str, str] = field(default_factory=dict)

    @property
    def operation(self) -> str:
        """Method and address for people: without the query, which may hold a signature."""
        try:
            parts = urlsplit(self.url)
        except ValueError:  # an answer may name any address
            return f"{self.method} (no address)"
        return f"{self.method} {parts.scheme}://{parts.netloc}{parts.path}"


@dataclass(frozen=True)
class Response:
    """One answer, already read. Header names are lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    operation: str = ""

    def json(self) -> Any:
        """The body as JSON; raises ServiceError when it is something else."""
        try:
            return jsonlib.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise ServiceError(
                self.status, "NotJson", "The answer is not JSON", self.request_id, self.operation
            ) from error

    @property
    def request_id(self) -> str:
        """What Microsoft's support asks for."""
        return self.headers.get("x-ms-request-id") or self.headers.get("request-id") or ""

    @property
    def retry_after(self) -> float | None:
        """Seconds to wait, from `Retry-After` as seconds or as a date; None when absent."""
        return parse_retry_after(self.headers, datetime.fromtimestamp(time.time(), timezone.utc))


@dataclass(frozen=True)
class Pause:
    """A flow that waits: the driver sleeps, the flow does not. What it is sent means nothing."""

    seconds: float


Flow = Generator[Request | Pause, Response, T]


def briefly(flow: Flow[T]) -> Flow[T]:
    """The same flow, with brief requests only."""
    return _changed(flow, brief=True)


def within(flow: Flow[T], seconds: float) -> Flow[T]:
    """The same flow; none of its requests insists for longer."""
    return _changed(flow, patience=seconds)


def _changed(flow: Flow[T], **changes: Any) -> Flow[T]:
    def answer(step: Request | Pause) -> Flow[Response]:
        return (yield replace(step, **changes) if isinstance(step, Request) else step)

    return relayed(flow, answer)


def relayed(
    flow: Flow[T], answer: Callable[[Request | Pause], Generator[Step, Told, Response]]
) -> Generator[Step, Told, T]:
    """The same flow, whose steps somebody else answers; a ServiceError is thrown into it, which may go on."""
    try:
        step = next(flow)
        while True:
            try:
                response = yield from answer(step)
            except ServiceError as error:
                step = flow.throw(error)
            else:
                step = flow.send(response)
    except StopIteration as done:
        result: T = done.value
        return result
    finally:
        flow.close()


def expect(response: Response, *statuses: int) -> Response:
    """Return the answer when it is one of the wished ones, else raise the error it carries."""
    if response.status in statuses:
        return response
    raise_error(response)


def raise_error(response: Response) -> NoReturn:
    """Raise the error of an answer: ARM, run history, Graph, Entra or Storage XML."""
    code, message = parse_error(response)
    kind: type[ServiceError] = ServiceError
    if response.status == 404:
        kind = NotFoundError
    elif response.status in (401, 403):
        kind = DeniedError
    elif response.status in TRANSIENT:
        kind = UnreachableError
    raise kind(response.status, code, message, response.request_id, response.operation, response.retry_after)


def parse_error(response: Response) -> tuple[str, str]:
    """Return (code, message) of an error answer, whatever service, or proxy before it, wrote it."""
    try:
        return _parsed_error(response)
    except ODD:
        return _header_code(response), response.body[:500].decode(errors="replace")


def _parsed_error(response: Response) -> tuple[str, str]:
    try:
        body = jsonlib.loads(response.body)
    except ValueError:
        return _parse_xml(response)
    if not isinstance(body, Mapping):
        return _header_code(response), ""
    error = body.get("error")
    if isinstance(error, str):  # Entra: {"error": "invalid_client", "error_description": "AADSTS..."}
        return error, str(body.get("error_description") or "")
    error = error if isinstance(error, Mapping) else body
    return error_code(error) or _header_code(response), error_message(error)


def error_code(error: Mapping[str, Any]) -> str:
    """The outer code of an ARM or run history error object."""
    return str(error.get("code") or "")


def error_message(error: Mapping[str, Any]) -> str:
    """The message of an error object, with the messages of its details and its innermost code."""
    details = error.get("details")
    items = details if isinstance(details, list) else [details]
    texts = [str(error.get("message") or ""), *map(_detail, items)]
    innermost = _innermost_code(error)
    if innermost:
        texts.append(f"({innermost})")
    return " ".join(dict.fromkeys(text for text in texts if text))


def _detail(item: object) -> str:
    """The message of one detail: of an object, in Azure's way, or a proxy's plain text."""
    if isinstance(item, Mapping):
        return str(item.get("message") or "")
    return item if isinstance(item, str) else ""


def _innermost_code(error: Mapping[str, Any]) -> str:
    code, inner = "", error.get("innerError") or error.get("innererror")
    while isinstance(inner, Mapping):
        code = str(inner.get("code") or code)
        inner = inner.get("innerError") or inner.get("innererror")
    return code


def _parse_xml(response: Response) -> tuple[str, str]:
    """Storage answers XML, or nothing but a header (HEAD)."""
    try:
        # Only the two elements below are read; the parser resolves no external entity.
        root = ElementTree.fromstring(response.body.lstrip(b"\xef\xbb\xbf"))
    except (ElementTree.ParseError, ValueError, LookupError):  # no XML, or in an encoding nobody reads
        return _header_code(response), response.body[:500].decode(errors="replace")
    return root.findtext("Code") or _header_code(response), (root.findtext("Message") or "").strip()


def _header_code(response: Response) -> str:
    return response.headers.get("x-ms-error-code") or f"HTTP{response.status}"


def parse_retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds to wait: `retry-after-ms`, `Retry-After` in seconds, or an HTTP date; None for what is none.

    :param now: our clock; a date is reckoned from the answer's own `Date`, where it has one.
    """
    millis = headers.get("x-ms-retry-after-ms") or headers.get("retry-after-ms") or ""
    if re.fullmatch(r"\d{1,12}", millis):
        return int(millis) / 1000
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,12}(\.\d+)?", text):
        return float(text)
    moment = _http_date(text)
    if moment is None:
        return None
    return max(0.0, (moment - (_http_date(headers.get("date", "")) or now)).total_seconds())


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except ODD:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def legible(flow: Generator[Step, Told, T]) -> Generator[Step, Told, T]:
    """The same flow; an answer of a shape that nobody expected is a ServiceError, not a crash.

    Every flow and each of its requests is driven so (`retry.resilient`); a flow does it itself for a part whose failure is not its own.
    """
    try:
        return (yield from flow)
    except ODD as error:
        problem = f"The answer has an unexpected shape ({type(error).__name__}: {error})"
        raise ServiceError(200, "Unreadable", problem) from error


def pages(first: Request) -> Flow[list[Any]]:
    """All items of an ARM list, following `nextLink` to its end with the same token scope."""
    items: list[Any] = []
    request: Request | None = first
    while request:
        body = expect((yield request), 200).json()
        items += body.get("value") or []
        link = body.get("nextLink")
        request = Request("GET", str(link), scope=first.scope) if link else None
    return items
