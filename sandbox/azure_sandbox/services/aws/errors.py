# SPDX-License-Identifier: Apache-2.0
"""AWS's refusals. Codes and texts: https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
and those of each action."""

from __future__ import annotations

from azure_sandbox.kernel.clock import utc
from azure_sandbox.kernel.errors import AzureError

_STAMP = "%Y%m%dT%H%M%SZ"


def refused(status: int, code: str, text: str) -> AzureError:
    return AzureError(status, code, text)


def missing_authentication() -> AzureError:
    return refused(403, "MissingAuthenticationToken", "Request is missing Authentication Token")


def incomplete_signature(what: str) -> AzureError:
    return refused(400, "IncompleteSignature", f"Authorization header requires {what}.")


def unknown_key() -> AzureError:
    return refused(403, "InvalidClientTokenId", "The security token included in the request is invalid.")


def expired_token() -> AzureError:
    return refused(403, "ExpiredToken", "The security token included in the request is expired")


def wrong_signature() -> AzureError:
    return _signature(
        "The request signature we calculated does not match the signature you provided. Check your AWS "
        "Secret Access Key and signing method. Consult the service documentation for details."
    )


def wrong_region() -> AzureError:
    return _signature("Credential should be scoped to a valid region.")


def wrong_service(service: str) -> AzureError:
    return _signature(f"Credential should be scoped to correct service: '{service}'.")


def wrong_time(sent: float, now: float, tolerance: float) -> AzureError:
    early = sent < now
    edge = now - tolerance if early else now + tolerance
    what, way, sign = ("expired", "earlier", "-") if early else ("not yet current", "later", "+")
    stamps = [utc(moment).strftime(_STAMP) for moment in (sent, edge, now)]
    return _signature(
        f"Signature {what}: {stamps[0]} is now {way} than {stamps[1]} "
        f"({stamps[2]} {sign} {int(tolerance // 60)} min.)"
    )


def _signature(text: str) -> AzureError:
    return refused(403, "SignatureDoesNotMatch", text)


def not_authorized(arn: str, action: str, resource: str = "*") -> AzureError:
    kind = "User" if ":user/" in arn or ":assumed-role/" in arn else "Principal"
    return refused(
        403,
        "AccessDenied",
        f"{kind}: {arn} is not authorized to perform: {action} on resource: {resource} because no "
        f"identity-based policy allows the {action} action",
    )


def invalid(member: str, value: object, constraint: str) -> AzureError:
    shown = "null" if value is None else f"'{value}'"
    return refused(
        400,
        "ValidationError",
        f"1 validation error detected: Value {shown} at '{member}' failed to satisfy constraint: "
        f"{constraint}",
    )


def missing(member: str) -> AzureError:
    return invalid(member, None, "Member must not be null")


def invalid_value(text: str) -> AzureError:
    return refused(400, "InvalidParameterValue", text)


def unknown_action(action: str, version: str) -> AzureError:
    return refused(
        400, "InvalidAction", f"Could not find operation {action} for version {version or 'NO_VERSION'}"
    )


def federation_disabled() -> AzureError:
    return refused(
        403,
        "OutboundWebIdentityFederationDisabledException",
        "The outbound web identity federation feature is not enabled for this account. To use this feature, "
        "you must first enable it through the Amazon Web Services Management Console or API.",
    )


def session_too_short() -> AzureError:
    return refused(
        403,
        "SessionDurationEscalationException",
        "The requested token duration would extend the session beyond its original expiration time.",
    )
