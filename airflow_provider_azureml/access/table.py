# SPDX-License-Identifier: Apache-2.0
"""What refusals mean, as data: ordered, the first match wins.

Texts are from public issues and documentation of Azure; Microsoft warns that texts of AADSTS errors
change, so the raw text is always shown beside a finding. Named groups of a pattern may stand in cause and
mend. A mend is a command; `<...>` in it is a blank that whoever knows more fills in (`diagnose.Known`).
"""

from __future__ import annotations

from airflow_provider_azureml.access import refusal_data, refusal_sign_in
from airflow_provider_azureml.access.refusal import NEW_GRANT, ROLE, Row

_ROLE_OF = "--role '{role}' --scope {scope}"
_AT_ARM: tuple[Row, ...] = (
    Row(
        37,
        r"managed identity '(?P<app>[^']+)' is not assigned to (?P<where>(?:workspace|compute) [\w-]+)",
        "ARM",
        "The job is to run as managed identity {app}, which is not attached to {where}.",
        "the identities of workspace and compute",
        "az rest --method patch --url <workspace url> --body <the workspace's identities and the new one>",
    ),
    Row(
        38,
        r"(?:Could not find|its datastore was not found \(.*?) ?datastore '?(?P<store>\w+)'?"
        r"(?: in workspace (?P<workspace>[\w-]+))?",
        "data",
        "An input or output of the job names datastore {store}, which the workspace does not have.",
        "the workspace's datastores",
        "Correct the name in the job's definition: az ml datastore list --workspace-name {workspace} "
        "--resource-group <group> --query '[].name'",
    ),
    Row(
        15,
        r"LinkedAuthorizationFailed(?:.*?object id '(?P<who>[^']+)'.*?linked scope\(s\) '(?P<scope>[^']+)')?"
        r"|linked scope\(s\) are invalid",
        "ARM",
        "The submitter {who} may submit, but may not use what the job links to (an identity, a subnet): {scope}.",
        "the submitter's roles on what is linked",
        ROLE + " --role 'Managed Identity Operator' --scope {scope}",
    ),
    Row(
        16,
        r"ABAC condition (?:that is )?not fulfilled|AuthorizationFailed.*?object id '(?P<who>[^']+)'.*?action "
        r"'Microsoft\.Authorization/roleAssignments/(?:write|delete)' over scope '(?P<scope>[^']*?)/providers/"
        r"Microsoft\.Authorization/",
        "ARM",
        "The identity may not assign roles here, or the condition of its own role refuses this role or this "
        "principal (Azure answers both alike).",
        "the broker's role assignment at the scope, then its condition",
        "az role assignment list --assignee {who} --scope {scope} --include-inherited --query "
        "'[].[roleDefinitionName,scope,condition]'",
    ),
    Row(
        17,
        r"AuthorizationFailed.*?(?:object id '(?P<who>[^']+)'.*?)?action '(?P<action>[^']+)' over scope "
        r"'(?P<scope>[^']*?/workspaces/(?P<workspace>[^/']+))",
        "ARM",
        "The submitter {who} has no role on workspace {workspace} that allows {action}, or there is no "
        "workspace of this name (Azure answers both alike). " + NEW_GRANT,
        "the caller's own permissions on the workspace",
        ROLE + " " + _ROLE_OF,
    ),
    Row(
        17,
        r"AuthorizationFailed.*?(?:object id '(?P<who>[^']+)'.*?)?action '(?P<action>[^']+)' over scope "
        r"'(?P<scope>[^']+)'",
        "ARM",
        "The identity {who} has no role that allows {action}. " + NEW_GRANT,
        "the identity's roles at the scope",
        ROLE + " " + _ROLE_OF,
    ),
    Row(
        18,
        r"RoleAssignment(?P<what>Exists|LimitExceeded|UpdateNotPermitted)|PrincipalNotFound",
        "ARM",
        "Azure makes no such role assignment: it exists already, the subscription has its 4000, its name is "
        "taken by another one, or the principal is too new.",
        "the assignments at the scope",
        "az role assignment list --assignee {who} --scope <scope> (a principal that is seconds old: try again "
        "with --assignee-principal-type ServicePrincipal)",
    ),
)
_LAST: tuple[Row, ...] = (
    Row(
        36,
        r"unauthorized: authentication required|pull access denied|Failed to pull Docker image",
        "ARM",
        "The compute's identity may not pull the image.",
        "its role AcrPull; the registry's roleAssignmentMode",
        ROLE.format(who="<compute identity>") + " --role AcrPull --scope <registry>",
    ),
    Row(
        17,
        r"AuthorizationFailed",
        "ARM",
        "The submitter lacks a role. " + NEW_GRANT,
        "the caller's own permissions",
        ROLE.format(who="<submitter>") + " --role '<a role with the action named above>' --scope <workspace>",
    ),
)
TABLE: tuple[Row, ...] = (*refusal_sign_in.ROWS, *_AT_ARM, *refusal_data.ROWS, *_LAST)
