# SPDX-License-Identifier: Apache-2.0
"""Real texts of refusals (public issues, documentation) and what they must be taken for; and near misses of each."""

from __future__ import annotations

ARM = (
    "AuthorizationFailed: The client 'c' with object id 'o-1' does not have authorization to perform action "
    "'Microsoft.MachineLearningServices/workspaces/jobs/write' over scope '/subscriptions/s/x' or the scope is "
    "invalid. If access was recently granted, please refresh your credentials."
)
NO_WORKSPACE_ROLE = (
    "403 AuthorizationFailed: The client 'c' with object id 'o-1' does not have authorization to perform action "
    "'Microsoft.MachineLearningServices/workspaces/environments/versions/write' over scope "
    "'/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w/environments/e/"
    "versions/1' or the scope is invalid."
)
LINKED = (
    "403 LinkedAuthorizationFailed: The client 'c' with object id 'o-1' has permission to perform action "
    "'Microsoft.MachineLearningServices/workspaces/jobs/write' on scope '/subscriptions/s/w'; however, it does not "
    "have permission to perform action(s) 'Microsoft.ManagedIdentity/userAssignedIdentities/assign/action' on the "
    "linked scope(s) '/subscriptions/s/run-prep' (respectively) or the linked scope(s) are invalid."
)
VAULT = (
    "403 Forbidden: Caller is not authorized to perform action on resource. Caller: appid=a-1;oid=o-1;iss=i "
    "Action: 'Microsoft.KeyVault/vaults/secrets/getSecret/action' "
    "Resource: '/subscriptions/s/resourcegroups/g/providers/microsoft.keyvault/vaults/v/secrets/n'"
)
DETACHED = "400 UserError: The managed identity 'id-1' is not assigned to workspace nightly. Assign it."
MOUNT = (
    "Failed to mount URI azureml://datastores/raw/paths/x at mount point INPUT_data\n"
    "Error Code: ScriptExecution.StreamAccess.Authentication\n"
    "StreamError(PermissionDenied(Some(This request is not authorized to perform this operation using this "
    "permission.)))"
)
SAMPLES = [
    (f"Permission denied on storage mount. {MOUNT}", "data", "not always the one that submits"),
    ("AADSTS7000222: The provided client secret keys are expired", "Entra", "expired"),
    ("AADSTS7000215: Invalid client secret provided", "Entra", "wrong"),
    ("AADSTS700016: Application with identifier 'app-1' was not found", "Entra", "app-1"),
    ("AADSTS700213: No matching federated identity record found", "Entra", "federated credential"),
    ("AADSTS7002138: case", "Entra", "federated credential"),
    ("AADSTS700024: Client assertion is not within its valid time range", "Entra", "time range"),
    ("AADSTS700027: signature", "Entra", "signature"),
    ("AADSTS90002: Tenant not found", "Entra", "not known to this cloud"),
    ("AADSTS53003: blocked", "Entra", "Conditional Access"),
    (
        "Authentication failed: Unable to get authority configuration for x",
        "Entra",
        "not known to this cloud",
    ),
    (DETACHED, "ARM", "not attached to workspace nightly"),
    (
        "Could not find datastore rawx in workspace nightly. (DatastoreNotFound)",
        "data",
        "names datastore rawx",
    ),
    ("Multiple user assigned identities exist, please specify", "Entra", "several"),
    ("Identity not found", "Entra", "not attached"),
    ("InvalidAuthenticationTokenTenant", "Entra", "another tenant"),
    ("LinkedAuthorizationFailed: ... action on linked scope(s)", "ARM", "links to"),
    (LINKED, "ARM", "may not use what the job links to"),
    (ARM, "ARM", "workspaces/jobs/write"),
    (NO_WORKSPACE_ROLE, "ARM", "no role on workspace w that allows"),
    ("AuthorizationFailed: no more was said", "ARM", "lacks a role"),
    ("KeyBasedAuthenticationNotPermitted", "data", "refuses keys"),
    (MOUNT, "data", "no data role"),
    ("403 AuthorizationPermissionMismatch", "data", "no data role"),
    ("AuthorizationFailure: This request is not authorized to perform this operation.", "data", "firewall"),
    ("InvalidAuthenticationInfo: Issuer validation failed", "data", "audience"),
    (
        "Identity authentication failed for 'AzureBlob GetReference' operation at 'https://a/b'",
        "data",
        "https://a/b",
    ),
    ("Make sure the value of Authorization header is formed correctly", "data", "stale"),
    ("ScriptExecution.WriteStreams.Authentication", "data", "may not write"),
    ("DestinationError(PermissionDenied(None))", "data", "may not read"),
    ("ScriptExecution.StreamAccess.NotFound", "data", "hides it"),
    ("OSError: [Errno 30] Read-only file system: 'x'", "data", "read-only"),
    ("You don't have permission to alter this storage account", "data", "upload"),
    ("ForbiddenByRbac", "vault", "no role on the Key Vault"),
    (
        VAULT,
        "vault",
        "o-1 has no role on the Key Vault that allows Microsoft.KeyVault/vaults/secrets/getSecret",
    ),
    ("The user does not have secrets get permission on key vault", "vault", "access policies"),
    ("Client address is not authorized and caller is not a trusted service", "vault", "firewall"),
    ("Operation get is not allowed on a disabled secret", "vault", "disabled"),
    ("Authorization_RequestDenied: Insufficient privileges", "Entra", "Graph"),
    ("Failed to pull Docker image x", "ARM", "pull the image"),
    (
        "AADSTS7000114: Application is not allowed to make application on-behalf-of calls",
        "Entra",
        "user_identity",
    ),
    ("An error occurred (OutboundWebIdentityFederationDisabledException) when calling", "Entra", "AWS"),
    ("401 ExpiredAuthenticationToken: The access token expiry UTC time is earlier", "Entra", "has expired"),
    (
        "403 AuthorizationFailed: ... but the ABAC condition that is not fulfilled",
        "ARM",
        "may not assign roles",
    ),
    (
        "403 AuthorizationFailed: The client 'c' with object id 'o' does not have authorization to perform "
        "action 'Microsoft.Authorization/roleAssignments/write' over scope "
        "'/subscriptions/s/providers/Microsoft.Authorization/roleAssignments/n' or the scope is invalid.",
        "ARM",
        "may not assign roles",
    ),
    ("409 RoleAssignmentExists: The role assignment already exists.", "ARM", "exists already"),
    (
        "Error Code: AzureIdentityAccessTokenResolution.NetworkIsolationViolated",
        "data",
        "NetworkIsolationViolated",
    ),
]
NEAR_MISSES = {
    1: "AADSTS700022: The provided request must include a 'resource' parameter",
    2: "AADSTS700021: Client assertion application identifier doesn't match",
    3: "AADSTS70016: OAuth 2.0 device flow error. Authorization is pending.",
    4: "AADSTS7002131: something else",
    5: "AADSTS70002: Error validating credentials",
    6: "AADSTS500131: Assertion audience does not match the Client app",
    7: "AADSTS900021: Requested tenant identifier is not valid",
    8: "AADSTS53000: Device is not in required device state",
    9: "AADSTS700011: Application not found in directory",
    10: "The user assigned identities of this host were listed",
    11: "The identity was found, and its token as well",
    12: "sts:AssumeRoleWithWebIdentity was refused",
    13: "InvalidAuthenticationToken: The access token is invalid",
    14: "TokenCreatedInFuture",
    15: "AuthorizationFailed: the scope is invalid",
    16: "The condition of the role assignment was fulfilled",
    17: "AuthorizationDone: performed action 'x' over scope 'y'",
    18: "RoleAssignmentNotFound",
    19: "Key based access was used",
    20: "This request is not authorized to perform this operation.",
    21: "This request is not authorized to perform this operation using this permission.",
    22: "InvalidAuthentication",
    23: "AzureIdentityAccessTokenResolution.Timeout",
    24: "Identity authentication succeeded for 'AzureBlob GetReference' operation at 'https://a/b'",
    25: "The Authorization header was formed correctly",
    26: "ScriptExecution.WriteStreams.NotFound",
    27: "ScriptExecution.StreamAccess.Validation",
    28: "StreamError(NotFound)",
    29: "The file is read-only",
    30: "You have permission to alter this storage account",
    31: "Caller is authorized to perform action on resource",
    32: "The user has secrets get permission on key vault",
    33: "Client address is authorized",
    34: "Operation get is allowed on an enabled secret",
    35: "Authorization_Granted",
    36: "pull access granted",
    37: "managed identity 'id-1' is assigned to workspace nightly",
    38: "Could not open datastore rawx in workspace nightly",
}
