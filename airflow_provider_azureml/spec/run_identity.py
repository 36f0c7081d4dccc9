# SPDX-License-Identifier: Apache-2.0
"""The `identity` of a job: the principal that it runs as."""

from __future__ import annotations

import re
from typing import Any

from airflow_provider_azureml.spec.field import Fields, compact

TYPES = {
    "managed": "Managed",
    "managed_identity": "Managed",
    "user_identity": "UserIdentity",
    "aml_token": "AMLToken",
}
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", re.IGNORECASE)


def run_identity(fields: Fields) -> dict[str, Any] | None:
    """The REST identity; None, which means the identity of the compute, when the field is absent."""
    if isinstance(fields.raw("identity"), str):
        fields = Fields(fields.where, {"identity": {"type": fields.raw("identity")}})
    return fields.nested("identity", _identity)


def _identity(fields: Fields) -> dict[str, Any]:
    kind = fields.choice("type", TYPES)
    if kind is None:
        raise fields.error("type", "is missing.", f"Choose one of: {', '.join(TYPES)}.")
    body = {
        "clientId": fields.text("client_id"),
        "objectId": fields.text("object_id"),
        "resourceId": fields.text("msi_resource_id"),
    }
    if kind != "Managed" and any(body.values()):
        raise fields.error("type", "does not go with an id.", "Make it 'managed', or remove the id.")
    for name in ("client_id", "object_id"):
        value = fields.text(name)
        if value is not None and not _GUID.match(value):
            raise fields.error(name, f"'{value}' is not a GUID.", "Copy the id from the managed identity.")
    return compact({"identityType": kind, **body})
