# SPDX-License-Identifier: Apache-2.0
"""Microsoft.Resources/deployments on the wire, in a subscription or a resource group.

Source: https://learn.microsoft.com/rest/api/resources/deployments. The work is done when a PUT answers; the
answer says ``Accepted`` all the same and names an operation, as Azure's does.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from starlette.responses import JSONResponse, Response

from azure_sandbox.kernel.clock import iso_z
from azure_sandbox.kernel.errors import AzureError, bad_request, not_found
from azure_sandbox.kernel.operation import Call, Need, Operation, Router
from azure_sandbox.kernel.surfaces import MANAGEMENT
from azure_sandbox.services.arm.deployment import engine
from azure_sandbox.services.arm.deployment.engine import Inside, Outcome, Work
from azure_sandbox.services.arm.deployment.expression import TemplateError
from azure_sandbox.services.arm.deployment.relaxed import strict
from azure_sandbox.services.arm.deployment.scope import Evaluation, Place
from azure_sandbox.services.arm.deployment.template import Planned, Template, parameter_values
from azure_sandbox.services.arm.service import ResourceManager

_KIND = "Microsoft.Resources/deployments"
_NAME = re.compile(r"[-\w.()]{1,64}", re.ASCII)
_SCOPES = ("/subscriptions/{subscription}", "/subscriptions/{subscription}/resourceGroups/{group}")
#: Names of templates' types whose values nobody is shown.
_SECRET = ("securestring", "secureobject")

Json = dict[str, Any]
_Handler = Callable[[Call], Awaitable[Response]]


class Deployments:
    """The deployments of one subscription, and the operations that they can send."""

    def __init__(self, manager: ResourceManager, operations: list[Operation]) -> None:
        self._manager = manager
        self._rows = manager.cloud.store.collection("deployment")
        self.operations = self._own()
        self._router = Router([*operations, *self.operations], manager.cloud.azure)

    def _own(self) -> list[Operation]:
        routes: list[tuple[str, str, _Handler, str]] = [
            ("GET", "", self._list, "read"),
            # So azure-mgmt-resource asks.
            ("GET", "/", self._list, "read"),
            ("PUT", "/{name}", self._put, "write"),
            ("GET", "/{name}", self._get, "read"),
            ("HEAD", "/{name}", self._head, "read"),
            ("DELETE", "/{name}", self._delete, "delete"),
            ("POST", "/{name}/validate", self._validate, "validate/action"),
            ("GET", "/{name}/operations", self._operations, "operations/read"),
            ("GET", "/{name}/operationStatuses/{id}", self._status, "operationstatuses/read"),
        ]
        return [
            Operation(
                MANAGEMENT,
                method,
                f"{scope}/providers/{_KIND}{path}",
                handler,
                partial(self._need, f"{_KIND}/{verb}"),
            )
            for scope in _SCOPES
            for method, path, handler, verb in routes
        ]

    def _need(self, action: str, call: Call) -> Need:
        self._manager.check_subscription(call.params["subscription"])
        if "group" in call.params:
            self._manager.check_group(call.params["group"])
        return Need(action, call.path.partition("/operations")[0].removesuffix("/validate"))

    async def _put(self, call: Call) -> Response:
        name = call.params["name"]
        if not _NAME.fullmatch(name):
            raise bad_request("InvalidDeploymentName", f"The deployment name '{name}' is not valid.")
        template, planned, inside = await self._prepared(call)
        engine.check_rights(inside, planned)
        key, started = self._key(call), call.cloud.clock.time()
        new = self._rows.get(key) is None
        work = await engine.carry_out(inside, template, planned)
        row = self._row(call, template, planned, work, started)
        self._rows.put(key, row)
        accepted = {**row["shown"]["properties"], "provisioningState": "Accepted"}
        for late in ("outputs", "outputResources", "error"):
            accepted.pop(late, None)
        monitor = (
            f"https://{call.cloud.azure.management}{row['shown']['id']}/operationStatuses/{row['operation']}"
        )
        headers = {"Azure-AsyncOperation": f"{monitor}?api-version={call.query['api-version']}"}
        return JSONResponse({**row["shown"], "properties": accepted}, 201 if new else 200, headers)

    async def _validate(self, call: Call) -> Response:
        template, planned, inside = await self._prepared(call)
        engine.check_rights(inside, planned)
        properties = {
            **self._common(call, template, planned, call.cloud.clock.time()),
            "provisioningState": "Succeeded",
            "validatedResources": [{"id": one.id} for one in planned],
        }
        return JSONResponse(self._document(call, template, properties))

    async def _get(self, call: Call) -> Response:
        return JSONResponse(self._held(call)["shown"])

    async def _head(self, call: Call) -> Response:
        return Response(status_code=204 if self._rows.get(self._key(call)) else 404)

    async def _delete(self, call: Call) -> Response:
        """Forgets the deployment, not what it made."""
        return Response(status_code=200 if self._rows.delete(self._key(call)) else 204)

    async def _list(self, call: Call) -> Response:
        return JSONResponse({"value": [row["shown"] for row in self._rows.values(self._key(call))]})

    async def _operations(self, call: Call) -> Response:
        return JSONResponse({"value": self._held(call)["operations"]})

    async def _status(self, call: Call) -> Response:
        row = self._held(call)
        properties = row["shown"]["properties"]
        content = {"status": properties["provisioningState"]}
        if "error" in properties:
            content["error"] = properties["error"]
        return JSONResponse(content)

    def _held(self, call: Call) -> Json:
        row = self._rows.get(self._key(call))
        if row is None:
            raise not_found("DeploymentNotFound", f"Deployment '{call.params['name']}' could not be found.")
        return row

    def _key(self, call: Call) -> str:
        return f"{self._scope(call)}|{call.params.get('name', '')}".lower()

    def _scope(self, call: Call) -> str:
        group = call.params.get("group")
        return call.cloud.group_scope(group) if group else call.cloud.subscription_scope()

    async def _prepared(self, call: Call) -> tuple[Template, list[Planned], Inside]:
        """The template, what it wants, and the way to make it.

        :raises AzureError: 400, saying what is wrong
        """
        body = await _document(call)
        inside = Inside(self._router, call)
        if inside.depth > engine.DEEPEST:
            raise _invalid(f"deployments are nested deeper than {engine.DEEPEST} levels")
        properties = body.get("properties")
        given = properties if isinstance(properties, dict) else {}
        location = body.get("location")
        if "group" not in call.params and not isinstance(location, str):
            raise bad_request("LocationRequired", "The location property is required for this definition.")
        content = _template_of(given)
        try:
            template = self._template(call, content, given.get("parameters") or {}, str(location or ""))
            return template, template.resources(), inside
        except TemplateError as error:
            raise _invalid(str(error)) from None
        except (AttributeError, TypeError, ValueError):
            raise _invalid("a part of the template has not the form that it should have") from None

    def _template(self, call: Call, content: Json, given: Json, location: str) -> Template:
        cloud, group = call.cloud, call.params.get("group")
        subscription = {
            "id": cloud.subscription_scope(),
            "subscriptionId": cloud.subscription_id,
            "tenantId": cloud.tenant_id,
            "displayName": "azure-sandbox",
        }
        azure = cloud.azure
        place = Place(
            call.params["name"],
            self._scope(call),
            subscription,
            self._manager.groups.get(group) if group else None,
            {"tenantId": cloud.tenant_id, "countryCode": "US", "displayName": "azure-sandbox"},
            {
                "name": azure.title,
                "resourceManager": f"https://{azure.management}/",
                "authentication": {"loginEndpoint": azure.authority},
                "suffixes": {"storage": azure.storage, "keyvaultDns": f".{azure.vault}"},
            },
            location,
        )
        context = Evaluation(place, {}, content.get("variables") or {})
        values = parameter_values(content.get("parameters") or {}, given, context)
        return Template(place, content, values)

    def _common(self, call: Call, template: Template, planned: list[Planned], started: float) -> Json:
        canonical = json.dumps(template.content, sort_keys=True).encode()
        asked = call.headers.get("x-ms-correlation-request-id")
        declared = template.content.get("parameters") or {}
        return {
            "templateHash": str(int(hashlib.sha256(canonical).hexdigest()[:16], 16)),
            "parameters": {
                name: _shown(str(declared[name].get("type")), value)
                for name, value in template.parameters.items()
            },
            "mode": "Incremental",
            "timestamp": iso_z(started),
            "correlationId": asked or str(uuid.uuid4()),
            "providers": [{"namespace": name, "resourceTypes": []} for name in _providers(planned)],
            "dependencies": _dependencies(planned),
        }

    def _document(self, call: Call, template: Template, properties: Json) -> Json:
        name = call.params["name"]
        return {
            "id": f"{self._scope(call)}/providers/{_KIND}/{name}",
            "name": name,
            "type": _KIND,
            **({"location": template.place.location} if "group" not in call.params else {}),
            "properties": properties,
        }

    def _row(
        self, call: Call, template: Template, planned: list[Planned], work: Work, started: float
    ) -> Json:
        properties = {
            **self._common(call, template, planned, started),
            "provisioningState": "Failed" if work.error else "Succeeded",
            "duration": f"PT{call.cloud.clock.time() - started:.3f}S",
            "outputResources": [{"id": one.planned.id} for one in work.outcomes if not one.failed],
            "outputs": work.outputs,
            **({"error": work.error} if work.error else {}),
        }
        shown = self._document(call, template, properties)
        steps = [_operation(shown["id"], one, iso_z(started)) for one in work.outcomes]
        return {"shown": shown, "operations": steps, "operation": str(uuid.uuid4())}


async def _document(call: Call) -> Json:
    """The body; what is no plain JSON is read as Resource Manager reads templates.

    :raises AzureError: 400, 413 as every document's
    """
    content = await call.body()
    try:
        return call.parsed(content)
    except AzureError as refused:
        try:
            return call.parsed(strict(content))
        except (AzureError, UnicodeDecodeError):
            raise refused from None


def _template_of(given: Json) -> Json:
    """:raises AzureError: 400 where there is none, or another mode is asked for"""
    if str(given.get("mode", "")).lower() != "incremental":
        raise bad_request(
            "InvalidDeploymentMode", "This sandbox deploys in mode 'Incremental' only; 'mode' must say so."
        )
    content = given.get("template")
    if given.get("templateLink") or given.get("parametersLink") or not isinstance(content, dict):
        raise _invalid("this sandbox fetches no links: send the object 'template'")
    for section in ("parameters", "variables", "outputs"):
        found = content.get(section) or {}
        entries = found.values() if isinstance(found, dict) else [None]
        if section != "variables" and not all(isinstance(entry, dict) for entry in entries):
            raise _invalid(f"'{section}' must be an object of objects")
        if not isinstance(found, dict):
            raise _invalid(f"'{section}' must be an object")
    return content


def _invalid(why: str) -> AzureError:
    text = f"Deployment template validation failed: '{why.rstrip('.')}.'."
    return bad_request("InvalidTemplate", text)


def _shown(kind: str, value: Any) -> Json:
    name = kind[:1].upper() + kind[1:]
    return {"type": name} if kind.lower() in _SECRET else {"type": name, "value": value}


def _providers(planned: list[Planned]) -> list[str]:
    return sorted({one.kind.partition("/")[0] for one in planned})


def _dependencies(planned: list[Planned]) -> list[Json]:
    shown = {one.key: {"id": one.id, "resourceType": one.kind, "resourceName": one.name} for one in planned}
    return [
        {"dependsOn": [shown[need] for need in one.needs], **shown[one.key]} for one in planned if one.needs
    ]


def _operation(deployment: str, outcome: Outcome, when: str) -> Json:
    planned = outcome.planned
    identifier = uuid.uuid5(uuid.NAMESPACE_URL, planned.key).hex[:16].upper()
    return {
        "id": f"{deployment}/operations/{identifier}",
        "operationId": identifier,
        "properties": {
            "provisioningOperation": "Create",
            "provisioningState": "Failed" if outcome.failed else "Succeeded",
            "timestamp": when,
            "duration": "PT0S",
            "statusCode": _REASONS.get(outcome.status, str(outcome.status)),
            **({"statusMessage": outcome.content} if outcome.failed else {}),
            "targetResource": {"id": planned.id, "resourceType": planned.kind, "resourceName": planned.name},
        },
    }


_REASONS = {200: "OK", 201: "Created", 400: "BadRequest", 403: "Forbidden", 404: "NotFound", 409: "Conflict"}
