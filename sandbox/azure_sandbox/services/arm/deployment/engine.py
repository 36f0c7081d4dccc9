# SPDX-License-Identifier: Apache-2.0
"""A deployment's work: each resource is a request in its caller's name, checked like any other."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from azure_sandbox.kernel.errors import AzureError
from azure_sandbox.kernel.operation import Call, Router
from azure_sandbox.kernel.surfaces import MANAGEMENT, authorization_failed, permitted
from azure_sandbox.services.arm.deployment.expression import TemplateError
from azure_sandbox.services.arm.deployment.template import NESTED, Planned, Template

#: Levels of deployments within deployments.
DEEPEST = 5
_DEPTH = "arm.deployment-depth"
_STATUS_NAMES = {400: "BadRequest", 403: "Forbidden", 404: "NotFound", 409: "Conflict"}
_FAILED = (
    "At least one resource deployment operation failed. Please list deployment operations for details. Please "
    "see https://aka.ms/arm-deployment-operations for usage details."
)

Json = dict[str, Any]


@dataclass
class Outcome:
    """One resource's deployment: the answer's status, and the error where there is one."""

    planned: Planned
    status: int
    content: Json

    @property
    def failed(self) -> bool:
        return self.status >= 400

    @property
    def detail(self) -> Json:
        """As ``details`` of ``DeploymentFailed`` has it: the error is a text."""
        code = _STATUS_NAMES.get(self.status, "InternalServerError")
        return {"code": code, "message": json.dumps(self.content, indent=2).replace("\n", "\r\n")}


@dataclass
class Work:
    """All that one deployment made, or failed to make."""

    outcomes: list[Outcome] = field(default_factory=list)
    outputs: Json = field(default_factory=dict)
    error: Json | None = None


class Inside:
    """Requests to ARM from within, with the rights of whoever deploys."""

    def __init__(self, router: Router, call: Call) -> None:
        self._router = router
        self._call = call
        self.depth = int(call.request.scope.get(_DEPTH, 0))

    def _made(self, method: str, path: str, api_version: str, body: Json | None) -> Call:
        outer = self._call.request.scope
        raw = quote(path, safe="/()$,~'!*;:@&=+").encode()
        scope = {
            **outer,
            "method": method,
            "path": path,
            "raw_path": raw,
            "query_string": f"api-version={quote(api_version)}".encode(),
            _DEPTH: self.depth + 1,
        }
        content = json.dumps(body).encode() if body is not None else b""
        return replace(self._call, request=Request(scope), params={}, content=content, fault=None)

    def _prepared(self, call: Call) -> tuple[Any, Call]:
        """The operation, once the caller may.

        :raises AzureError: 404 for a type that is not served, 403 as ARM words it
        """
        raw = call.request.scope["raw_path"].decode()
        found = self._router.operation(MANAGEMENT, call.request.method, raw)
        if found is None:
            raise AzureError(404, "ResourceNotFound", f"This sandbox cannot deploy {call.path}.")
        operation, call.params = found
        need = operation.need(call)
        if need is not None and not permitted(call.cloud, call.caller, need):
            raise authorization_failed(call.caller, need)
        return operation, call

    def refusal(self, planned: Planned, body: Json) -> AzureError | None:
        """Why a resource could not be made, as far as rights go; nothing is made."""
        try:
            self._prepared(self._made("PUT", planned.id, planned.api_version, body))
        except AzureError as error:
            return error
        return None

    async def send(
        self, method: str, path: str, api_version: str, body: Json | None = None
    ) -> tuple[int, Json]:
        """Status and content of the answer; an error has ARM's shape."""
        try:
            operation, call = self._prepared(self._made(method, path, api_version, body))
            return _content(await operation.handler(call))
        except AzureError as error:
            return error.status, {"error": {"code": error.code, "message": error.message, **error.body}}


def _content(response: Response) -> tuple[int, Json]:
    return response.status_code, json.loads(bytes(response.body) or b"{}")


def check_rights(inside: Inside, planned: list[Planned]) -> None:
    """ARM's look ahead: nothing is made where something may not be.

    What needs a value that is not there yet is checked when it is made.

    :raises AzureError: 400 InvalidTemplateDeployment
    """
    texts = []
    for one in planned:
        refused = inside.refusal(one, one.body) if one.body is not None else None
        if refused is not None and refused.status == 403:
            texts.append(_unauthorized(one, refused))
    if not texts:
        return
    message = f"The template deployment failed with error: '{texts[0]}'."
    if len(texts) > 1:
        message = f"Deployment failed with multiple errors: '{':'.join(texts)}'"
    raise AzureError(400, "InvalidTemplateDeployment", message)


def _unauthorized(planned: Planned, refused: AzureError) -> str:
    """Who may not do what to which resource, in the words of ARM's look ahead."""
    who, _, rest = refused.message.partition(" does not have authorization to perform action ")
    what = rest.partition(" or the scope is invalid")[0].replace(" over scope ", " at scope ")
    text = f"{who} does not have permission to perform action {what}." if rest else refused.message
    return f"Authorization failed for template resource '{planned.name}' of type '{planned.kind}'. {text}"


async def carry_out(inside: Inside, template: Template, planned: list[Planned]) -> Work:
    """Make what was planned. Where something fails, what needs it is not tried, and all else is."""
    work, failed = Work(), set[str]()
    for one in planned:
        if failed.intersection(one.needs):
            failed.add(one.key)
            continue
        outcome = await _make(inside, one, planned)
        work.outcomes.append(outcome)
        if outcome.failed:
            failed.add(one.key)
    details = [outcome.detail for outcome in work.outcomes if outcome.failed]
    if details:
        work.error = {"code": "DeploymentFailed", "message": _FAILED, "details": details}
    else:
        await _put_out(inside, template, planned, work)
    return work


async def _put_out(inside: Inside, template: Template, planned: list[Planned], work: Work) -> None:
    try:
        found, _ = await _found(inside, template.output_references(), planned)
        work.outputs = template.outputs(found)
    except (TemplateError, KeyError) as error:
        work.error = {
            "code": "DeploymentOutputEvaluationFailed",
            "message": f"Unable to evaluate template outputs. Please see error details for details. {error}",
        }


async def _make(inside: Inside, one: Planned, planned: list[Planned]) -> Outcome:
    found, missing = await _found(inside, one.references, planned)
    if missing is not None:
        return Outcome(one, *missing)
    try:
        body = one.complete(found)
    except TemplateError as error:
        return Outcome(one, 400, {"error": {"code": "InvalidTemplate", "message": str(error)}})
    status, content = await inside.send("PUT", one.id, one.api_version, body)
    if status < 400 and one.kind.lower() == NESTED.lower():
        status, content = await _nested_outcome(inside, one)
    return Outcome(one, status, content)


async def _found(
    inside: Inside, references: Mapping[str, str], planned: list[Planned]
) -> tuple[Json, tuple[int, Json] | None]:
    """What references show, by lower-case id or name; or else the first refusal."""
    found: Json = {}
    for name, version in references.items():
        own = next((one for one in planned if name.lower() in one.names), None)
        path, latest = (own.id, version or own.api_version) if own else (name, version or "2022-04-01")
        status, content = await inside.send("GET", path, latest)
        if status >= 400:
            return found, (status, content)
        found[name.lower()] = content
    return found, None


async def _nested_outcome(inside: Inside, one: Planned) -> tuple[int, Json]:
    """A deployment within is judged by how it ended."""
    status, shown = await inside.send("GET", one.id, one.api_version)
    error = shown.get("properties", {}).get("error")
    if status >= 400 or not error:
        return status, shown
    message = "The resource operation completed with terminal provisioning state 'Failed'."
    wrapped = {"code": "ResourceDeploymentFailure", "message": message, "details": [error]}
    return 409, {"status": "Failed", "error": wrapped}
