# SPDX-License-Identifier: Apache-2.0
"""AADSTS errors: Entra's numbers and texts (identity.md 3.3; Azure/login#517 and the like)."""

from __future__ import annotations

import uuid

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azure_sandbox.kernel.clock import utc
from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.errors import AzureError

_FEDERATION_HELP = "https://learn.microsoft.com/entra/workload-id/workload-identity-federation"
_ASSERTION_HELP = (
    "Review the documentation at https://learn.microsoft.com/entra/identity-platform/"
    "certificate-credentials ."
)

#: Beyond the year 9999 there is no date to print.
_LATEST = 2.5e11


def aadsts(number: int, text: str, error: str = "invalid_request", status: int = 400) -> AzureError:
    """An error of the token endpoint.

    :param error: the OAuth 2.0 code that goes with it
    """
    return AzureError(status, error, f"AADSTS{number}: {text}", body={"error_codes": [number]})


def _invalid_client(number: int, text: str) -> AzureError:
    return aadsts(number, text, "invalid_client", 401)


def missing_parameter(name: str) -> AzureError:
    return aadsts(900144, f"The request body must contain the following parameter: '{name}'.")


def tenant_not_found(tenant: str) -> AzureError:
    return aadsts(
        90002,
        f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing "
        "into the correct cloud. Check with your subscription administrator, this may happen if there are "
        "no active subscriptions for the tenant.",
    )


def unknown_instance() -> AzureError:
    return aadsts(
        50049,
        "Unknown or invalid instance. Review the documentation at https://aka.ms/authority.",
        "invalid_instance",
    )


def unsupported_grant(grant_type: str) -> AzureError:
    return aadsts(
        70003, f"The app requested an unsupported grant type '{grant_type}'.", "unsupported_grant_type"
    )


def unknown_application(client_id: str, tenant: str) -> AzureError:
    return aadsts(
        700016,
        f"Application with identifier '{client_id}' was not found in the directory '{tenant}'. This can "
        "happen if the application has not been installed by the administrator of the tenant or consented "
        "to by any user in the tenant. You may have sent your authentication request to the wrong tenant.",
        "unauthorized_client",
    )


def no_principal(client_id: str, tenant: str) -> AzureError:
    return _invalid_client(
        7000229,
        f"The client application '{client_id}' is missing service principal in the tenant '{tenant}'. See "
        "instructions here: https://go.microsoft.com/fwlink/?linkid=2225119",
    )


def disabled_application(client_id: str, name: str) -> AzureError:
    return aadsts(7000112, f"Application '{client_id}'({name}) is disabled.", "unauthorized_client")


def no_credential() -> AzureError:
    return _invalid_client(
        7000218,
        "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
    )


def wrong_secret(client_id: str) -> AzureError:
    return _invalid_client(
        7000215,
        "Invalid client secret provided. Ensure the secret being sent in the request is the client secret "
        f"value, not the client secret ID, for a secret added to app '{client_id}'.",
    )


def expired_secret(client_id: str) -> AzureError:
    return _invalid_client(
        7000222,
        f"The provided client secret keys for app '{client_id}' are expired. Visit the Azure portal to "
        "create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate "
        "credentials for added security: https://aka.ms/certCreds.",
    )


def malformed_assertion() -> AzureError:
    return aadsts(50027, "JWT token is invalid or malformed.")


def no_matching_credential(number: int, what: str, value: str) -> AzureError:
    """700211 issuer, 700212 audience, 700213 subject."""
    return _invalid_client(
        number,
        f"No matching federated identity record found for presented assertion {what} '{value}'. Check your "
        f"federated identity credential Subject, Audience and Issuer against the presented assertion. "
        f"{_FEDERATION_HELP}",
    )


def subject_differs_in_case(subject: str) -> AzureError:
    return _invalid_client(
        7002138,
        f"No matching federated identity record found for presented assertion subject '{subject}'. The "
        "subject matches with case-insensitive comparison, but not with case-sensitive comparison. Check "
        "your federated identity credential Subject, Audience and Issuer against the presented assertion. "
        f"{_FEDERATION_HELP}",
    )


def no_federated_credential(client_id: str, name: str) -> AzureError:
    return _invalid_client(
        70025, f"The client '{client_id}'({name}) has no configured federated identity credentials."
    )


def assertion_expired(now: float, start: float, end: float) -> AzureError:
    return _invalid_client(
        700024,
        f"Client assertion is not within its valid time range. Current time: {utc(now).isoformat()}, "
        f"assertion valid from {_moment(start)}, expiry time of assertion {_moment(end)}. {_ASSERTION_HELP}",
    )


def certificate_not_registered(cloud: Cloud, client_id: str, thumbprint: str) -> AzureError:
    return _invalid_client(
        700027,
        "The certificate with identifier used to sign the client assertion is not registered on "
        f"application. [Reason - The key was not found., Thumbprint of key used by client: '{thumbprint}', "
        f"{_key_help(cloud, client_id)}",
    )


_MISMATCH = "The provided signature value did not match the expected signature value."
_EXPIRED = "The key used is expired."


def bad_signature(
    cloud: Cloud, client_id: str, thumbprint: str, found: str, *, expired: bool = False
) -> AzureError:
    """:param found: when the key that should have signed begins and ends"""
    return _invalid_client(
        700027,
        f"Client assertion contains an invalid signature. [Reason - {_EXPIRED if expired else _MISMATCH}, "
        f"Thumbprint of key used by client: '{thumbprint}', "
        f"Found key '{found}', {_key_help(cloud, client_id)}",
    )


def _key_help(cloud: Cloud, client_id: str) -> str:
    return (
        "Please visit the Azure Portal, Graph Explorer or directly use MS Graph to see configured keys for "
        f"app Id '{client_id}'. Review the documentation at "
        "https://docs.microsoft.com/en-us/graph/deployments to determine the corresponding service endpoint "
        "and https://docs.microsoft.com/en-us/graph/api/application-get?view=graph-rest-1.0&tabs=http to "
        f"build a query request URL, such as '{cloud.azure.graph_audience}/beta/applications/{client_id}']."
    )


def unverified_federation(issuer: str) -> AzureError:
    """The issuer has a key of this id, and it did not sign."""
    return _invalid_client(
        50013,
        f"Assertion failed signature validation. [Reason - {_MISMATCH}, Issuer of the assertion: "
        f"'{issuer}'].",
    )


def unknown_federated_key(identifier: str, issuer: str) -> AzureError:
    return _invalid_client(
        7000272,
        f"The certificate with identifier {identifier} used to sign the federated credential could not be "
        f"found in the metadata of identity provider {issuer}. Please validate that your Identity Provider's "
        "metadata exposes the key used to sign the incoming token.",
    )


def issuer_unreachable() -> AzureError:
    return aadsts(50166, "Request to External OIDC endpoint failed.")


def own_token() -> AzureError:
    return _invalid_client(700222, "AAD-issued tokens may not be used for federated identity flows.")


def unsupported_algorithm(algorithm: str, *, federated: bool) -> AzureError:
    """Of both kinds of assertions there are public answers, with different statuses and lists."""
    supported = "RS256, HS256" if federated else "RS256,RS384,RS512"
    text = (
        f"Invalid JWT token. '{algorithm}' is not a supported signature algorithm. Supported signing "
        f"algorithms are: '{supported}'"
    )
    return aadsts(5002738, text) if federated else _invalid_client(5002738, text)


def assertion_of_another() -> AzureError:
    return _invalid_client(
        700021,
        "Client assertion application identifier doesn't match 'client_id' parameter. " + _ASSERTION_HELP,
    )


def assertion_for_another() -> AzureError:
    return _invalid_client(
        700023, "Client assertion audience claim does not match Realm issuer. " + _ASSERTION_HELP
    )


def invalid_scope(scope: str) -> AzureError:
    return aadsts(
        70011,
        "The provided request must include a 'scope' input parameter. The provided value for the input "
        f"parameter 'scope' is not valid. The scope {scope} is not valid.",
        "invalid_scope",
    )


def scope_without_default(scope: str) -> AzureError:
    return aadsts(
        1002012,
        f"The provided value for scope {scope} is not valid. Client credential flows must have a scope "
        "value with /.default suffixed to the resource identifier (application ID URI).",
        "invalid_scope",
    )


def unknown_resource(resource: str, tenant: str) -> AzureError:
    return aadsts(
        500011,
        f"The resource principal named {resource} was not found in the tenant named {tenant}. This can "
        "happen if the application has not been installed by the administrator of the tenant or consented "
        "to by any user in the tenant. You might have sent your authentication request to the wrong tenant.",
        "invalid_resource",
    )


def render(cloud: Cloud, error: AzureError, request: Request) -> Response:
    """The token endpoint's error object, with the trace that people send to support."""
    trace, correlation = str(uuid.uuid4()), _correlation(request)
    timestamp = utc(cloud.clock.time()).strftime("%Y-%m-%d %H:%M:%SZ")
    number = (error.body.get("error_codes") or [0])[0]
    content = {
        "error": error.code,
        "error_description": (
            f"{error.message} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {timestamp}"
        ),
        **error.body,
        "timestamp": timestamp,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": f"{cloud.azure.authority}/error?code={number}",
    }
    return JSONResponse(content, error.status, headers={"Cache-Control": "no-store", **error.headers})


def _correlation(request: Request) -> str:
    try:
        return str(uuid.UUID(request.headers.get("client-request-id", "")))
    except ValueError:
        return str(uuid.uuid4())


def _moment(seconds: float) -> str:
    return utc(seconds).isoformat() if 0 <= seconds < _LATEST else "unknown"
