# SPDX-License-Identifier: Apache-2.0
"""Plane 7: role, condition and ACL of who runs, at each place that the job reads or writes."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches

from airflow_provider_azureml.access import acl
from airflow_provider_azureml.access.command import giving
from airflow_provider_azureml.access.evaluate import Decision, Grant
from airflow_provider_azureml.access.needs import needs_of_data
from airflow_provider_azureml.access.pattern import is_same
from airflow_provider_azureml.access.place import Place
from airflow_provider_azureml.access.prefix import below
from airflow_provider_azureml.checks import barrier
from airflow_provider_azureml.checks.case import Case
from airflow_provider_azureml.checks.finding import Finding, missing, present, unknown
from airflow_provider_azureml.checks.running import described
from airflow_provider_azureml.rest import resource
from airflow_provider_azureml.rest.resource import Posix

ROLES = {"read": "Storage Blob Data Reader", "write": "Storage Blob Data Contributor"}


def places(case: Case) -> Iterator[Finding]:
    """One finding for each input, output and URI."""
    for what, access, place, runner in case.accesses:
        if place.secret:
            message = f"{what}: its datastore stores {place.secret}, which counts instead of an identity"
            yield present("data", 7, message)
        elif place.doubt or not place.scope:
            yield unknown("data", 7, f"{what}: {place.doubt}")
        elif runner is not None and runner.principal is None:
            yield unknown("data", 7, f"{what}: {runner.doubt}")
        else:
            who = runner.principal.object_id if runner and runner.principal else case.object_id
            name = described(runner.principal) if runner and runner.principal else f"object id {who}"
            told = what if what == place.uri else f"{what} ({place.uri})"
            yield _judged(case, told, access, place, who, name)
    yield from _unnamed(case)
    yield from _upload(case)


def _unnamed(case: Case) -> Iterator[Finding]:
    """A datastore that the workspace does not have, and the name that comes nearest."""
    refusal = case.refusal
    if refusal is None or refusal.number != 38 or not refusal.told:
        return
    wanted, known = refusal.told["store"], sorted(case.facts.datastores or ())
    close = get_close_matches(wanted, known, n=1)
    mend = f"Name datastore '{close[0]}' in the job's definition." if close else refusal.mend
    yield missing("data", 7, f"no datastore '{wanted}'; there are: {', '.join(known)}", mend)


def _judged(case: Case, what: str, access: str, place: Place, who: str, name: str) -> Finding:
    """By the first of the needed actions that is refused; else by the first that is not certain."""
    decisions = [
        case.judge(wanted.need, who) for wanted in needs_of_data("run", _access(access), place, what, who)
    ]
    refused = next((each for each in decisions if each.verdict == "DENIED"), None)
    if refused is None:
        open_ = next((each for each in decisions if each.verdict != "ALLOWED"), None)
        if open_:
            return unknown("data", 7, f"{what}: {name}: {open_.verdict}: {open_.reason}")
        return present("data", 7, f"{what}: {name} may {access}, by {decisions[0].reason}")
    return _by_acl(case, what, access, place, who, name) or _without(
        what, access, place, who, name, refused, case
    )


def _access(word: str) -> str:
    return "write" if word == "write" else "read"


def _without(
    what: str, access: str, place: Place, who: str, name: str, refused: Decision, case: Case
) -> Finding:
    """No role, a condition that does not hold, or a deny."""
    message = f"{what}: {name} may not {access}: {refused.reason}"
    if not refused.by or barrier.is_deny(refused):
        return missing("data", 7, message, barrier.mend(refused, who, ROLES[access], place.scope))
    grants = case.grants_seen(place.scope, who)
    held = next(each for each in grants if each.assignment_id == refused.by)
    if held.principal_id.lower() == who.lower():
        return missing("data", 7, message, _widened(held, place))
    message += f" (the assignment is that of group {held.principal_id})"
    return missing("data", 7, message, _beside(grants, place, who, access))


def _beside(grants: Sequence[Grant], place: Place, who: str, access: str) -> str:
    """What a group holds is everybody's in it: it stays, and the identity is admitted to the place itself."""
    for each in grants:
        is_own = each.principal_id.lower() == who.lower() and each.role_name == ROLES[access]
        if is_own and is_same(each.scope, place.scope):
            return _widened(each, place)
    if not place.known_path:
        return giving(who, ROLES[access], place.scope)
    condition = below(place.container, _text(place.known_path), access)
    return giving(who, ROLES[access], place.scope, *_under(condition))


def _widened(held: Grant, place: Place) -> str:
    """The same role again with a condition that admits the place too: Azure keeps one per role and scope."""
    known = _text(place.known_path)
    blobs = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
    condition = (
        f"({held.condition}) OR (@Resource[{blobs}:path] StringStartsWith '{known}' "
        f"OR @Request[{blobs}:prefix] StringStartsWith '{known}')"
    )
    made = giving(held.principal_id, held.role_name, held.scope, *_under(condition))
    return f"az role assignment delete --ids {shlex.quote(held.assignment_id)} && {made}"


def _text(path: str) -> str:
    """A path inside a text of a condition."""
    return path.replace("'", "\\'")


def _under(condition: str) -> tuple[str, ...]:
    return "--condition", condition, "--condition-version", "2.0"


def _by_acl(case: Case, what: str, access: str, place: Place, who: str, name: str) -> Finding | None:
    """Where ACLs are what gives access (some entry names the identity): the folders above that do not."""
    account = case.account(place.account, place.scope).value or {}
    if not (account.get("properties") or {}).get("isHnsEnabled"):
        return None
    wanted = acl.on_the_way(place.known_path, access, is_folder=place.is_folder)
    end = list(wanted)[-1]
    seen = _acls(case, place, wanted)
    told = case.groups(who) if seen else frozenset()
    groups = told or frozenset()
    closed = [each for each in seen if not acl.gives(each[2], who, groups, each[1])]
    if told is None and any(acl.hangs_on_groups(found, who) for _, _, found in closed):
        message = (
            f"{what}: {name} has no role, ACLs on the way name groups, and which it is in cannot be read"
        )
        return unknown("data", 7, message)
    if not any(acl.names(found, who, groups) for _, _, found in seen):
        return None
    if not closed:
        return present("data", 7, f"{what}: {name} may {access}, by ACLs of the folders on the way")
    if closed[-1][0] == end:
        return None  # what lies below is likely closed too: a role is the shorter way
    names = ", ".join(f"'/{folder}'" for folder, _, _ in closed)
    message = (
        f"{what}: {name} has no role, and the ACL of {names} does not let it through to where it may {access}"
    )
    mends = [
        _set_acl(place, folder, acl.with_entry(found.acl, who, letters)) for folder, letters, found in closed
    ]
    return missing("data", 7, message, " && ".join(mends))


def _acls(case: Case, place: Place, wanted: Mapping[str, str]) -> list[tuple[str, str, Posix]]:
    """(folder, letters wanted, ACL and owners) of the folders on the way; none where one of them cannot be read."""
    seen = []
    for folder, letters in wanted.items():
        read = case.examination.see(
            resource.posix(case.settings.cloud, place.account, place.container, folder)
        )
        if read.value is None:
            return []
        seen.append((folder, letters, read.value))
    return seen


def _set_acl(place: Place, folder: str, entries: str) -> str:
    path = shlex.quote(folder or "/")
    return (
        f"az storage fs access set --account-name {place.account} --file-system {place.container} "
        f"--path {path} --acl {shlex.quote(entries)} --auth-mode login"
    )


def _upload(case: Case) -> Iterator[Finding]:
    """Where a refusal was of the upload of code, it is the submitter who needs the workspace's store."""
    refusal, store = case.refusal, case.facts.default_datastore if case.has_workspace else None
    if refusal is None or refusal.number != 30 or store is None:
        return
    place = Place("the workspace's storage", store.account, store.container, scope=store.scope)
    name = f"the submitter, object id {case.object_id},"
    yield _judged(case, "code upload", "write", place, case.object_id, name)
