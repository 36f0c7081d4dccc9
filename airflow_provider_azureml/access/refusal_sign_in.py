# SPDX-License-Identifier: Apache-2.0
"""Refusals on the way to a token: Entra, the host's identity endpoint, AWS, and tokens that ARM does not take."""

from __future__ import annotations

from airflow_provider_azureml.access.refusal import Row

_APP = "--id {app}"
_SP = f"az ad sp show {_APP} --query "
_NEW_SECRET = (
    'az keyvault secret set --vault-name <vault> --name <secret> --value "$(az ad app credential reset --append '
    f'{_APP} --query password --output tsv)" --output none'
)
ROWS: tuple[Row, ...] = (
    Row(
        1,
        r"AADSTS7000222",
        "Entra",
        "The client secret of the application has expired.",
        "endDateTime of the application's passwords",
        _NEW_SECRET,
    ),
    Row(
        2,
        r"AADSTS7000215",
        "Entra",
        "The client secret is wrong, is the secret's id in place of its value, or is only seconds old (then retry).",
        "whether the application still has a password of this key id",
        _NEW_SECRET,
    ),
    Row(
        3,
        r"AADSTS(?:700016|7000229)\b(?:.*?(?:identifier|application) '(?P<app>[^']+)')?",
        "Entra",
        "The application {app} does not exist in this tenant, or was made seconds ago.",
        "whether the tenant has a service principal of this client id",
        f"az ad sp create {_APP}",
    ),
    Row(
        4,
        r"AADSTS(?:70021[1-3]?|7002138)\b(?:.*?[Ii]ssuer:? '(?P<issuer>[^']+)')?(?:.*?[Ss]ubject:? '(?P<subject>[^']+)')?",
        "Entra",
        "No federated credential of the application matches the assertion's issuer, subject and audience "
        "(upper and lower case count). One that is minutes old may not have arrived yet.",
        "claims of the assertion against the federated credentials, field by field",
        f"az ad app federated-credential list {_APP}",
    ),
    Row(
        5,
        r"AADSTS(?:700024|500133)|AssertionExpired",
        "Entra",
        "The assertion is outside its time range: a stale token file, or a wrong clock.",
        "exp of the assertion, age of the file",
        "chronyc tracking; ls --full-time <assertion file>",
    ),
    Row(
        6,
        r"AADSTS(?:700027|50012|50013|50006)\b",
        "Entra",
        "The assertion's signature is not accepted: an unknown certificate, the issuer's key rotated, or its "
        "algorithm is not RS256.",
        "kid of the assertion in the issuer's keys; the application's keyCredentials",
        f"az ad app credential reset --append --cert @<certificate file> {_APP}",
    ),
    Row(
        7,
        r"AADSTS(?:90002|900023|500011)\b|Unable to get authority configuration",
        "Entra",
        "Tenant or resource is not known to this cloud.",
        "tenant and cloud of the connection",
        "az account list --query '[].[tenantId,environmentName]'",
    ),
    Row(
        8,
        r"AADSTS(?:53003|7000112)\b",
        "Entra",
        "Conditional Access blocks the identity, or its service principal is disabled.",
        "accountEnabled of the service principal",
        f"az ad sp update {_APP} --set accountEnabled=true",
    ),
    Row(
        9,
        r"AADSTS7000114",
        "Entra",
        "The job is to run as its submitter (user_identity), and the submitter is an application.",
        "identity of the job",
        "Give the job a managed identity in its definition: type managed, with its client_id",
    ),
    Row(
        10,
        r"Multiple user assigned identities exist",
        "Entra",
        "The host has several managed identities, and the connection names none.",
        "identities of the host",
        "az identity list --query '[].[name,clientId]' (then set client_id in the connection)",
    ),
    Row(
        11,
        r"No identity has been assigned|[Ii]dentity not found",
        "Entra",
        "The managed identity is not attached where it is used.",
        "identities of the host, of the workspace",
        "az vm identity assign --ids <host> --identities {app}",
    ),
    Row(
        12,
        r"OutboundWebIdentityFederationDisabled|sts:GetWebIdentityToken",
        "Entra",
        "AWS gives no web identity token: the account has not enabled it, or IAM denies it to the role.",
        "aws iam get-outbound-web-identity-federation-info",
        "aws iam enable-outbound-web-identity-federation",
    ),
    Row(
        13,
        r"InvalidAuthenticationTokenTenant|wrong issuer",
        "Entra",
        "The token is of another tenant than the subscription.",
        "tid of the token against the subscription's tenant",
        "az account show --subscription <subscription> --query tenantId (then set tenant_id of the connection)",
    ),
    Row(
        14,
        r"ExpiredAuthenticationToken|TokenExpired",
        "Entra",
        "The access token has expired.",
        "exp of the token, and the clock",
        "chronyc tracking; run the task again",
    ),
    Row(
        35,
        r"(?:Authorization_RequestDenied|Request_ResourceNotFound)(?:.*?applications\(appId='(?P<app>[^']+)'\))?",
        "Entra",
        "The identity lacks a role of Microsoft Graph, or is no owner of the application.",
        "its app roles, the owners of the application",
        f"az ad app owner add {_APP} --owner-object-id {{who}}",
    ),
)
