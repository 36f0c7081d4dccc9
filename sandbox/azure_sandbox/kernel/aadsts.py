# SPDX-License-Identifier: Apache-2.0
"""Errors of the token endpoint that no state of the sandbox leads to, for scripts of what Entra answers.

Numbers and texts: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

from __future__ import annotations

from azure_sandbox.kernel.errors import AzureError

#: Number -> HTTP status, the OAuth 2.0 code that goes with it, the text.
CODES: dict[int, tuple[int, str, str]] = {
    16000: (
        400,
        "interaction_required",
        "Either multiple user identities are available for the request or none.",
    ),
    50034: (400, "invalid_grant", "The user account does not exist in the directory."),
    50053: (400, "invalid_grant", "The account is locked, you've tried to sign in too many times."),
    50076: (400, "interaction_required", "You must use multi-factor authentication to access the resource."),
    50196: (
        400,
        "invalid_grant",
        "The server terminated an operation because it encountered a client request loop.",
    ),
    53003: (400, "access_denied", "Access has been blocked by Conditional Access policies."),
    65001: (400, "invalid_grant", "The user or administrator has not consented to use the application."),
    70021: (401, "invalid_client", "No matching federated identity record found for presented assertion."),
    90002: (400, "invalid_request", "Tenant not found. Check to make sure you have the correct tenant ID."),
    90024: (400, "invalid_request", "Request budget exceeded or transient error occurred. Please try again."),
    90033: (503, "temporarily_unavailable", "A transient error has occurred. Please try again."),
    90055: (429, "temporarily_unavailable", "Too many requests to the tenant. Please try again."),
    500011: (400, "invalid_resource", "The resource principal was not found in the tenant."),
    700016: (400, "unauthorized_client", "Application was not found in the directory."),
    700024: (401, "invalid_client", "Client assertion is not within its valid time range."),
    700027: (401, "invalid_client", "Client assertion failed signature validation."),
    7000112: (401, "unauthorized_client", "Application is disabled."),
    7000215: (401, "invalid_client", "Invalid client secret provided."),
    7000222: (401, "invalid_client", "The provided client secret keys are expired."),
}


def refusal(number: int) -> AzureError:
    """The answer with this number; :data:`CODES` has it."""
    status, error, text = CODES[number]
    return AzureError(status, error, f"AADSTS{number}: {text}", body={"error_codes": [number]})
