# SPDX-License-Identifier: Apache-2.0
"""How Graph says no."""

from __future__ import annotations

from azure_sandbox.kernel.errors import AzureError
from azure_sandbox.kernel.operation import Caller


def holds(caller: Caller, roles: set[str]) -> bool:
    """Whether a caller has one of Graph's application permissions."""
    held = caller.claims.get("roles")
    return isinstance(held, list) and not roles.isdisjoint(held)


def denied() -> AzureError:
    """The caller lacks Graph's permission."""
    return AzureError(
        403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."
    )


def missing(identifier: str) -> AzureError:
    """Nothing goes by this id."""
    return AzureError(
        404,
        "Request_ResourceNotFound",
        f"Resource '{identifier}' does not exist or one of its queried reference-property objects are not "
        "present.",
    )


def conflict(message: str) -> AzureError:
    """Something of this name, or this pair, is there already."""
    return AzureError(409, "Request_MultipleObjectsWithSameKeyValue", message)


def bad_request(message: str) -> AzureError:
    """A body or a query that Graph does not take."""
    return AzureError(400, "Request_BadRequest", message)
