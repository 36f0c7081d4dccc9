# SPDX-License-Identifier: Apache-2.0
"""Microsoft Graph: applications, their passwords (shown once and never again), who trusts them, who is in what,
who owns what, and what each may do in Graph itself.

Reading all of it takes `Application.Read.All` and no more (each operation's page of the Graph reference).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote

from airflow_provider_azureml.connection import Cloud
from airflow_provider_azureml.rest.flow import Flow, Request, expect

GRAPH = "00000003-0000-0000-c000-000000000000"
"""Client id of Microsoft Graph, in every tenant of every cloud."""


@dataclass(frozen=True)
class Password:
    """One password credential, without the password."""

    key_id: str
    display_name: str
    ends_at: datetime


@dataclass(frozen=True)
class NewPassword:
    """A password that was just made. `secret` exists here and nowhere else."""

    key_id: str
    ends_at: datetime
    secret: str = field(repr=False)


@dataclass(frozen=True)
class Application:
    """An app registration and its passwords."""

    object_id: str
    app_id: str
    passwords: tuple[Password, ...]


@dataclass(frozen=True)
class ServicePrincipal:
    """An application or a managed identity as a tenant knows it.

    :param enabled: whether it may sign in.
    :param kind: `Application` or `ManagedIdentity`.
    :param resource_id: ARM id of a managed identity; empty where Graph does not say.
    """

    object_id: str
    app_id: str
    name: str
    enabled: bool
    kind: str = ""
    resource_id: str = ""


@dataclass(frozen=True)
class FederatedCredential:
    """Whose tokens an application, or a managed identity, takes for a proof of being it.

    :param subject: empty for a flexible one, whose `expression` decides.
    """

    name: str
    issuer: str
    subject: str
    audiences: tuple[str, ...]
    expression: str = ""


@dataclass(frozen=True)
class AppRole:
    """A role of an application that a principal was given: of Graph, what it may do there as itself.

    :param assignment_id: of the giving, no GUID.
    :param role_id: GUID; all zeros for access without any role.
    :param resource_id: object id of the service principal whose role it is.
    :param resource: display name of that one.
    """

    assignment_id: str
    role_id: str
    resource_id: str
    resource: str


@dataclass(frozen=True)
class Permissions:
    """Graph as a tenant knows it.

    :param object_id: of its service principal, another one in each tenant.
    :param names: of its application permissions, by role id.
    """

    object_id: str
    names: Mapping[str, str]


@dataclass(frozen=True)
class Owned:
    """Something that a principal owns.

    :param kind: `application`, `servicePrincipal`, `group`, or another of Graph's types.
    :param app_id: client id; empty for a group.
    :param name: empty where the caller may not read it.
    """

    kind: str
    object_id: str
    app_id: str = ""
    name: str = ""


def application(cloud: Cloud, app_id: str) -> Flow[Application]:
    """Read an application by its client id; raises NotFoundError or DeniedError."""
    request = _request(cloud, "GET", app_id, "?$select=id,appId,passwordCredentials")
    body = expect((yield request), 200).json()
    found = body.get("passwordCredentials") or []
    return Application(str(body["id"]), str(body["appId"]), tuple(_password(item) for item in found))


def add_password(cloud: Cloud, app_id: str, display_name: str, ends_at: datetime) -> Flow[NewPassword]:
    """Make a password. Not repeated after a lost answer: the lost one would stay behind, live."""
    moment = ends_at.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    body = {"passwordCredential": {"displayName": display_name, "endDateTime": moment}}
    response = yield _request(cloud, "POST", app_id, "/addPassword", body)
    answer = expect(response, 200).json()
    return NewPassword(str(answer["keyId"]), _time(answer["endDateTime"]), str(answer["secretText"]))


def remove_password(cloud: Cloud, app_id: str, key_id: str) -> Flow[None]:
    """Remove a password by its key id."""
    response = yield _request(cloud, "POST", app_id, "/removePassword", {"keyId": key_id})
    expect(response, 200, 204)


def service_principal(cloud: Cloud, app_id: str) -> Flow[ServicePrincipal | None]:
    """The service principal of a client id; None when the tenant has none. Raises DeniedError."""
    return (yield from _principal(cloud, f"servicePrincipals(appId='{quote(app_id, safe='')}')"))


def service_principal_by_object(cloud: Cloud, object_id: str) -> Flow[ServicePrincipal | None]:
    """The service principal of an object id; None when the tenant has none. Raises DeniedError."""
    return (yield from _principal(cloud, f"servicePrincipals/{quote(object_id, safe='')}"))


def service_principals_named(cloud: Cloud, name: str) -> Flow[list[ServicePrincipal]]:
    """All of a display name, which need not be one. Raises DeniedError."""
    text = quote(name.replace("'", "''"), safe="")
    url = f"{cloud.graph}/v1.0/servicePrincipals?$filter=displayName%20eq%20'{text}'&{_SELECTED}"
    return [_record(body) for body in (yield from _listed(Request("GET", url, scope=cloud.graph_scope)))]


def federated_credentials(cloud: Cloud, app_id: str) -> Flow[list[FederatedCredential]]:
    """Whom an application trusts. Raises NotFoundError or DeniedError."""
    found = yield from _listed(_request(cloud, "GET", app_id, "/federatedIdentityCredentials"))
    return [federated_credential(item) for item in found]


def groups_of(cloud: Cloud, object_id: str) -> Flow[frozenset[str]]:
    """Object ids of the security groups that a principal is in, nested ones too. Raises DeniedError."""
    url = f"{cloud.graph}/v1.0/servicePrincipals/{quote(object_id, safe='')}/getMemberGroups"
    body = {"securityEnabledOnly": True}
    answer = yield Request("POST", url, scope=cloud.graph_scope, json=body)
    return frozenset(str(each).lower() for each in expect(answer, 200).json().get("value") or ())


def app_roles(cloud: Cloud, object_id: str) -> Flow[list[AppRole]]:
    """What a service principal was given itself, not through a group. Raises NotFoundError or DeniedError."""
    found = yield from _listed(_about(cloud, object_id, "appRoleAssignments"))
    return [
        AppRole(
            str(item["id"]),
            str(item["appRoleId"]).lower(),
            str(item["resourceId"]).lower(),
            str(item.get("resourceDisplayName") or ""),
        )
        for item in found
    ]


def owned_objects(cloud: Cloud, object_id: str) -> Flow[list[Owned]]:
    """What a service principal owns. Raises NotFoundError or DeniedError."""
    found = yield from _listed(_about(cloud, object_id, "ownedObjects"))
    return [
        Owned(
            str(item.get("@odata.type") or "").rpartition(".")[2],
            str(item["id"]).lower(),
            str(item.get("appId") or "").lower(),
            str(item.get("displayName") or ""),
        )
        for item in found
    ]


def permissions(cloud: Cloud) -> Flow[Permissions]:
    """Graph's own application permissions. Raises NotFoundError or DeniedError."""
    url = f"{cloud.graph}/v1.0/servicePrincipals(appId='{GRAPH}')?$select=id,appRoles"
    body = expect((yield Request("GET", url, scope=cloud.graph_scope)), 200).json()
    names = {str(role["id"]).lower(): str(role.get("value") or "") for role in body.get("appRoles") or ()}
    return Permissions(str(body["id"]).lower(), names)


def federated_credential(item: Mapping[str, Any]) -> FederatedCredential:
    """One as Graph shows it; ARM shows the same fields."""
    expression = item.get("claimsMatchingExpression") or {}
    return FederatedCredential(
        name=str(item.get("name") or ""),
        issuer=str(item["issuer"]),
        subject=str(item.get("subject") or ""),
        audiences=tuple(map(str, item.get("audiences") or ())),
        expression=str(expression.get("value") or ""),
    )


def _principal(cloud: Cloud, path: str) -> Flow[ServicePrincipal | None]:
    answer = yield Request("GET", f"{cloud.graph}/v1.0/{path}?{_SELECTED}", scope=cloud.graph_scope)
    return None if answer.status == 404 else _record(expect(answer, 200).json())


_SELECTED = "$select=id,appId,displayName,accountEnabled,servicePrincipalType,alternativeNames"


def _record(body: Mapping[str, Any]) -> ServicePrincipal:
    others = (str(name) for name in body.get("alternativeNames") or ())
    return ServicePrincipal(
        object_id=str(body["id"]),
        app_id=str(body.get("appId") or ""),
        name=str(body.get("displayName") or ""),
        enabled=body.get("accountEnabled") is not False,
        kind=str(body.get("servicePrincipalType") or ""),
        resource_id=next((name for name in others if name.startswith("/subscriptions/")), ""),
    )


def _about(cloud: Cloud, object_id: str, what: str) -> Request:
    url = f"{cloud.graph}/v1.0/servicePrincipals/{quote(object_id, safe='')}/{what}"
    return Request("GET", url, scope=cloud.graph_scope)


def _listed(first: Request) -> Flow[list[Any]]:
    """All items of a Graph list, which calls its next link by another name than ARM."""
    items: list[Any] = []
    request: Request | None = first
    while request:
        body = expect((yield request), 200).json()
        items += body.get("value") or []
        link = body.get("@odata.nextLink")
        request = Request("GET", str(link), scope=first.scope) if link else None
    return items


def _request(
    cloud: Cloud, method: str, app_id: str, path: str, body: Mapping[str, Any] | None = None
) -> Request:
    url = f"{cloud.graph}/v1.0/applications(appId='{quote(app_id, safe='')}'){path}"
    return Request(method, url, scope=cloud.graph_scope, json=body, repeatable=method == "GET")


def _password(item: Mapping[str, Any]) -> Password:
    return Password(str(item["keyId"]), str(item.get("displayName") or ""), _time(item["endDateTime"]))


def _time(text: str) -> datetime:
    """Graph writes up to seven digits of a second; `fromisoformat` of 3.10 reads no `Z`."""
    moment = datetime.strptime(str(text)[:19], "%Y-%m-%dT%H:%M:%S")
    return moment.replace(tzinfo=timezone.utc)
