# SPDX-License-Identifier: Apache-2.0
"""What refusals mean, as data: ordered, the first match wins.

Texts are from public issues and documentation of Azure (facts: identity.md 3.3); Microsoft warns that
texts of AADSTS errors change, so the raw text is always shown beside a finding. Named groups of a
pattern may stand in cause and mend. Planes: Entra (exists, can log in), ARM (roles on workspace,
vault and storage account), data (roles, ACLs, key mode, firewall of the lake), vault.
"""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """One kind of refusal."""

    pattern: str
    plane: str
    cause: str
    mend: str


_ROLE = "az role assignment create --assignee {who}"
_NEW_GRANT = "A grant younger than 10 minutes may not have arrived yet: then wait and retry."

TABLE: tuple[Row, ...] = (
    Row(
        r"AADSTS7000222",
        "Entra",
        "The client secret of the application has expired.",
        "Rotate it (AzureMLRotateSecretOperator), or: az ad app credential reset --append --id <client id>",
    ),
    Row(
        r"AADSTS7000215",
        "Entra",
        "The client secret is wrong, is the secret's id in place of its value, or is only seconds old.",
        "Retry if it was made in the last minutes; else put the secret's value into the connection's "
        "password, or refer to Key Vault: az ad app credential list --id <client id>",
    ),
    Row(
        r"AADSTS700016(?:.*?identifier '(?P<app>[^']+)')?",
        "Entra",
        "The application {app} does not exist in this tenant, or was made seconds ago.",
        "Correct tenant_id or client_id of the connection: az ad sp show --id {app}",
    ),
    Row(
        r"AADSTS(70021[123]?|7002138)\b",
        "Entra",
        "No federated credential of the application matches the assertion's issuer, subject and audience "
        "(upper and lower case count).",
        "Compare them field by field: az ad app federated-credential list --id <client id>. "
        "One that is minutes old may not have arrived yet.",
    ),
    Row(
        r"AADSTS(700024|500133)",
        "Entra",
        "The assertion is outside its time range: a stale token file, or a wrong clock.",
        "Check that the token file is renewed, and the clock: chronyc tracking",
    ),
    Row(
        r"AADSTS(700027|50012|50013|50006)",
        "Entra",
        "The assertion's signature is not accepted: an unknown certificate, or the issuer's key rotated.",
        "Upload the certificate to the application: az ad app credential reset --append --cert @cert.pem "
        "--id <client id>",
    ),
    Row(
        r"AADSTS(90002|900023|500011)|Unable to get authority configuration",
        "Entra",
        "Tenant or resource is not known to this cloud.",
        "Correct tenant_id and cloud of the connection: az account list --query '[].tenantId'",
    ),
    Row(
        r"AADSTS(53003|7000112)",
        "Entra",
        "Conditional Access blocks the identity, or its application is disabled.",
        "Ask the owner of the policy: az ad sp show --id <client id> --query accountEnabled",
    ),
    Row(
        r"Multiple user assigned identities exist",
        "Entra",
        "The host has several managed identities, and the connection names none.",
        "Set client_id in the connection.",
    ),
    Row(
        r"managed identity '(?P<app>[^']+)' is not assigned to workspace (?P<workspace>[\w-]+)",
        "ARM",
        "The job is to run as managed identity {app}, which is not attached to workspace {workspace}.",
        "Correct the job's identity, or attach it: az ml workspace update --name {workspace} "
        "--resource-group <group> --user-assigned-identities <all, the new one included>",
    ),
    Row(
        r"Could not find datastore (?P<store>\w+) in workspace (?P<workspace>[\w-]+)",
        "data",
        "An input or output of the job names datastore {store}, which workspace {workspace} does not have.",
        "Correct the name in the job's definition: az ml datastore list --workspace-name {workspace} "
        "--resource-group <group> --query '[].name'",
    ),
    Row(
        r"No identity has been assigned|[Ii]dentity not found",
        "Entra",
        "The managed identity is not attached where it is used.",
        "Attach it to the host of the worker, or (for a job) to the workspace: az ml workspace update "
        "--name <workspace> --resource-group <group> --user-assigned-identities <all, the new one included>",
    ),
    Row(
        r"InvalidAuthenticationTokenTenant|wrong issuer",
        "Entra",
        "The token is of another tenant than the subscription.",
        "Set tenant_id of the connection to: az account show --subscription <id> --query tenantId",
    ),
    Row(
        r"LinkedAuthorizationFailed(?:.*?object id '(?P<who>[^']+)'.*?linked scope\(s\) '(?P<linked>[^']+)')?",
        "ARM",
        "The submitter {who} may submit, but may not use what the job links to (an identity, a subnet): {linked}.",
        _ROLE + " --role 'Managed Identity Operator' --scope {linked}",
    ),
    Row(
        r"AuthorizationFailed.*?(?:object id '(?P<who>[^']+)'.*?)?action '(?P<action>[^']+)' over scope "
        r"'(?P<scope>[^']*?/workspaces/(?P<workspace>[^/']+))",
        "ARM",
        "The submitter {who} has no role on workspace {workspace} that allows {action}, or there is no "
        "workspace of this name (Azure answers both alike). " + _NEW_GRANT,
        "Check workspace_name and resource_group of the connection; when they are right: "
        + _ROLE
        + " --role '<a role with {action}>' --scope {scope}",
    ),
    Row(
        r"AuthorizationFailed.*?(?:object id '(?P<who>[^']+)'.*?)?action '(?P<action>[^']+)' over scope "
        r"'(?P<scope>[^']+)'",
        "ARM",
        "The submitter {who} has no role that allows {action}. " + _NEW_GRANT,
        _ROLE + " --role '<a role with {action}>' --scope {scope}",
    ),
    Row(
        r"KeyBasedAuthenticationNotPermitted|Key based authentication is not permitted",
        "data",
        "The storage account refuses keys, and the datastore has nothing else.",
        "Make the datastore identity-based: az ml datastore create --file <without credentials>",
    ),
    Row(
        r"AuthorizationPermissionMismatch|not authorized to perform this operation using this permission",
        "data",
        "The run identity signed in, and has no data role or ACL for this. " + _NEW_GRANT,
        _ROLE.format(who="<run identity>") + " --role 'Storage Blob Data Reader' (to write: "
        "'Storage Blob Data Contributor') --scope <container>",
    ),
    Row(
        r"AuthorizationFailure|not authorized to perform this operation\.",
        "data",
        "The storage account's firewall, or its switched-off public access, refuses this network.",
        "az storage account show --name <account> --query '[publicNetworkAccess,networkRuleSet]'",
    ),
    Row(
        r"InvalidAuthenticationInfo",
        "data",
        "The bearer token has the wrong audience or issuer for storage.",
        "Ask for a token of https://storage.azure.com/.default in the job's code.",
    ),
    Row(
        r"Identity authentication failed for '\w+ \w+' operation at '(?P<url>[^']+)'",
        "data",
        "The identity that mounts {url} has neither 'Storage Blob Data Reader' nor 'Owner' there.",
        _ROLE.format(who="<run identity>") + " --role 'Storage Blob Data Reader' --scope <container>",
    ),
    Row(
        r"value of Authorization header is formed correctly|AuthenticationFailed.*Authorization header",
        "data",
        "The datastore's key or SAS is stale: it was rotated, or has expired.",
        "az ml datastore create --file <with the new key>; az ml workspace sync-keys --name <workspace>",
    ),
    Row(
        r"ScriptExecution\.WriteStreams\.Authentication|Permission denied while trying to write",
        "data",
        "The run identity may not write the output's place (an output without a path goes to the "
        "workspace's default datastore). " + _NEW_GRANT,
        "Write where the job may, or, if it is meant to write there: "
        + _ROLE.format(who="<run identity>")
        + " --role 'Storage Blob Data Contributor' --scope <container>",
    ),
    Row(
        r"ScriptExecution\.StreamAccess\.NotFound",
        "data",
        "The path does not exist, or an ACL hides it (a missing 'x' on a folder above reads as not found).",
        "az storage fs access show --account-name <account> --file-system <container> --path <path>",
    ),
    Row(
        r"ScriptExecution\.StreamAccess\.Authentication|[Pp]ermission denied when access stream"
        r"|(Stream|Destination|DataAccess)Error\(PermissionDenied|Permission denied on storage mount",
        "data",
        "The run identity may not read an input. " + _NEW_GRANT,
        _ROLE.format(who="<run identity>") + " --role 'Storage Blob Data Reader' --scope <container>",
    ),
    Row(
        r"Read-only file system",
        "data",
        "The job wrote into an input, which is mounted read-only; no role changes that.",
        "Declare an output with mode rw_mount, and write there.",
    ),
    Row(
        r"don't have permission to alter this storage account|StorageAuthError",
        "data",
        "The submitter may not upload the code folder: a missing role, or the storage account's firewall.",
        _ROLE.format(who="<submitter>") + " --role 'Storage Blob Data Contributor' --scope <account>",
    ),
    Row(
        r"(?:ForbiddenByRbac|Caller is not authorized to perform action on resource)"
        r"(?:.*?oid=(?P<who>[^;]+);.*?Action: '(?P<action>[^']+)'.*?Resource: '(?P<scope>[^']+)')?",
        "vault",
        "The identity {who} has no role on the Key Vault that allows {action}, or the secret's name is wrong "
        "(Azure answers both alike).",
        "To read (to write, the role is 'Key Vault Secrets Officer'): "
        + _ROLE
        + " --role 'Key Vault Secrets User' --scope {scope}",
    ),
    Row(
        r"does not have secrets (?P<action>\w+) permission",
        "vault",
        "The Key Vault uses access policies, where role assignments count for nothing; {action} is missing.",
        "az keyvault set-policy --name <vault> --object-id <identity> --secret-permissions {action}",
    ),
    Row(
        r"ForbiddenByFirewall|Client address is not authorized",
        "vault",
        "The Key Vault's firewall refuses this network.",
        "az keyvault show --name <vault> --query properties.networkAcls",
    ),
    Row(
        r"disabled secret|SecretDisabled",
        "vault",
        "The version of the Key Vault secret is disabled.",
        "az keyvault secret set-attributes --vault-name <vault> --name <name> --enabled true",
    ),
    Row(
        r"Authorization_RequestDenied",
        "Entra",
        "The identity lacks a role of Microsoft Graph.",
        "Grant the app role Application.ReadWrite.OwnedBy, and make the identity owner of the application: "
        "az ad app owner add --id <client id> --owner-object-id <identity>",
    ),
    Row(
        r"unauthorized: authentication required|pull access denied|Failed to pull Docker image",
        "ARM",
        "The compute's identity may not pull the image.",
        _ROLE.format(who="<compute identity>") + " --role AcrPull --scope <registry>",
    ),
    Row(
        r"AuthorizationFailed",
        "ARM",
        "The submitter lacks a role. " + _NEW_GRANT,
        _ROLE.format(who="<submitter>")
        + " --role '<a role with the action named above>' --scope <workspace>",
    ),
)
