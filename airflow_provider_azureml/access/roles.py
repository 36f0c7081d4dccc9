# SPDX-License-Identifier: Apache-2.0
"""Roles, as data: Azure's own as documented, ours as this package exports them, and which work needs which.

Source of the built-in ones: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles. Ours
are for work that no built-in role fits: AzureML Data Scientist can list the keys of the workspace's storage.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from airflow_provider_azureml.access.evaluate import Grant, Need, evaluate
from airflow_provider_azureml.rest.authorization import Permission

ML = "Microsoft.MachineLearningServices/workspaces"
STORAGE = "Microsoft.Storage/storageAccounts"
CONTAINERS = f"{STORAGE}/blobServices/containers"
BLOBS = f"{CONTAINERS}/blobs"
DELEGATION = f"{STORAGE}/blobServices/generateUserDelegationKey/action"
SECRETS = "Microsoft.KeyVault/vaults/secrets"
ASSIGN = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action"


@dataclass(frozen=True)
class Role:
    """A role definition.

    :param guid: of a built-in role; empty for one of ours, which gets another in each tenant.
    """

    name: str
    guid: str
    description: str
    permissions: tuple[Permission, ...]

    @property
    def is_built_in(self) -> bool:
        """Whether Azure has it in every tenant."""
        return bool(self.guid)


def _below(prefix: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{prefix}/{name}" for name in names)


def _role(
    name: str,
    guid: str,
    description: str,
    actions: tuple[str, ...] = (),
    data: tuple[str, ...] = (),
    without: tuple[str, ...] = (),
) -> Role:
    return Role(name, guid, description, (Permission(actions, without, data),))


_USUAL = (
    "Microsoft.Authorization/*/read",
    "Microsoft.Insights/alertRules/*",
    "Microsoft.Resources/deployments/*",
    "Microsoft.Resources/subscriptions/resourceGroups/read",
    "Microsoft.Support/*",
)
_VAULT = (
    *_USUAL,
    *_below("Microsoft.KeyVault", "checkNameAvailability/read", "deletedVaults/read", "locations/*/read"),
    *_below("Microsoft.KeyVault", "vaults/*/read", "operations/read"),
)

_OURS = (
    _role(
        "AML Job Submitter",
        "",
        "Submit, watch and cancel jobs, with their code and environment. No keys, no data.",
        _below(
            ML,
            *("read", "jobs/read", "jobs/write", "jobs/cancel/action"),
            *("codes/read", "codes/write", "codes/versions/read", "codes/versions/write"),
            *("environments/read", "environments/write"),
            *("environments/versions/read", "environments/versions/write", "environments/build/action"),
            *("computes/read", "datastores/read", "data/versions/read"),
            *("experiments/runs/read", "experiments/runs/write", "metadata/artifacts/read"),
        ),
    ),
    _role(
        "AML Model Registrar",
        "",
        "Read a job's outcome and register models.",
        _below(
            ML,
            *("read", "jobs/read", "experiments/runs/read"),
            *("models/read", "models/write", "models/versions/read", "models/versions/write"),
        ),
    ),
    _role(
        "Key Vault Secret Rotator",
        "",
        "Publish new versions of a secret and disable old ones. No deleting, no purging.",
        data=_below(SECRETS, "getSecret/action", "readMetadata/action", "setSecret/action", "update/action"),
    ),
)
_DATA = (
    _role(
        "Storage Blob Data Reader",
        "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
        "Read blobs, files and their lists.",
        (f"{CONTAINERS}/read", DELEGATION),
        (f"{BLOBS}/read",),
    ),
    _role(
        "Storage Blob Data Contributor",
        "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
        "Read, write and delete containers, blobs and files.",
        (*_below(CONTAINERS, "delete", "read", "write"), DELEGATION),
        _below(BLOBS, "delete", "read", "write", "move/action", "add/action"),
    ),
    _role(
        "Storage Blob Data Owner",
        "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
        "The same, and set owners and ACLs.",
        (f"{CONTAINERS}/*", DELEGATION),
        (f"{BLOBS}/*",),
    ),
    _role(
        "Storage Blob Delegator",
        "db58b8e5-c6ad-4a2a-8342-4190687cbf4a",
        "Get a user delegation key, which signs SAS tokens.",
        (DELEGATION,),
    ),
    _role(
        "Key Vault Secrets User",
        "4633458b-17de-408a-b874-0445c86b69e6",
        "Read the contents of secrets.",
        data=_below(SECRETS, "getSecret/action", "readMetadata/action"),
    ),
    _role(
        "Key Vault Secrets Officer",
        "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
        "Any action on secrets, purging included, except permissions.",
        _VAULT,
        (f"{SECRETS}/*",),
    ),
    _role(
        "Monitoring Metrics Publisher",
        "3913510d-42f4-4e42-8a64-420c390055eb",
        "Send metrics and telemetry.",
        ("Microsoft.Insights/Register/Action", "Microsoft.Support/*", _USUAL[3]),
        _below("Microsoft.Insights", "Metrics/Write", "Telemetry/Write"),
    ),
    _role(
        "AcrPull",
        "7f951dda-4ed3-4680-a7ca-43fe172d538d",
        "Pull images; counts for nothing on a registry in ABAC mode.",
        ("Microsoft.ContainerRegistry/registries/pull/read",),
    ),
)
_CONTROL = (
    _role(
        "Managed Identity Operator",
        "f1a07417-d97a-45cb-824c-7a7467783830",
        "Read and assign user-assigned identities.",
        (*_below("Microsoft.ManagedIdentity/userAssignedIdentities", "*/read", "*/assign/action"), *_USUAL),
    ),
    _role(
        "AzureML Compute Operator",
        "e503ece1-11d0-4e8e-8e2c-7a6c3bf38815",
        "Make, change and delete compute targets.",
        _below(ML, "computes/*", "notebooks/vm/*"),
    ),
    _role(
        "AzureML Data Scientist",
        "f6c7c914-8db3-469d-8ca1-694a8f32e121",
        "All actions in a workspace, but on compute and the workspace itself. Can list storage keys.",
        _below(ML, "*/read", "*/action", "*/delete", "*/write"),
        without=_below(
            ML,
            *("delete", "write", "computes/*/write", "computes/*/delete"),
            *("computes/listKeys/action", "listKeys/action"),
            *("hubs/write", "hubs/delete", "featurestores/write", "featurestores/delete"),
        ),
    ),
    _role(
        "Storage Account Key Operator Service Role",
        "81a9662b-bebf-436f-a333-f67b29880f12",
        "List and regenerate keys of storage accounts.",
        _below(STORAGE, "listkeys/action", "regeneratekey/action"),
    ),
    _role(
        "Log Analytics Reader",
        "73c42c96-874c-492b-b04d-ab87d138a893",
        "Read and query all monitoring data.",
        (
            "*/read",
            *_below("Microsoft.OperationalInsights/workspaces", "analytics/query/action", "search/action"),
            "Microsoft.Support/*",
        ),
        without=("Microsoft.OperationalInsights/workspaces/sharedKeys/read",),
    ),
    _role("Reader", "acdd72a7-3385-48ef-bd42-f606fba81ae7", "Read everything but data.", ("*/read",)),
    _role(
        "Role Based Access Control Administrator",
        "f58310d9-a9f6-439a-9e8d-f62e7b41a168",
        "Assign roles; with a condition, only some to some.",
        (
            *_below("Microsoft.Authorization/roleAssignments", "write", "delete"),
            "*/read",
            "Microsoft.Support/*",
        ),
    ),
    _role(
        "User Access Administrator",
        "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",
        "Manage all access.",
        ("*/read", "Microsoft.Authorization/*", "Microsoft.Support/*"),
    ),
    _role(
        "Contributor",
        "b24988ac-6180-42a0-ab88-20f7382dd24c",
        "Manage everything but access.",
        ("*",),
        without=(
            *_below("Microsoft.Authorization", "*/Delete", "*/Write", "elevateAccess/Action"),
            *_below("Microsoft.Blueprint/blueprintAssignments", "write", "delete"),
            "Microsoft.Compute/galleries/share/action",
            *_below("Microsoft.Purview/consents", "write", "delete"),
            "Microsoft.Resources/deploymentStacks/manageDenySetting/action",
            *_below("Microsoft.Subscription", "cancel/action", "enable/action"),
        ),
    ),
    _role("Owner", "8e3af657-a8ff-443c-a75c-2fe8c4bcb635", "Manage everything.", ("*",)),
)
ROLES: dict[str, Role] = {role.name: role for role in (*_OURS, *_DATA, *_CONTROL)}
"""All roles that this package knows, the narrowest of each kind first."""
CUSTOM: tuple[Role, ...] = _OURS
"""Ours: to be made in a tenant before they can be assigned."""


@dataclass(frozen=True)
class Work:
    """One kind of work: the actions that it asks for, and the least role that allows them all.

    :param role: a name of `ROLES`; empty where no role of ARM gives it.
    """

    what: str
    actions: tuple[str, ...]
    data_actions: tuple[str, ...]
    role: str

    def needs(self, scope: str) -> Iterator[Need]:
        """Its actions at a scope."""
        for action in self.actions:
            yield Need(action, scope)
        for action in self.data_actions:
            yield Need(action, scope, data=True)


_READ, _WRITE = _below(BLOBS, "read"), _below(BLOBS, "read", "write", "add/action", "delete", "move/action")
WORK: tuple[Work, ...] = (
    Work(
        "submit a job",
        _below(
            ML,
            *("read", "jobs/read", "jobs/write", "computes/read", "datastores/read", "data/versions/read"),
            *("codes/versions/read", "codes/versions/write"),
            *("environments/versions/read", "environments/versions/write"),
        ),
        (),
        "AML Job Submitter",
    ),
    Work("cancel a job", _below(ML, "jobs/read", "jobs/cancel/action"), (), "AML Job Submitter"),
    Work(
        "read a job and its logs",
        _below(ML, "jobs/read", "experiments/runs/read", "metadata/artifacts/read"),
        (),
        "AML Job Submitter",
    ),
    Work(
        "register a model",
        _below(ML, "models/versions/read", "models/versions/write"),
        (),
        "AML Model Registrar",
    ),
    Work("run a job as a managed identity", (ASSIGN,), (), "Managed Identity Operator"),
    Work(
        "make or change compute",
        _below(ML, "computes/read", "computes/write"),
        (),
        "AzureML Compute Operator",
    ),
    Work("read data", (), _READ, "Storage Blob Data Reader"),
    Work("write data", (), _WRITE, "Storage Blob Data Contributor"),
    Work("set an ACL", (), _below(BLOBS, "runAsSuperUser/action"), "Storage Blob Data Owner"),
    Work("sign a SAS", (DELEGATION,), (), "Storage Blob Delegator"),
    Work(
        "read a secret",
        (),
        _below(SECRETS, "getSecret/action", "readMetadata/action"),
        "Key Vault Secrets User",
    ),
    Work(
        "rotate a secret",
        (),
        _below(SECRETS, "readMetadata/action", "setSecret/action", "update/action"),
        "Key Vault Secret Rotator",
    ),
    Work(
        "rotate a storage key",
        _below(STORAGE, "listKeys/action", "regenerateKey/action"),
        (),
        "Storage Account Key Operator Service Role",
    ),
    Work(
        "assign a role",
        _below("Microsoft.Authorization/roleAssignments", "write", "delete"),
        (),
        "Role Based Access Control Administrator",
    ),
    Work(
        "read who may do what",
        _below(
            "Microsoft.Authorization",
            *("roleAssignments/read", "roleDefinitions/read", "denyAssignments/read"),
        ),
        (),
        "Reader",
    ),
    Work("pull an image", ("Microsoft.ContainerRegistry/registries/pull/read",), (), "AcrPull"),
    Work("send audit records", (), ("Microsoft.Insights/Telemetry/Write",), "Monitoring Metrics Publisher"),
)


def allows(role: Role, action: str, data: bool = False) -> bool:
    """Whether a role allows an action, in both readings of its wildcards."""
    grant = Grant("", "", role.guid, role.name, "/", role.permissions)
    return evaluate(Need(action, "/subscriptions/any", data), [grant]).verdict == "ALLOWED"


def least_role(action: str, data: bool = False) -> str:
    """Name of the narrowest known role that allows an action; empty when none is known to.

    The role of the work that needs this action and little else; without such work, the first that allows it.
    """
    wanted = action.lower()
    works = [work for work in WORK if wanted in map(str.lower, work.data_actions if data else work.actions)]
    for work in sorted(works, key=lambda work: len(work.actions) + len(work.data_actions)):
        return work.role
    return next((name for name, role in ROLES.items() if allows(role, action, data)), "")
