# SPDX-License-Identifier: Apache-2.0
"""POSIX permissions and ACLs as the DFS endpoint takes and shows them.

Octal or symbolic in, symbolic out; ``x-ms-acl`` entries are ``[default:]type:id:rwx``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace

from azure_sandbox.services.storage.records import (
    DIRECTORY_PERMISSIONS,
    FILE_PERMISSIONS,
    SUPERUSER,
    Settings,
)
from azure_sandbox.services.storage.refusals import bad_header

_SYMBOLIC = re.compile(r"([r-][w-][x-]){2}[r-][w-][xtT-]\+?")
_OCTAL = re.compile(r"[01]?[0-7]{3}")
_ENTRY = re.compile(r"((default:)?(user|group|mask|other):[^:,]*):([r-][w-][x-])")
_DEFAULT = "default:"
_KEY_ONLY = re.compile(r"(default:)?(user|group|mask|other)(:[^:,]*)?")
#: Documented limit of the entries of one ACL; a path's default ACL has its own.
_MOST_ENTRIES = 32


def symbolic(permissions: str, name: str = "x-ms-permissions") -> str:
    """``0750`` or ``rwxr-x---`` as ``rwxr-x---``.

    :raises AzureError: 400 InvalidHeaderValue
    """
    if _SYMBOLIC.fullmatch(permissions):
        return permissions.rstrip("+")
    if not _OCTAL.fullmatch(permissions):
        raise bad_header(name, permissions)
    return _from_bits(int(permissions, 8))


def _from_bits(bits: int) -> str:
    text = "".join(letter if bits >> (8 - place) & 1 else "-" for place, letter in enumerate("rwxrwxrwx"))
    if bits & 0o1000:
        text = text[:8] + ("t" if text[8] == "x" else "T")
    return text


def _to_bits(text: str) -> int:
    bits = sum(1 << (8 - place) for place, letter in enumerate(text) if letter not in "-T")
    return bits | (0o1000 if text[8] in "tT" else 0)


def new_permissions(given: str, umask: str, *, directory: bool) -> str:
    """Of a path that is being made: what was asked for, less the umask."""
    if not given:
        return DIRECTORY_PERMISSIONS if directory else FILE_PERMISSIONS
    text = symbolic(given)
    if not umask:
        return text
    if not _OCTAL.fullmatch(umask):
        raise bad_header("x-ms-umask", umask)
    return _from_bits(_to_bits(text) & ~int(umask, 8))


def parse(text: str) -> dict[str, str]:
    """ACL entries: ``user:<id>`` -> ``rwx``.

    :raises AzureError: 400 InvalidHeaderValue
    """
    entries: dict[str, str] = {}
    for part in text.split(","):
        found = _ENTRY.fullmatch(part)
        if not found or found[1] in entries:
            raise bad_header("x-ms-acl", text)
        entries[found[1]] = found[4]
    default = sum(key.startswith(_DEFAULT) for key in entries)
    if max(default, len(entries) - default) > _MOST_ENTRIES:
        raise bad_header("x-ms-acl", text)
    return entries


def with_acl(settings: Settings, entries: dict[str, str]) -> Settings:
    """Settings with a full ACL; the three permission groups follow from it, the mask standing for the group."""
    missing = [key for key in ("user:", "group:", "other:") if key not in entries]
    if missing:
        raise bad_header("x-ms-acl", _text(entries))
    entries = _completed(entries)
    group = entries.get("mask:", entries["group:"])
    other = entries["other:"]
    if settings.permissions[8:9] in ("t", "T"):
        other = other[:2] + ("t" if other[2] == "x" else "T")
    permissions = entries["user:"] + group + other
    named = len(entries) > 3
    return replace(settings, permissions=permissions + ("+" if named else ""), acl=_text(entries))


def _completed(entries: dict[str, str]) -> dict[str, str]:
    """With what POSIX adds: the base entries of a default ACL, and the masks that named entries need."""
    found = dict(entries)
    if any(key.startswith(_DEFAULT) for key in entries):
        for base in ("user:", "group:", "other:"):
            found.setdefault(_DEFAULT + base, entries[base])
    for scope in ("", _DEFAULT):
        named = [key for key in found if _is_named(key, scope)]
        if named and f"{scope}mask:" not in found:
            found[f"{scope}mask:"] = _union(found[key] for key in (*named, f"{scope}group:"))
    return found


def _is_named(key: str, scope: str) -> bool:
    kind, _, name = key.removeprefix(scope).partition(":")
    return key.startswith(scope) and kind in ("user", "group") and name != ""


def _union(permissions: Iterable[str]) -> str:
    granted = {letter for bits in permissions for letter in bits}
    return "".join(letter if letter in granted else "-" for letter in "rwx")


def inherited(parent: Settings, own: Settings, *, directory: bool) -> Settings:
    """Of a new path: the parent's group, and what the parent's default ACL says, which overrides the
    permissions that were asked for."""
    own = replace(own, group=parent.group) if own.group == SUPERUSER else own
    entries = parse(parent.acl) if parent.acl else {}
    defaults = {key.removeprefix(_DEFAULT): bits for key, bits in entries.items() if key.startswith(_DEFAULT)}
    if not defaults or own.acl:
        return own
    passed_on = {_DEFAULT + key: bits for key, bits in defaults.items()} if directory else {}
    return with_acl(own, {**defaults, **passed_on})


def with_permissions(settings: Settings, permissions: str) -> Settings:
    """chmod: with a mask in the ACL the group bits set the mask."""
    text = symbolic(permissions)
    if not settings.acl:
        return replace(settings, permissions=text)
    entries = parse(settings.acl)
    entries["user:"], entries["other:"] = text[0:3], text[6:9].replace("t", "x").replace("T", "-")
    entries["mask:" if "mask:" in entries else "group:"] = text[3:6]
    return with_acl(replace(settings, permissions=text), entries)


def _text(entries: dict[str, str]) -> str:
    return ",".join(f"{key}:{bits}" for key, bits in entries.items())


Change = Callable[[Settings], Settings]


def change_of(mode: str, text: str) -> Change:
    """What ``setAccessControlRecursive`` does to each path: ``set``, ``modify`` or ``remove`` entries."""
    if mode == "remove":
        keys = {_removed_key(part, text) for part in text.split(",")}
        return lambda settings: with_acl(
            settings, {key: bits for key, bits in parse(settings.acl_text()).items() if key not in keys}
        )
    entries = parse(text)
    if mode == "set":
        return lambda settings: with_acl(settings, entries)
    return lambda settings: with_acl(settings, {**parse(settings.acl_text()), **entries})


def _removed_key(part: str, text: str) -> str:
    if not _KEY_ONLY.fullmatch(part):
        raise bad_header("x-ms-acl", text)
    return part
