# SPDX-License-Identifier: Apache-2.0
"""The attributes that conditions may ask for, and the keys under which a request carries them.

Sources: "Actions and attributes for Azure role assignment conditions for Azure Blob Storage"
(storage-auth-abac-attributes.md), "Authorization actions and attributes"
(conditions-authorization-actions-attributes.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

#: What a request carries: values by :func:`key`. Several values are a tuple.
Attributes = Mapping[str, object]


class _NoAttributes(Mapping[str, object]):
    """Never anything in it, so it may be anybody's default."""

    def __getitem__(self, name: str) -> object:
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __hash__(self) -> int:
        return 0


NO_ATTRIBUTES: Attributes = _NoAttributes()

REQUEST, RESOURCE = "request", "resource"
SUB_OPERATION = "suboperation"

ACCOUNT = "Microsoft.Storage/storageAccounts"
CONTAINERS = f"{ACCOUNT}/blobServices/containers"
BLOBS = f"{CONTAINERS}/blobs"
#: Index tags: ``TAGS:Project<$key_case_sensitive$>`` is the value of one, ``TAGS&$keys$&`` their keys.
TAGS = f"{BLOBS}/tags"
ASSIGNMENTS = "Microsoft.Authorization/roleAssignments"

_KEY_MARK = "<$key_case_sensitive$>"
_KEYS_MARK = "&$keys$&"

_OF_ASSIGNMENTS = [f"{ASSIGNMENTS}:{name}" for name in ("RoleDefinitionId", "PrincipalId", "PrincipalType")]
_KNOWN = {
    REQUEST: [
        SUB_OPERATION,
        f"{BLOBS}:prefix",
        f"{BLOBS}:snapshot",
        f"{BLOBS}:versionId",
        f"{TAGS}{_KEYS_MARK}",
        *_OF_ASSIGNMENTS,
    ],
    RESOURCE: [
        f"{ACCOUNT}:name",
        f"{ACCOUNT}:isHnsEnabled",
        f"{ACCOUNT}/encryptionScopes:name",
        f"{CONTAINERS}:name",
        f"{BLOBS}:path",
        f"{BLOBS}:isCurrentVersion",
        f"{TAGS}{_KEYS_MARK}",
        *_OF_ASSIGNMENTS,
    ],
}


def key(source: str, name: str) -> str:
    """Case matters in the key of an index tag, and nowhere else.

    :param source: ``request`` or ``resource``
    :param name: as a condition writes it between brackets
    """
    if name.endswith(_KEY_MARK):
        before, _, tag = name.removesuffix(_KEY_MARK).partition(":")
        return tag_key(source, tag) if before.lower() == TAGS.lower() else f"{source}:{name}"
    return f"{source}:{name}".lower()


def tag_key(source: str, tag: str) -> str:
    """The key of one index tag's value."""
    return f"{source}:{TAGS}{_KEY_MARK}".lower() + tag


def tag_keys(source: str) -> str:
    """The key of all index tags' keys."""
    return key(source, f"{TAGS}{_KEYS_MARK}")


def is_known(attribute: str) -> bool:
    """Whether this is a key of an attribute that Azure documents."""
    return attribute in _KEYS or attribute.startswith(_TAGGED)


_KEYS = frozenset(key(source, name) for source, names in _KNOWN.items() for name in names)
_TAGGED = (tag_key(REQUEST, ""), tag_key(RESOURCE, ""))
