# SPDX-License-Identifier: Apache-2.0
"""Real texts of refusals (public issues, documentation) and what they must be taken for."""

from __future__ import annotations

import pytest

from airflow_provider_azureml.access.diagnose import Finding, diagnose

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
]


@pytest.mark.parametrize("text, plane, cause", SAMPLES, ids=[sample[0][:40] for sample in SAMPLES])
def test_a_refusal_is_taken_for_what_it_is(text: str, plane: str, cause: str) -> None:
    finding = diagnose(text)
    assert finding is not None
    assert finding.plane == plane
    assert cause in finding.cause
    assert finding.mend


def test_a_text_that_is_not_known_is_left_alone() -> None:
    text = "Execution failed. User process 'python' exited with status code 2."
    assert diagnose(text) is None


def test_a_finding_stands_below_the_text_that_it_explains() -> None:
    shown = Finding("nobody let it in", "data", "open the door").beside("403")
    assert shown == "403\n\nWhy (data plane): nobody let it in\nMend: open the door"


def test_the_mend_names_who_what_and_where_when_the_text_does() -> None:
    finding = diagnose(ARM)
    assert finding is not None
    assert "--assignee o-1" in finding.mend
    assert "--scope /subscriptions/s/x" in finding.mend


@pytest.mark.parametrize(
    "text, end",
    [
        (
            NO_WORKSPACE_ROLE,
            "--scope /subscriptions/s/resourceGroups/g/providers/"
            "Microsoft.MachineLearningServices/workspaces/w",
        ),
        (LINKED, "--assignee o-1 --role 'Managed Identity Operator' --scope /subscriptions/s/run-prep"),
        (VAULT, "--scope /subscriptions/s/resourcegroups/g/providers/microsoft.keyvault/vaults/v/secrets/n"),
    ],
)
def test_the_mend_grants_where_a_grant_belongs(text: str, end: str) -> None:
    finding = diagnose(text)
    assert finding is not None
    assert finding.mend.endswith(end)


def test_the_mend_names_the_run_identity_and_the_datastore() -> None:
    finding = diagnose(MOUNT, run_identity="id-1")
    assert finding is not None
    assert "--assignee id-1" in finding.mend
    assert "datastore raw" in finding.mend


def test_the_mend_is_a_whole_command_when_the_workspace_knows_the_container() -> None:
    finding = diagnose(MOUNT, run_identity="id-1", scope_of=lambda datastore: f"/scope/of/{datastore}")
    assert finding is not None
    assert "--scope /scope/of/raw" in finding.mend
    assert "<" not in finding.mend


def test_nobody_is_asked_for_a_container_that_the_mend_does_not_want() -> None:
    asked: list[str] = []
    diagnose("AADSTS7000222 azureml://datastores/raw/paths/x", scope_of=lambda name: asked.append(name) or "")  # type: ignore[func-returns-value]
    assert asked == []


def test_no_braces_are_left_in_any_finding() -> None:
    for text, _, _ in SAMPLES:
        finding = diagnose(text)
        assert finding is not None
        assert "{" not in finding.cause + finding.mend
