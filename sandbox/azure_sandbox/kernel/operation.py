# SPDX-License-Identifier: Apache-2.0
"""Operations declare what they need; the request path checks it before the handler runs.

Leaving out ``action`` is a TypeError at import, so a new route is closed until someone says
whom it is open to.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

from starlette.requests import Request
from starlette.responses import Response

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.clouds import PUBLIC_CLOUD, Azure
from azure_sandbox.kernel.condition_attributes import NO_ATTRIBUTES, Attributes
from azure_sandbox.kernel.errors import AzureError
from azure_sandbox.kernel.fault_rules import Rule
from azure_sandbox.kernel.tokens import InvalidToken

#: No token is asked for (discovery documents, the token endpoint itself).
PUBLIC = "public"
#: Any authenticated caller; the handler filters or decides by its own rules (Graph, lists).
ANY_CALLER = "any-caller"


#: Where the request path leaves the name of the surface that was asked, in the request's scope.
COMPONENT = "azure_sandbox.component"

#: Bytes of a JSON document; what Azure Resource Manager takes, and here everybody.
_LARGEST_DOCUMENT = 4 << 20


@dataclass(frozen=True)
class Caller:
    """Who is asking.

    :param kind: ``bearer``, ``sas``, ``key`` or ``anonymous``
    :param object_id: the principal's object id; empty unless ``bearer``
    :param claims: the verified token's claims, or what the SAS grants
    """

    kind: str
    object_id: str = ""
    app_id: str = ""
    claims: Mapping[str, Any] = field(default_factory=dict)


ANONYMOUS = Caller("anonymous")


@dataclass(frozen=True)
class Need:
    """An action on a scope; ``data`` says which plane. ``attributes`` and ``sub_operation`` are what
    conditions of role assignments ask for."""

    action: str
    scope: str
    data: bool = False
    attributes: Attributes = field(default=NO_ATTRIBUTES, compare=False, repr=False)
    sub_operation: str = ""


@dataclass
class Call:
    """One request on its way to a handler. ``params`` are the path's and host's, decoded once."""

    cloud: Cloud
    request: Request
    params: dict[str, str]
    caller: Caller = ANONYMOUS
    #: answered as ``x-ms-request-id``, and in the ledger with every effect of the request
    request_id: str = ""
    #: the rule that damages the answer, where one does
    fault: Rule | None = None
    #: headers that tell the caller what is left of its quota, also where it is refused
    quota: Mapping[str, str] = field(default_factory=dict)
    #: the body, once it was read as a document
    content: bytes | None = None

    @property
    def query(self) -> Mapping[str, str]:
        return self.request.query_params

    @property
    def headers(self) -> Mapping[str, str]:
        return self.request.headers

    @property
    def path(self) -> str:
        """The decoded path."""
        return str(self.request.scope["path"])

    async def json(self) -> dict[str, Any]:
        """The body as an object; an empty body is ``{}``.

        :raises AzureError: 400 InvalidRequestContent where it is not a JSON object, 413 where it is
            larger than Azure Resource Manager takes
        """
        return self.parsed(await self.body())

    async def body(self) -> bytes:
        """The body of a document.

        :raises AzureError: 413 where it is larger than Azure Resource Manager takes
        """
        if self.content is None:
            self.content = await self._body()
        return self.content

    @staticmethod
    def parsed(body: bytes) -> dict[str, Any]:
        """A body as :meth:`json` has it."""
        try:
            content = json.loads(body or b"{}", parse_constant=_not_json, parse_float=_finite)
            if b"\\ud" in body.lower():
                # A lone surrogate is no text: nothing could ever send it back.
                json.dumps(content, ensure_ascii=False).encode()
        except (ValueError, RecursionError) as error:
            raise AzureError(
                400,
                "InvalidRequestContent",
                f"The request content was invalid and could not be deserialized: '{_printable(error)}'.",
            ) from None
        if not isinstance(content, dict):
            raise AzureError(
                400, "InvalidRequestContent", "The request content was invalid: a JSON object is expected."
            )
        return content

    async def form(self) -> dict[str, str]:
        """The body as an HTML form sends it; of a name that comes twice, the last value.

        :raises AzureError: 400 for more than 1000 fields, 413 as :meth:`json`
        """
        text = (await self.body()).decode("utf8", "replace")
        try:
            return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=1000))
        except ValueError:
            raise AzureError(400, "invalid_request", "The request body holds too many parameters.") from None

    async def _body(self) -> bytes:
        body = bytearray()
        async for chunk in self.request.stream():
            body += chunk
            if len(body) > _LARGEST_DOCUMENT:
                raise AzureError(
                    413,
                    "RequestContentTooLarge",
                    "The request content size exceeds the maximum size of 4 MB.",
                )
        return bytes(body)


def _not_json(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _not_json(text)


def _printable(error: Exception) -> str:
    return str(error).encode("ascii", "backslashreplace").decode()


Handler = Callable[[Call], Awaitable[Response]]
NeedOf = Callable[[Call], Need]


def by_role(cloud: Cloud, caller: Caller, need: Need) -> bool:
    """RBAC: a role assignment at the scope or above it grants the need."""
    return caller.kind == "bearer" and cloud.rbac.allowed(
        caller.object_id,
        need.action,
        need.scope,
        data=need.data,
        attributes=need.attributes,
        sub_operation=need.sub_operation,
    )


@dataclass(frozen=True)
class Surface:
    """A family of hosts with one way to log in and one way to say no.

    :param hosts: host names, ``{name}`` matches one label, ``$name`` is the cloud's own name:
        ``{account}.dfs.$storage``
    :param authenticate: the caller of a request, or AzureError 401
    :param render_error: an AzureError in this surface's wire format
    :param denied: the refusal that Azure words for a caller who lacks a need
    :param permits: whether a caller holds a need; RBAC unless the surface has callers without a principal
    :param prefix: the surface has only the paths that begin so, ahead of others with the same host
    """

    name: str
    hosts: tuple[str, ...]
    authenticate: Callable[[Cloud, Request], Caller]
    render_error: Callable[[AzureError, Request], Response]
    denied: Callable[[Caller, Need], AzureError]
    permits: Callable[[Cloud, Caller, Need], bool] = by_role
    prefix: str = ""


@dataclass(frozen=True)
class Operation:
    """A route. Paths are matched without case, as Azure does; ``{name}`` is one segment and
    ``{name:path}`` any number of them.

    :param needs_body: whether what the caller must hold depends on the body, which is read first
    """

    surface: Surface
    method: str
    path: str
    handler: Handler
    action: str | NeedOf
    needs_body: Callable[[Call], bool] | None = None

    def need(self, call: Call) -> Need | None:
        """What the caller must hold; None where the operation is public or decides by itself."""
        if callable(self.action):
            return self.action(call)
        if self.action in (PUBLIC, ANY_CALLER):
            return None
        return Need(self.action, call.path)


def component_of(request: Request) -> str:
    """Whose clock a request is judged by: the name of the surface that it asks."""
    return str(request.scope.get(COMPONENT, ""))


def bearer_for(
    audiences: Callable[[Azure], Sequence[str]], unauthorized: Callable[[str], AzureError]
) -> Callable[[Cloud, Request], Caller]:
    """An authenticator for Entra tokens with one of the audiences (trailing slash ignored).

    :param audiences: from the names of the cloud
    :param unauthorized: builds the surface's 401 from ``"missing"``, ``"audience"`` or what is wrong
    """

    def authenticate(cloud: Cloud, request: Request) -> Caller:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise unauthorized("missing")
        try:
            claims = cloud.entra.verify(token, cloud.clock.time_of(component_of(request)))
        except InvalidToken as error:
            raise unauthorized(str(error)) from None
        if str(claims.get("aud", "")).rstrip("/") not in audiences(cloud.azure):
            raise unauthorized("audience")
        app_id = claims.get("appid") or claims.get("azp") or ""
        return Caller("bearer", str(claims["oid"]), str(app_id), claims)

    return authenticate


_Routes = dict[str, list[tuple[re.Pattern[str], Operation]]]


class Router:
    """Finds the operation of a request: by host, then method, then path, first match wins."""

    def __init__(self, operations: list[Operation], azure: Azure = PUBLIC_CLOUD) -> None:
        self._azure = azure
        self._routes: dict[str, _Routes] = {}
        self._hosts: list[tuple[re.Pattern[str], Surface]] = []
        for operation in operations:
            self._add(operation)

    def _add(self, operation: Operation) -> None:
        surface = operation.surface
        if surface.name not in self._routes:
            self._hosts += [(_host_regex(self._azure.expand(host)), surface) for host in surface.hosts]
            self._hosts.sort(key=lambda entry: not entry[1].prefix)
        methods = self._routes.setdefault(surface.name, {})
        methods.setdefault(operation.method, []).append((_path_regex(operation.path), operation))

    def surface(self, host: str, path: str) -> tuple[Surface, dict[str, str]] | None:
        """The surface that serves a path of a host, with the labels that its pattern captured."""
        for pattern, surface in self._hosts:
            found = pattern.fullmatch(host) if path.startswith(surface.prefix) else None
            if found:
                return surface, found.groupdict()
        return None

    def operation(
        self, surface: Surface, method: str, raw_path: str
    ) -> tuple[Operation, dict[str, str]] | None:
        """The operation of a path as it stood on the wire, with its parameters decoded once."""
        for pattern, operation in self._routes[surface.name].get(method, ()):
            found = pattern.fullmatch(raw_path)
            if found:
                return operation, {key: unquote(value) for key, value in found.groupdict().items()}
        return None


def _host_regex(host: str) -> re.Pattern[str]:
    literal = re.escape(host).replace(r"\{", "{").replace(r"\}", "}")
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[a-z0-9-]+)", literal), re.IGNORECASE)


def _path_regex(path: str) -> re.Pattern[str]:
    parts = re.split(r"(\{\w+(?::path)?\})", path)
    expression = "".join(map(_part_regex, parts))
    return re.compile(expression, re.IGNORECASE)


def _part_regex(part: str) -> str:
    found = re.fullmatch(r"\{(\w+)(:path)?\}", part)
    if not found:
        return re.escape(part)
    name, any_depth = found.groups()
    return f"(?P<{name}>.+)" if any_depth else f"(?P<{name}>[^/]+)"
