# SPDX-License-Identifier: Apache-2.0
"""What of a body belongs into the log: identities and addresses, by a list. Nothing else is ever copied.

Values of inputs, environment variables and commands may hold secrets, so they are not on the list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_azureml.rest.flow import Request

_PLAIN = ("roleDefinitionId", "principalId", "jobType", "experimentName", "keyId", "displayName")
_URIS = ("modelUri", "dataUri", "codeUri")


def detail_of(request: Request) -> dict[str, Any]:
    """Run identity, inputs and outputs of a job; source of an asset; role and principal of a grant.

    What the request itself notes wins over what its body says.
    """
    body = request.json if isinstance(request.json, Mapping) else {}
    found: dict[str, Any] = {}
    for part in (body, _mapping(body.get("properties")), _mapping(body.get("passwordCredential"))):
        found.update({key: str(part[key])[:500] for key in _PLAIN if isinstance(part.get(key), str)})
        found.update({key: without_query(part[key]) for key in _URIS if isinstance(part.get(key), str)})
    properties = _mapping(body.get("properties"))
    for name, value in (
        ("runIdentity", dict(_identities(properties))),
        ("inputs", dict(_uris(properties, "inputs"))),
        ("outputs", dict(_uris(properties, "outputs"))),
    ):
        if value:
            found[name] = value
    return {**found, **request.notes}


def without_query(uri: str) -> str:
    """The address without query, fragment and password: signatures live there."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return "(unreadable)"
    user, _, host = parts.netloc.rpartition("@")
    place = host if ":" in user else parts.netloc
    return parts._replace(netloc=place, query="", fragment="").geturl()


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _steps(properties: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The job itself, and the steps of a pipeline, each with the prefix of its names."""
    yield "", properties
    for name, step in _mapping(properties.get("jobs")).items():
        yield f"{name}.", _mapping(step)


def _uris(properties: Mapping[str, Any], kind: str) -> Iterator[tuple[str, str]]:
    for prefix, job in _steps(properties):
        for name, item in _mapping(job.get(kind)).items():
            uri = _mapping(item).get("uri")
            if isinstance(uri, str):
                yield f"{prefix}{name}", without_query(uri)


def _identities(properties: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Client id or resource id of a managed identity, else the kind, by step; the job's own is `job`."""
    for prefix, job in _steps(properties):
        identity = _mapping(job.get("identity"))
        kind = identity.get("identityType") or identity.get("identity_type")
        named = identity.get("clientId") or identity.get("resourceId") or kind
        if isinstance(named, str) and named:
            yield prefix.rstrip(".") or "job", named
