# SPDX-License-Identifier: Apache-2.0
"""Conditions of Azure's documentation, each with requests and what the text says of them.

Sources, in the repository MicrosoftDocs/azure-docs: ``storage-auth-abac-examples.md`` (S) and
``delegate-role-assignments-examples.md`` (D); an example's name is its heading there.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

STORAGE = "Microsoft.Storage/storageAccounts"
CONTAINERS = f"{STORAGE}/blobServices/containers"
BLOBS = f"{CONTAINERS}/blobs"
ASSIGNMENTS = "Microsoft.Authorization/roleAssignments"

OWNER = {"dataActions": [f"{BLOBS}/*"]}
CONTRIBUTOR = {
    "dataActions": [f"{BLOBS}/{verb}" for verb in ("read", "write", "delete", "move/action", "add/action")]
}
READER = {"dataActions": [f"{BLOBS}/read"]}
VERSIONS = {"dataActions": [f"{BLOBS}/delete", f"{BLOBS}/deleteBlobVersion/action"]}
DELEGATE = {"actions": [f"{ASSIGNMENTS}/write", f"{ASSIGNMENTS}/delete", "*/read"]}

LIST, TAGGED = "Blob.List", "Blob.Write.WithTagHeaders"
READ_A_BLOB = f"!(ActionMatches{{'{BLOBS}/read'}} AND NOT SubOperationMatches{{'Blob.List'}})"
LIST_BLOBS = f"!(ActionMatches{{'{BLOBS}/read'}} AND SubOperationMatches{{'Blob.List'}})"
SUPERUSER = "runAsSuperUser/action"

NAME = f"@Resource[{CONTAINERS}:name]"
PATH = f"@Resource[{BLOBS}:path]"
PREFIX = f"@Request[{BLOBS}:prefix]"
CURRENT = f"@Resource[{BLOBS}:isCurrentVersion]"
VERSION = f"@Request[{BLOBS}:versionId]"
SNAPSHOT = f"@Request[{BLOBS}:snapshot]"
SCOPE = f"@Resource[{STORAGE}/encryptionScopes:name]"
HNS = f"@Resource[{STORAGE}:isHnsEnabled]"
ACCOUNT = f"@Resource[{STORAGE}:name]"

BACKUP = ("5e467623-bb1f-42f4-a55d-6e525e11384b", "a795c7a0-d4a2-40c1-ae25-d81f01202912")
ACR_PULL = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
PRIVILEGED = (
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
    "f58310d9-a9f6-439a-9e8d-f62e7b41a168",
    "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",
)
AKS = (
    "3498e952-d568-435e-9b2c-8d77e338d7f7",
    "b1ff04bb-8a4e-4dc4-8eb5-8693973ce19b",
    "7f6c6a51-bcf8-42ba-9220-52d62157d7db",
    "a7ffa36f-339b-4b5c-8bdf-e2c188b2c0eb",
)
MARKETING, SALES = "28c35fea-2099-4cf5-8ad9-473547bc9423", "86951b8b-723a-407b-a74a-1bca3f0c95d0"
DARA = "ea585310-c95c-4a68-af22-49af4363bbb1"


class Request(NamedTuple):
    """A request, and whether the documentation lets it through."""

    allowed: bool
    action: str
    attributes: Mapping[str, Any] = MappingProxyType({})
    sub_operation: str = ""


class Example(NamedTuple):
    source: str
    role: dict[str, list[str]]
    condition: str
    requests: list[Request]


def tag(source: str, name: str) -> str:
    return f"@{source}[{BLOBS}/tags:{name}<$key_case_sensitive$>]"


def tag_keys(source: str) -> str:
    return f"@{source}[{BLOBS}/tags&$keys$&]"


def actions(*verbs: str, sub_operation: str = "") -> list[str]:
    also = f" AND SubOperationMatches{{'{sub_operation}'}}" if sub_operation else ""
    return [f"!(ActionMatches{{'{BLOBS}/{verb}'}}{also})" for verb in verbs]


def guarded(guards: list[str], expression: str) -> str:
    """The shape that every example has: these actions, only where the expression holds."""
    joined = "\n  AND\n  ".join(guards)
    return f"(\n (\n  {joined}\n )\n OR \n (\n  {expression}\n )\n)"


def both(*conditions: str) -> str:
    return "\nAND\n".join(conditions)


def delegated(expression: str) -> str:
    """The same expression of what is written, and of what is deleted."""
    return both(
        guarded([f"!(ActionMatches{{'{ASSIGNMENTS}/write'}})"], expression.replace("@S[", "@Request[")),
        guarded([f"!(ActionMatches{{'{ASSIGNMENTS}/delete'}})"], expression.replace("@S[", "@Resource[")),
    )


def guids(operator: str, name: str, values: tuple[str, ...]) -> str:
    return f"@S[{ASSIGNMENTS}:{name}] {operator} {{{', '.join(values)}}}"


def assignment(
    allowed: bool, verb: str, role: str, principal: str = DARA, kind: str = "ServicePrincipal"
) -> Request:
    source = "Request" if verb == "write" else "Resource"
    values = {"RoleDefinitionId": role, "PrincipalId": principal, "PrincipalType": kind}
    attributes = {f"@{source}[{ASSIGNMENTS}:{name}]": value for name, value in values.items()}
    return Request(allowed, f"{ASSIGNMENTS}/{verb}", attributes)


def blob(
    allowed: bool, verb: str, *, sub: str = "", container: str = "blobs-example-container", **more: Any
) -> Request:
    spelled = {
        "path": PATH,
        "prefix": PREFIX,
        "current": CURRENT,
        "version": VERSION,
        "snapshot": SNAPSHOT,
        "scope": SCOPE,
        "hns": HNS,
        "account": ACCOUNT,
    }
    attributes = {NAME: container, **{spelled[name]: value for name, value in more.items()}}
    return Request(allowed, f"{BLOBS}/{verb}", attributes, sub)


def tagged(
    allowed: bool, verb: str, source: str, tags: dict[str, str], sub: str = "", **more: Any
) -> Request:
    plain = blob(allowed, verb, sub=sub, **more)
    found = {tag(source, name): value for name, value in tags.items()}
    keys = {tag_keys(source): tuple(tags)} if tags else {}
    return plain._replace(attributes={**plain.attributes, **found, **keys})


_PROJECT = f"{tag('Request', 'Project')} ForAllOfAnyValues:StringEquals {{'Cascade', 'Baker', 'Skagit'}}"
_NAMED = f"{NAME} StringEquals 'blobs-example-container'"
_READONLY = f"{_NAMED}\n  AND\n  {PATH} StringLike 'readonly/*'"
_BELOW = f"{_NAMED}\n  AND\n  {PATH} StringStartsWith 'readonly/'"
_LISTED = f"{_NAMED}\n  AND\n  {PREFIX} StringStartsWith 'readonly/'"
_UPLOADS = f"{NAME} StringEquals 'contosocorp'\n  AND\n  {PATH} StringLike 'uploads/contoso/*'"
_OLD = "2022-05-31T23:59:59.9999999Z"
_SPECIFIC = "2022-06-01T23:38:32.8883645Z"

EXAMPLES = [
    Example(
        "S: Read blobs with a blob index tag",
        READER,
        guarded([READ_A_BLOB], f"{tag('Resource', 'Project')} StringEquals 'Cascade'"),
        [
            tagged(True, "read", "Resource", {"Project": "Cascade"}),
            tagged(False, "read", "Resource", {"Project": "Baker"}),
            tagged(False, "read", "Resource", {"project": "Cascade"}),
            tagged(False, "read", "Resource", {}),
            blob(True, "read", sub=LIST, prefix=""),
        ],
    ),
    Example(
        "S: New blobs must include a blob index tag",
        CONTRIBUTOR,
        guarded(
            actions("write", "add/action", sub_operation=TAGGED),
            f"{tag('Request', 'Project')} StringEquals 'Cascade'",
        ),
        [
            tagged(True, "write", "Request", {"Project": "Cascade"}, TAGGED),
            tagged(True, "add/action", "Request", {"Project": "Cascade"}, TAGGED),
            tagged(False, "write", "Request", {"Project": "Baker"}, TAGGED),
            tagged(False, "add/action", "Request", {}, TAGGED),
            blob(True, "write"),
            blob(True, "delete"),
        ],
    ),
    Example(
        "S: Existing blobs must have blob index tag keys",
        OWNER,
        guarded(
            [*actions("write", sub_operation=TAGGED), *actions("tags/write")],
            f"{tag_keys('Request')} ForAllOfAnyValues:StringEquals {{'Project', 'Program'}}",
        ),
        [
            tagged(False, "write", "Request", {"Mode": "Baker"}, TAGGED),
            tagged(True, "write", "Request", {"Program": "Alpine", "Project": "Cascade"}, TAGGED),
            tagged(True, "tags/write", "Request", {"Program": "Alpine"}),
            tagged(False, "tags/write", "Request", {"Program": "Alpine", "Mode": "x"}),
        ],
    ),
    Example(
        "S: Existing blobs must have a blob index tag key and values",
        OWNER,
        guarded(
            [*actions("write", sub_operation=TAGGED), *actions("tags/write")],
            f"{tag_keys('Request')} ForAnyOfAnyValues:StringEquals {{'Project'}}\n  AND\n  {_PROJECT}",
        ),
        [
            tagged(False, "tags/write", "Request", {"Project": "Alpine"}),
            tagged(True, "tags/write", "Request", {"Project": "Cascade"}),
            tagged(True, "tags/write", "Request", {"Project": "Baker", "Other": "x"}),
            tagged(True, "write", "Request", {"Project": "Skagit"}, TAGGED),
        ],
    ),
    Example(
        "S: Read, write, or delete blobs in named containers (Storage Blob Data Owner)",
        OWNER,
        guarded(actions("delete", "read", "write", "add/action", SUPERUSER), _NAMED),
        [
            blob(True, verb, container=name)
            if name == "blobs-example-container"
            else blob(False, verb, container=name)
            for verb in ("delete", "read", "write", "add/action", SUPERUSER)
            for name in ("blobs-example-container", "ungranted")
        ],
    ),
    Example(
        "S: Read, write, or delete blobs in named containers (Storage Blob Data Contributor)",
        CONTRIBUTOR,
        guarded(actions("delete", "read", "write", "add/action"), _NAMED),
        [
            blob(True, "write", path="Example5.txt"),
            blob(False, "write", container="ungranted"),
            blob(False, "read", container="ungranted", sub=LIST),
            blob(True, "move/action", container="ungranted"),
            blob(False, SUPERUSER),
        ],
    ),
    Example(
        "S: Read blobs in named containers with a path (Storage Blob Data Owner)",
        OWNER,
        guarded([READ_A_BLOB, *actions(SUPERUSER)], _READONLY),
        [
            blob(False, "read", path="Ungranted.txt"),
            blob(True, "read", path="readonly/Example6.txt"),
            blob(False, "read", path="readonly/Example6.txt", container="other"),
            blob(False, SUPERUSER, path="Ungranted.txt"),
        ],
    ),
    Example(
        "S: Read blobs in named containers with a path (Storage Blob Data Reader)",
        READER,
        guarded([READ_A_BLOB], _READONLY),
        [
            blob(False, "read", path="Ungranted.txt"),
            blob(True, "read", path="readonly/Example6.txt"),
            blob(True, "read", sub=LIST, prefix=""),
            blob(False, "read"),
        ],
    ),
    Example(
        "S: Read or list blobs in named containers with a path (Storage Blob Data Owner)",
        OWNER,
        both(
            guarded([READ_A_BLOB, *actions(SUPERUSER)], _BELOW),
            guarded([LIST_BLOBS, *actions(SUPERUSER)], _LISTED),
        ),
        [
            blob(True, "read", path="readonly/a"),
            blob(False, "read", path="other/a"),
            blob(True, "read", sub=LIST, prefix="readonly/"),
            blob(False, "read", sub=LIST, prefix=""),
            blob(True, "write", path="other/a"),
        ],
    ),
    Example(
        "S: Read or list blobs in named containers with a path (Storage Blob Data Reader)",
        READER,
        both(guarded([READ_A_BLOB], _BELOW), guarded([LIST_BLOBS], _LISTED)),
        [
            blob(True, "read", path="readonly/a/b"),
            blob(False, "read", path="readonly"),
            blob(True, "read", sub=LIST, prefix="readonly/a"),
            blob(False, "read", sub=LIST, prefix="readonly"),
        ],
    ),
    Example(
        "S: Write blobs in named containers with a path (Storage Blob Data Owner)",
        OWNER,
        guarded(actions("write", "add/action", SUPERUSER), _UPLOADS),
        [
            blob(True, "write", container="contosocorp", path="uploads/contoso/a"),
            blob(False, "write", container="contosocorp", path="uploads/other/a"),
            blob(False, SUPERUSER, container="contosocorp", path="uploads/other/a"),
        ],
    ),
    Example(
        "S: Write blobs in named containers with a path (Storage Blob Data Contributor)",
        CONTRIBUTOR,
        guarded(actions("write", "add/action"), _UPLOADS),
        [
            blob(False, "write", container="contosocorp", path="Example7.txt"),
            blob(True, "add/action", container="contosocorp", path="uploads/contoso/Example7.txt"),
            blob(False, "add/action", container="other", path="uploads/contoso/Example7.txt"),
        ],
    ),
    Example(
        "S: Read blobs with a blob index tag and a path",
        READER,
        both(
            guarded([READ_A_BLOB], f"{tag('Resource', 'Program')} StringEquals 'Alpine'"),
            guarded([READ_A_BLOB], f"{PATH} StringLike 'logs*'"),
        ),
        [
            tagged(False, "read", "Resource", {"Program": "Alpine"}, path="AlpineFile.txt"),
            tagged(False, "read", "Resource", {"Program": "Baker"}, path="logsAlpine.txt"),
            tagged(True, "read", "Resource", {"Program": "Alpine"}, path="logs/AlpineFile.txt"),
        ],
    ),
    Example(
        "S: Read only current blob versions (Storage Blob Data Reader)",
        READER,
        guarded([READ_A_BLOB], f"{CURRENT} BoolEquals true"),
        [blob(True, "read", current=True), blob(False, "read", current=False), blob(False, "read")],
    ),
    Example(
        "S: Read current blob versions and a specific blob version",
        READER,
        guarded([READ_A_BLOB], f"{VERSION} DateTimeEquals '{_SPECIFIC}'\n  OR\n  {CURRENT} BoolEquals true"),
        [
            blob(True, "read", current=False, version=_SPECIFIC),
            blob(False, "read", current=False, version="2022-06-01T23:38:32.8883646Z"),
            blob(True, "read", current=True),
        ],
    ),
    Example(
        "S: Delete old blob versions",
        VERSIONS,
        guarded(
            actions("delete", "deleteBlobVersion/action"),
            f"{VERSION} DateTimeLessThan '2022-06-01T00:00:00.0Z'",
        ),
        [
            blob(True, "deleteBlobVersion/action", version=_OLD),
            blob(False, "deleteBlobVersion/action", version="2022-06-01T00:00:00.0000000Z"),
            blob(False, "delete"),
        ],
    ),
    Example(
        "S: Read current blob versions and any blob snapshots (Storage Blob Data Reader)",
        READER,
        guarded([READ_A_BLOB], f"Exists {SNAPSHOT}\n  OR\n  {CURRENT} BoolEquals true"),
        [
            blob(True, "read", snapshot=_OLD, current=False),
            blob(True, "read", current=True),
            blob(False, "read", current=False),
        ],
    ),
    Example(
        "S: Read only storage accounts with hierarchical namespace enabled (Storage Blob Data Reader)",
        READER,
        guarded([READ_A_BLOB], f"{HNS} BoolEquals true"),
        [blob(True, "read", hns=True), blob(False, "read", hns=False)],
    ),
    Example(
        "S: Read blobs with specific encryption scopes",
        READER,
        guarded([READ_A_BLOB], f"{SCOPE} ForAnyOfAnyValues:StringEquals {{'validScope1', 'validScope2'}}"),
        [
            blob(True, "read", scope="validScope2"),
            blob(False, "read", scope="validscope2"),
            blob(False, "read"),
        ],
    ),
    Example(
        "S: Read or write blobs in named storage account with specific encryption scope",
        CONTRIBUTOR,
        guarded(
            [READ_A_BLOB, *actions("write", "add/action")],
            f"{ACCOUNT} StringEquals 'sampleaccount'\n  AND\n  "
            f"{SCOPE} ForAnyOfAnyValues:StringEquals {{'ScopeCustomKey1'}}",
        ),
        [
            blob(True, "write", account="sampleaccount", scope="ScopeCustomKey1"),
            blob(False, "write", account="sampleaccount", scope="other"),
            blob(False, "read", account="other", scope="ScopeCustomKey1"),
            blob(True, "delete", account="other"),
        ],
    ),
    Example(
        "D: Constrain roles",
        DELEGATE,
        delegated(guids("ForAnyOfAnyValues:GuidEquals", "RoleDefinitionId", BACKUP)),
        [
            assignment(True, "write", BACKUP[1]),
            assignment(True, "delete", BACKUP[0].upper()),
            assignment(False, "write", ACR_PULL),
            assignment(False, "delete", ACR_PULL),
            Request(True, f"{ASSIGNMENTS}/read"),
        ],
    ),
    Example(
        "D: Constrain roles and principal types",
        DELEGATE,
        delegated(
            guids("ForAnyOfAnyValues:GuidEquals", "RoleDefinitionId", BACKUP)
            + f"\n  AND\n  @S[{ASSIGNMENTS}:PrincipalType] "
            "ForAnyOfAnyValues:StringEqualsIgnoreCase {'User', 'Group'}"
        ),
        [
            assignment(True, "write", BACKUP[0], kind="group"),
            assignment(False, "write", BACKUP[0]),
            assignment(False, "delete", ACR_PULL, kind="User"),
        ],
    ),
    Example(
        "D: Constrain roles and specific groups",
        DELEGATE,
        delegated(
            guids("ForAnyOfAnyValues:GuidEquals", "RoleDefinitionId", BACKUP)
            + "\n  AND\n  "
            + guids("ForAnyOfAnyValues:GuidEquals", "PrincipalId", (MARKETING, SALES))
        ),
        [
            assignment(True, "write", BACKUP[0], SALES, "Group"),
            assignment(False, "write", BACKUP[0], DARA, "Group"),
            assignment(True, "delete", BACKUP[1], MARKETING, "Group"),
        ],
    ),
    Example(
        "D: Constrain AKS cluster management",
        DELEGATE,
        delegated(
            guids("ForAnyOfAnyValues:GuidEquals", "RoleDefinitionId", AKS)
            + "\n  AND\n  "
            + guids("ForAnyOfAnyValues:GuidEquals", "PrincipalId", (DARA,))
        ),
        [
            *(assignment(True, "write", role, DARA, "User") for role in AKS),
            assignment(False, "write", AKS[0], SALES, "Group"),
            assignment(False, "delete", BACKUP[0], DARA, "User"),
        ],
    ),
    Example(
        "D: Constrain ACR management",
        DELEGATE,
        delegated(
            guids("ForAnyOfAnyValues:GuidEquals", "RoleDefinitionId", (ACR_PULL,))
            + f"\n  AND\n  @S[{ASSIGNMENTS}:PrincipalType] "
            "ForAnyOfAnyValues:StringEqualsIgnoreCase {'ServicePrincipal'}"
        ),
        [
            assignment(True, "write", ACR_PULL),
            assignment(False, "write", ACR_PULL, kind="User"),
            assignment(False, "write", BACKUP[0]),
        ],
    ),
    Example(
        "D: Constrain add role assignments",
        DELEGATE,
        guarded(
            [f"!(ActionMatches{{'{ASSIGNMENTS}/write'}})"],
            guids("ForAnyOfAnyValues:GuidEquals", "RoleDefinitionId", BACKUP).replace("@S[", "@Request["),
        ),
        [
            assignment(True, "write", BACKUP[0]),
            assignment(False, "write", ACR_PULL),
            assignment(True, "delete", ACR_PULL),
        ],
    ),
    Example(
        "D: Allow most roles, but don't allow others to assign roles",
        DELEGATE,
        delegated(guids("ForAnyOfAllValues:GuidNotEquals", "RoleDefinitionId", PRIVILEGED)),
        [
            assignment(True, "write", BACKUP[0]),
            assignment(True, "delete", ACR_PULL),
            *(assignment(False, verb, role) for role in PRIVILEGED for verb in ("write", "delete")),
        ],
    ),
]

#: Documented, and refused here: a heading, the expression, and the word that the refusal must have.
REFUSED = [
    (
        "S: Read or write blobs based on blob index tags and custom security attributes",
        "@Principal[Microsoft.Directory/CustomSecurityAttributes/Id:Engineering_Project] StringEquals "
        + tag("Resource", "Project"),
        "@Principal",
    ),
    (
        "S: Read blobs based on blob index tags and multi-value custom security attributes",
        f"{tag('Resource', 'Project')} ForAnyOfAnyValues:StringEquals "
        "@Principal[Microsoft.Directory/CustomSecurityAttributes/Id:Engineering_Project]",
        "@Principal",
    ),
    (
        "S: Require private link access to read blobs with high sensitivity",
        f"({tag('Resource', 'sensitivity')} StringEquals 'high' AND @Environment[isPrivateLink] BoolEquals true)",
        "@Environment",
    ),
    (
        "S: Allow read access to blobs after a specific date and time",
        "@Environment[UtcNow] DateTimeGreaterThan '2023-05-01T13:00:00.0Z'",
        "@Environment",
    ),
]
