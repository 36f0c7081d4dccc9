# SPDX-License-Identifier: Apache-2.0
"""Microsoft Graph: an application's passwords, which are shown once and never again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote

from airflow_provider_azureml.connection import Cloud
from airflow_provider_azureml.rest.flow import Flow, Request, expect


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
