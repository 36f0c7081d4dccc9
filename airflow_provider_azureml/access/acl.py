# SPDX-License-Identifier: Apache-2.0
"""POSIX ACLs of a lake: what an entry gives, and what it would take."""

from __future__ import annotations

from collections.abc import Collection

from airflow_provider_azureml.rest.resource import Posix


def gives(found: Posix, principal: str, groups: Collection[str], wanted: str) -> bool:
    """Whether a path's ACL gives somebody the letters, e.g. `--x`; the first kind of entry that fits decides.

    Source: "How permissions are evaluated" of Azure's page on access control lists: the owner, whom the mask
    does not concern, named users, groups, others.

    :param principal: object id.
    """
    entries = [entry.split(":") for entry in found.acl.split(",") if entry.count(":") == 2]
    mask = next((each[2] for each in entries if each[0] == "mask"), "rwx")
    owner = [each[2] for each in entries if each[0] == "user" and not each[1]]
    named = [each[2] for each in entries if each[0] == "user" and each[1].lower() == principal.lower()]
    mine = {*groups, *([""] if found.group.lower() in groups else [])}
    of_groups = [each[2] for each in entries if each[0] == "group" and each[1].lower() in mine]
    others = [each[2] for each in entries if each[0] == "other"]
    if owner and found.owner.lower() == principal.lower():
        return _has(owner[0], wanted)
    if named:
        return _has(_and(named[0], mask), wanted)
    if of_groups:
        return any(_has(_and(each, mask), wanted) for each in of_groups)
    return any(_has(each, wanted) for each in others)


def names(found: Posix, principal: str, groups: Collection[str]) -> bool:
    """Whether somebody owns a path, or its ACL has an entry for him: then access is meant to come from ACLs."""
    wanted = {principal.lower(), *groups}
    parts = (entry.split(":") for entry in found.acl.split(","))
    own = any(len(each) >= 2 and each[1].lower() in wanted for each in parts)
    return own or bool({found.owner.lower(), found.group.lower()} & wanted)


def hangs_on_groups(found: Posix, principal: str) -> bool:
    """Whether an ACL says nothing of somebody and something of groups: whoever is in one of them may get in."""
    entries = [entry.lower().split(":") for entry in found.acl.split(",") if entry.count(":") == 2]
    is_named = any(each[:2] == ["user", principal.lower()] for each in entries)
    is_named = is_named or found.owner.lower() == principal.lower()
    return not is_named and any(each[0] == "group" and each[1] for each in entries)


def with_entry(acl: str, principal: str, letters: str) -> str:
    """The ACL with one more right for somebody, and a mask that lets it through."""
    entries = [entry for entry in acl.split(",") if entry]
    mine = f"user:{principal}:".lower()
    had = next((entry[-3:] for entry in entries if entry.lower().startswith(mine)), "---")
    kept = [entry for entry in entries if not entry.lower().startswith((mine, "mask:"))]
    old_mask = next((entry[-3:] for entry in entries if entry.startswith("mask:")), "")
    group = next((entry[-3:] for entry in entries if entry.startswith("group::")), "---")
    both = _or(had, letters)
    return ",".join([*kept, f"user:{principal}:{both}", f"mask::{_or(old_mask or group, both)}"])


def on_the_way(path: str, access: str, *, is_folder: bool) -> dict[str, str]:
    """The letters that somebody needs on each folder from the root (empty text) to a place, and there.

    Source: "Common scenarios related to permissions" of Azure's page on access control lists. Who writes
    a file needs its folder.

    :param access: `read` or `write`.
    """
    place = path.strip("/")
    if access == "write" and not is_folder:
        place, is_folder = place.rpartition("/")[0], True
    there = {"read": "r-x", "write": "rwx"}[access] if is_folder else "r--"
    return {**dict.fromkeys(folders_above(place), "--x"), place: there}


def folders_above(path: str) -> list[str]:
    """The root (empty text) and every folder on the way to a path, the path itself not included."""
    parts = [part for part in path.split("/") if part]
    return ["/".join(parts[:number]) for number in range(len(parts))]


def _has(letters: str, wanted: str) -> bool:
    return all(letter in letters for letter in wanted.replace("-", ""))


def _and(one: str, other: str) -> str:
    return "".join(a if a == b else "-" for a, b in zip(one, other, strict=False))


def _or(one: str, other: str) -> str:
    return "".join(a if a != "-" else b for a, b in zip(one, other, strict=False))
