# SPDX-License-Identifier: Apache-2.0
"""Runs that lease a grant from one broker, driven request by request against a sandbox without sockets.

A run is killed before or after any of its requests, or held there while others act. The sandbox's ledger
tells what became of the assignments.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_azureml.access import leasing
from airflow_provider_azureml.access.grant import is_due
from airflow_provider_azureml.access.leasing import Desk
from airflow_provider_azureml.connection import CLOUDS
from airflow_provider_azureml.errors import ServiceError
from airflow_provider_azureml.rest import assignment
from airflow_provider_azureml.rest.assignment import Grant, Made
from airflow_provider_azureml.rest.flow import Flow, Pause, Request, Response, legible
from azure_sandbox.kernel.clock import ManualClock
from azure_sandbox.kernel.ledger import Effect
from azure_sandbox.kernel.ports import Directory
from azure_sandbox.testing import InProcess, in_process
from tests.reliability.world.azure import seed

BROKER, GRANTEE = "broker", "run-train"
READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
FOLDER = "https://nightlylake.blob.core.windows.net/leases"
STORAGE, ARM = "https://storage.azure.com", "https://management.azure.com"
HOUR = 3600.0
BEFORE, AFTER = "before", "after"


class Killed(BaseException):
    """The process is no more."""


@dataclass
class Town:
    """One Azure with a broker, and what the tests ask of it."""

    sandbox: InProcess
    clock: ManualClock
    read_to: int = 0

    @property
    def desk(self) -> Desk:
        """The broker's desk of deployment `d`."""
        return Desk(CLOUDS["public"], FOLDER, "d", self.object_id(BROKER))

    def object_id(self, principal: str) -> str:
        """Of a principal of the seed."""
        return str(self.sandbox.cloud.port(Directory).principals()[principal]["object_id"])

    def grant(self, container: str = "raw") -> Grant:
        """The reader's role on a container that the grantee may not read by itself."""
        group = self.sandbox.cloud.group_scope("nightly")
        account = f"{group}/providers/Microsoft.Storage/storageAccounts/nightlylake"
        scope = f"{account}/blobServices/default/containers/{container}"
        return Grant(self.object_id(GRANTEE), READER, scope, role_name="Storage Blob Data Reader")

    def held(self, grant: Grant) -> list[Made]:
        """The assignments that give it."""
        same = (grant.principal_id, grant.role, grant.scope.lower())
        found = Run(self).drive(assignment.list_below(self.desk.cloud, grant.scope))
        return [each for each in found if (each.principal_id, each.role, each.scope.lower()) == same]

    def put(self, grant: Grant, name: str, body: dict[str, Any]) -> None:
        """Somebody makes an assignment by hand."""
        path = f"{grant.scope}/providers/Microsoft.Authorization/roleAssignments/{name}"
        request = Request("PUT", f"{ARM}{path}?api-version=2022-04-01", scope=ARM, json=body)
        assert Run(self)._send(request).status == 201

    def delete(self, made: Made) -> None:
        """Somebody deletes an assignment by hand."""
        Run(self).drive(assignment.delete(self.desk.cloud, made.grant, made.name, "by hand"))

    def effects(self) -> list[Effect]:
        """What happened to assignments since the last call."""
        found = self.sandbox.ledger(self.read_to, "role-assignment")
        self.read_to = found[-1].sequence if found else self.read_to
        return found

    def reap(self) -> list[str]:
        """One pass of the reaper."""
        run = Run(self)
        scope = self.sandbox.cloud.group_scope("nightly")
        found = run.drive(assignment.list_below(self.desk.cloud, scope))
        due = [each for each in found if is_due(each, "d", self.desk.broker, self.clock.time())]
        return [run.drive(leasing.reap(self.desk, each)) for each in due]


@dataclass
class Run:
    """One task try of the broker.

    :param strike: number of the request, and phase, at which it is killed.
    :param meanwhile: called before each request with its number.
    :param repeats: each request is sent twice, as after an answer that was lost.
    """

    town: Town
    strike: tuple[int, str] | None = None
    meanwhile: Callable[[int], None] = lambda number: None
    repeats: bool = False
    requests: list[Request] = field(default_factory=list)

    def drive(self, flow: Flow[Any]) -> Any:
        """Carry a flow out; raises Killed."""
        flow = legible(flow)
        try:
            step = next(flow)
            while True:
                try:
                    answer = self._answer(step)
                except ServiceError as error:
                    step = flow.throw(error)
                else:
                    step = flow.send(answer)
        except StopIteration as done:
            return done.value
        finally:
            flow.close()

    def _answer(self, step: Request | Pause) -> Response:
        if isinstance(step, Pause):
            self.town.clock.advance(step.seconds)
            return Response(0)
        number = len(self.requests)
        self.requests.append(step)
        self.meanwhile(number)
        if self.strike == (number, BEFORE):
            raise Killed
        answer = self._send(step)
        if self.repeats:
            answer = self._send(step)
        if self.strike == (number, AFTER):
            raise Killed
        return answer

    def _send(self, request: Request) -> Response:
        resource = STORAGE if "storage" in (request.scope or "") else ARM
        headers = {**request.headers, **self.town.sandbox.bearer(BROKER, resource)}
        body = request.content or b""
        if request.json is not None:
            body, headers["content-type"] = json.dumps(request.json).encode(), "application/json"
        headers["content-length"] = str(len(body))
        status, found, content = self.town.sandbox.request(request.method, request.url, headers, body)
        return Response(status, found, content, f"{request.method} {urlsplit(request.url).path}")


@contextmanager
def town(data: Path) -> Iterator[Town]:
    """An Azure of its own, whose clock the test moves."""
    document = seed()
    document["applications"].append({"name": BROKER})
    document["storage_accounts"][0]["containers"].append("leases")
    document["role_assignments"] += [
        {"principal": BROKER, "role": "Role Based Access Control Administrator", "scope": "group:nightly"},
        {
            "principal": BROKER,
            "role": "Storage Blob Data Contributor",
            "scope": "container:nightlylake/leases",
        },
    ]
    clock = ManualClock()
    with in_process(data, document, clock) as sandbox:
        yield Town(sandbox, clock)
