# SPDX-License-Identifier: Apache-2.0
"""Refusals of the lake, of the mounts of a job, and of Key Vault."""

from __future__ import annotations

from airflow_provider_azureml.access.refusal import NEW_GRANT, ROLE, Row

_RUN = ROLE.format(who="<run identity>")
_READ = _RUN + " --role 'Storage Blob Data Reader' --scope <container>"
_WRITE = _RUN + " --role 'Storage Blob Data Contributor' --scope <container>"
_IDENTITY_BASED = (
    "az rest --method put --url <datastore url> --body <the datastore with credentialsType None>"
)

ROWS: tuple[Row, ...] = (
    Row(
        28,
        r"Permission denied on storage mount",
        "data",
        "The identity that mounts (not always the one that submits) may not read an input, or the storage "
        "account refuses the way in which it asks. " + NEW_GRANT,
        "who mounts; its roles, their conditions, the ACL; firewall and key mode of the account",
        _READ,
    ),
    Row(
        19,
        r"KeyBasedAuthenticationNotPermitted|Key based authentication is not permitted",
        "data",
        "The storage account refuses keys, and the datastore has nothing else.",
        "allowSharedKeyAccess of the account, credentialsType of the datastore",
        _IDENTITY_BASED,
    ),
    Row(
        23,
        r"AzureIdentityAccessTokenResolution\.(?P<what>FirewallSettingsResolutionFailure"
        r"|PrivateEndpointResolutionFailure|NetworkIsolationViolated|InvalidResource)",
        "data",
        "Azure ML could not judge the way to the storage account ({what}): its firewall cannot be read or "
        "refuses, it has a private endpoint that this session does not use, or the datastore names a wrong "
        "subscription or resource group.",
        "subscription and group of the datastore; Reader on account and private endpoint",
        "az storage account show --ids <account> --query '[publicNetworkAccess,networkRuleSet]'",
    ),
    Row(
        26,
        r"ScriptExecution\.WriteStreams\.Authentication|Permission denied while trying to write",
        "data",
        "The run identity may not write the output's place (an output without a path goes to the "
        "workspace's default datastore). " + NEW_GRANT,
        "path of the output, roles of the run identity there",
        _WRITE,
    ),
    Row(
        27,
        r"ScriptExecution\.StreamAccess\.NotFound",
        "data",
        "The path does not exist, or an ACL hides it (a missing 'x' on a folder above reads as not found).",
        "the path, as somebody who may see it; the ACLs of the folders above",
        "az storage fs access show --account-name <account name> --file-system <file system> --path <path> "
        "--auth-mode login",
    ),
    Row(
        20,
        r"AuthorizationPermissionMismatch|not authorized to perform this operation using this permission",
        "data",
        "The run identity signed in, and has no data role or ACL for this. " + NEW_GRANT,
        "its roles, their conditions, and the ACL",
        _READ,
    ),
    Row(
        21,
        r"AuthorizationFailure|not authorized to perform this operation\.",
        "data",
        "The storage account's firewall, or its switched-off public access, refuses this network.",
        "publicNetworkAccess and networkAcls of the account",
        "az storage account show --ids <account> --query '[publicNetworkAccess,networkRuleSet]'",
    ),
    Row(
        22,
        r"InvalidAuthenticationInfo",
        "data",
        "The bearer token has the wrong audience or issuer for storage.",
        "aud and iss of the token",
        "Ask for a token of https://storage.azure.com/.default in the job's code.",
    ),
    Row(
        24,
        r"Identity authentication failed for '\w+ \w+' operation at '(?P<url>[^']+)'",
        "data",
        "The identity that mounts {url} has neither 'Storage Blob Data Reader' nor 'Owner' there.",
        "who mounts, and its roles on that account",
        _READ,
    ),
    Row(
        25,
        r"value of Authorization header is formed correctly|AuthenticationFailed.*Authorization header",
        "data",
        "The datastore's key or SAS is stale: it was rotated, or has expired.",
        "age of the account's keys, `se` of the SAS",
        _IDENTITY_BASED,
    ),
    Row(
        28,
        r"ScriptExecution\.StreamAccess\.Authentication|[Pp]ermission denied when access stream"
        r"|(?:Stream|Destination|DataAccess)Error\(PermissionDenied",
        "data",
        "The run identity may not read an input. " + NEW_GRANT,
        "who mounts; its roles, their conditions, the ACL; firewall and key mode of the account",
        _READ,
    ),
    Row(
        29,
        r"Read-only file system",
        "data",
        "The job wrote into an input, which is mounted read-only; no role changes that.",
        "mode of the input",
        "Declare an output with mode rw_mount, and write there.",
    ),
    Row(
        30,
        r"don't have permission to alter this storage account|StorageAuthError",
        "data",
        "The submitter may not upload the code folder: a missing role, or the storage account's firewall.",
        "the submitter's roles on the workspace's storage account, and its firewall",
        ROLE.format(who="<submitter>") + " --role 'Storage Blob Data Contributor' --scope <account>",
    ),
    Row(
        31,
        r"(?:ForbiddenByRbac|Caller is not authorized to perform action on resource)"
        r"(?:.*?oid=(?P<who>[^;]+);.*?Action: '(?P<action>[^']+)'.*?Resource: '(?P<scope>[^']+)')?",
        "vault",
        "The identity {who} has no role on the Key Vault that allows {action}, or the secret's name is wrong "
        "(Azure answers both alike).",
        "the identity's roles on the secret",
        ROLE + " --role '{role}' --scope {scope}",
    ),
    Row(
        32,
        r"(?:oid=(?P<who>[^;']+).*?)?does not have secrets (?P<action>\w+) permission"
        r"(?:.*?key vault '(?P<vault>[^;']+))?",
        "vault",
        "The Key Vault uses access policies, where role assignments count for nothing; {action} is missing.",
        "enableRbacAuthorization of the vault",
        "az keyvault set-policy --name {vault} --object-id {who} --secret-permissions {action}",
    ),
    Row(
        33,
        r"ForbiddenByFirewall|Client address is not authorized",
        "vault",
        "The Key Vault's firewall refuses this network.",
        "networkAcls of the vault",
        "az keyvault show --name <vault> --query properties.networkAcls",
    ),
    Row(
        34,
        r"disabled secret|SecretDisabled",
        "vault",
        "The latest version of the Key Vault secret is disabled.",
        "enabled of its versions",
        "az keyvault secret set-attributes --vault-name <vault> --name <secret> --enabled true",
    ),
)
