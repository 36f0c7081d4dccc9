# SPDX-License-Identifier: Apache-2.0
"""Role assignments: making one that can be found again, and deleting no other.

The name follows from what is granted, so that two runs that want the same make one assignment, and a
crash between the request and its answer leaves nothing that the next try does not find. The description
says who made it, and until when it is wanted (docs/decisions/0010).
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

from airflow_provider_azureml.connection import Cloud
from airflow_provider_azureml.errors import ServiceError
from airflow_provider_azureml.rest.flow import Flow, Request, expect, pages, parse_error

API_VERSION = "2022-04-01"
NAMESPACE = uuid.UUID("5a2a6a55-4f0c-5f6e-9b1b-0c9d2c3e7a41")
LIMIT = 4000
"""Role assignments that one subscription may hold; fixed by Azure."""
_PROVIDER = "/providers/Microsoft.Authorization"
_DESCRIPTION = re.compile(r"airflow-jit v1 (?P<deployment>\S+) exp=(?P<exp>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)")
_EXISTING = re.compile(r"ID of the existing role assignment is '?([0-9a-fA-F-]{32,36})")


@dataclass(frozen=True)
class Grant:
    """What is granted: a role, to a principal, at a scope.

    :param principal_id: object id; a service principal or a managed identity.
    :param role: GUID of the role definition.
    :param scope: ARM id, without a slash at its end.
    :param condition: ABAC condition (version 2.0); empty for none.
    :param role_name: for people.
    :param generation: which assignment of this grant: a late delete of an earlier one hits nothing.
    """

    principal_id: str
    role: str
    scope: str
    condition: str = ""
    role_name: str = ""
    generation: int = 0

    @property
    def condition_hash(self) -> str:
        """SHA-256 of the condition; empty when there is none."""
        return hashlib.sha256(self.condition.encode()).hexdigest() if self.condition else ""

    @property
    def name(self) -> str:
        """Name of the assignment, a GUID: the same for the same grant, whoever wants it."""
        parts = [self.scope.lower(), self.principal_id.lower(), self.role.lower(), self.condition_hash]
        parts += [str(self.generation)] if self.generation else []
        return str(uuid.uuid5(NAMESPACE, "|".join(parts)))

    @property
    def generations(self) -> list[Grant]:
        """This one, and all earlier ones, the latest first."""
        return [replace(self, generation=number) for number in range(self.generation, -1, -1)]

    @property
    def id(self) -> str:
        """ARM id of the assignment."""
        return f"{self.scope}{_PROVIDER}/roleAssignments/{self.name}"

    @property
    def notes(self) -> dict[str, str]:
        """What the audit log keeps of it, also where a request has no body."""
        found = {"principalId": self.principal_id, "roleDefinitionId": self.role, "scope": self.scope}
        return {**found, "conditionSha256": self.condition_hash} if self.condition else found

    def __str__(self) -> str:
        """The grant for a person."""
        return f"'{self.role_name or self.role}' for {self.principal_id} on {self.scope}"


@dataclass(frozen=True)
class Made:
    """A role assignment as Azure has it.

    :param created_by: object id of who made it; empty when Azure does not say.
    """

    id: str
    name: str
    scope: str
    principal_id: str
    role: str
    condition: str = ""
    description: str = ""
    created_by: str = ""

    @property
    def grant(self) -> Grant:
        """What it grants."""
        return Grant(self.principal_id, self.role, self.scope, self.condition)


@dataclass(frozen=True)
class Mark:
    """What the description of an assignment of ours says.

    :param expires: Unix time until which it is wanted.
    """

    deployment: str
    expires: float

    def __str__(self) -> str:
        moment = datetime.fromtimestamp(self.expires, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        return f"airflow-jit v1 {self.deployment} exp={moment}"

    @classmethod
    def read(cls, description: str) -> Mark | None:
        """None for an assignment that no Airflow made for a while, or whose description somebody edited."""
        found = _DESCRIPTION.fullmatch(description)
        if not found:
            return None
        try:
            moment = datetime.strptime(found["exp"], "%Y-%m-%dT%H:%M:%SZ")
        except ValueError:
            return None
        return cls(found["deployment"], moment.replace(tzinfo=timezone.utc).timestamp())


def get(cloud: Cloud, grant: Grant) -> Flow[Made | None]:
    """The assignment of this grant's own name; None when there is none."""
    answer = yield _request(cloud, "GET", grant.id)
    return None if answer.status == 404 else _made(expect(answer, 200).json())


def put(cloud: Cloud, grant: Grant, description: str) -> Flow[str]:
    """Make it, or change its description. Raises DeniedError with Azure's reason.

    :return: empty when it is made; the id of somebody else's assignment of the very same grant, which
        Azure makes no second one of.
    """
    properties = {
        "principalId": grant.principal_id,
        "principalType": "ServicePrincipal",  # a new one may not have reached all of Azure
        "roleDefinitionId": f"{subscription_of(grant.scope)}{_PROVIDER}/roleDefinitions/{grant.role}",
        "description": description,
        **({"condition": grant.condition, "conditionVersion": "2.0"} if grant.condition else {}),
    }
    answer = yield _request(
        cloud, "PUT", grant.id, {"properties": properties}, {**grant.notes, "description": description}
    )
    code, message = parse_error(answer) if answer.status == 409 else ("", "")
    if code == "RoleAssignmentExists":
        existing = _EXISTING.search(message)
        return str(uuid.UUID(existing[1])) if existing else "(unnamed)"
    expect(answer, 200, 201)
    return ""


def delete(cloud: Cloud, grant: Grant, name: str, reason: str) -> Flow[bool]:
    """Delete the assignment of a grant that has this name; False when it is gone already.

    :param reason: for the audit log.
    """
    path = f"{grant.scope}{_PROVIDER}/roleAssignments/{name}"
    request = _request(cloud, "DELETE", path, notes={**grant.notes, "reason": reason})
    return expect((yield request), 200, 204, 404).status == 200


def list_below(cloud: Cloud, scope: str) -> Flow[list[Made]]:
    """All assignments at a scope, above it and below it; raises DeniedError."""
    found = yield from pages(_request(cloud, "GET", f"{scope}{_PROVIDER}/roleAssignments"))
    return [_made(item) for item in found]


def _request(
    cloud: Cloud,
    method: str,
    path: str,
    json: object = None,
    notes: Mapping[str, str] | None = None,
) -> Request:
    url = f"{cloud.resource_manager}{path}?api-version={API_VERSION}"
    return Request(method, url, scope=cloud.arm_scope, json=json, notes=notes or {})


def _made(item: Mapping[str, Any]) -> Made:
    properties = item["properties"]
    return Made(
        id=str(item["id"]),
        name=str(item["name"]),
        scope=str(properties["scope"]),
        principal_id=str(properties["principalId"]),
        role=str(properties["roleDefinitionId"]).rpartition("/")[2],
        condition=str(properties.get("condition") or ""),
        description=str(properties.get("description") or ""),
        created_by=str(properties.get("createdBy") or ""),
    )


def subscription_of(scope: str) -> str:
    """`/subscriptions/x` of an ARM id; raises ServiceError for an id of another form."""
    parts = scope.split("/")
    if len(parts) < 3 or parts[1].lower() != "subscriptions":
        raise ServiceError(400, "InvalidScope", f"'{scope}' does not lie in a subscription")
    return "/".join(parts[:3])
