# SPDX-License-Identifier: Apache-2.0
"""Each kind of finding, made by one change of an Azure in which all is as declared."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_azureml.access.check import Asked
from airflow_provider_azureml.access.evaluate import Need
from airflow_provider_azureml.access.facts import Principal
from airflow_provider_azureml.access.manifest import load
from airflow_provider_azureml.access.needs import Wanted
from airflow_provider_azureml.access.survey import Read
from airflow_provider_azureml.rest.authorization import Assignment, Deny, Permission
from airflow_provider_azureml.rest.directory import ManagedIdentity, StorageAccount, Vault
from tests.unit.access.azure import (
    LAKE,
    MANIFEST,
    assigned,
    findings,
    given,
    guid,
    owned,
    rows,
    seen_otherwise,
    survey,
)
from tests.unit.access.manifests import SOUND, TRAIN, changed

SUBMITTER, RUN = (MANIFEST.identities[0].principals[part] for part in ("submitter", "run"))
JOBS = "Microsoft.MachineLearningServices/workspaces/jobs"
WORKSPACE = MANIFEST.places.arm_id("workspace:nightly")


def test_where_all_is_as_declared_there_is_no_finding_and_everything_is_allowed() -> None:
    assert findings() == []
    assert {row.verdict for row in rows() if row.verdict} == {"ALLOWED"}
    assert len(rows()) >= 10


def test_a_role_that_is_gone_is_missing_and_denied() -> None:
    held = [each for each in assigned(SUBMITTER) if guid("AML Job Submitter") not in each.role_id]
    found = [row for row in rows(seen_otherwise("submitter", held=Read(held))) if row.is_finding]
    assert [(row.what, row.state, row.verdict) for row in found] == [
        ("AML Job Submitter", "MISSING", "DENIED")
    ]


def test_a_missing_role_that_another_one_makes_up_for_says_so() -> None:
    held = assigned(RUN)[1:]
    held.append(Assignment("/ra/x", RUN.name, f"/x/{guid('Storage Blob Data Owner')}", LAKE))
    found = [row for row in rows(seen_otherwise("run", held=Read(held))) if row.is_finding]
    assert [(row.state, row.verdict) for row in found] == [("MISSING", "ALLOWED"), ("EXTRA", "ALLOWED")]
    assert "yet role 'Storage Blob Data Owner'" in found[0].reason


def test_a_condition_that_differs_is_a_mismatch_and_white_space_is_none() -> None:
    first, *rest = assigned(RUN)
    spaced = [replace(first, condition=f"  {first.condition} "), *rest]
    assert findings(seen_otherwise("run", held=Read(spaced))) == []
    none = [replace(first, condition=""), *rest]
    assert [state for *_, state in findings(seen_otherwise("run", held=Read(none)))] == [
        "MISMATCH(condition)"
    ]


def test_what_reaches_it_through_a_group_is_extra_and_says_through_which() -> None:
    held = [
        *assigned(RUN),
        Assignment("/ra/g", "oid-group", f"/x/{guid('Reader')}", MANIFEST.places.subscription),
    ]
    extra, crossing = [row for row in rows(seen_otherwise("run", held=Read(held))) if row.is_finding]
    assert crossing.state == "CROSSING"  # the whole subscription: both namespaces
    assert (extra.state, extra.reason) == ("EXTRA", "through group oid-group")


def test_a_deny_makes_a_declared_role_a_mismatch() -> None:
    denied = Deny("/d", "lock", WORKSPACE, (Permission(("*",)),), frozenset({SUBMITTER.name}))
    found = [row for row in rows(replace(survey(), denies=Read([denied]))) if row.is_finding]
    assert {(row.state_text, row.verdict) for row in found} == {("MISMATCH(verdict)", "DENIED")}
    assert "lock" in found[0].reason


def test_a_deny_for_others_is_none_unless_the_groups_could_not_be_read() -> None:
    denied = Deny("/d", "lock", WORKSPACE, (Permission(("*",)),), frozenset({"oid-group"}))
    azure = replace(survey(), denies=Read([denied]))
    assert findings(azure) == []
    blind = {key: replace(each, groups=Read(None, "403")) for key, each in azure.seen.items()}
    assert {state for *_, state in findings(replace(azure, seen=blind))} == {"UNKNOWN"}
    member = {key: replace(each, groups=Read(frozenset({"oid-group"}))) for key, each in azure.seen.items()}
    assert {state for *_, state in findings(replace(azure, seen=member))} == {"MISMATCH(verdict)"}


@pytest.mark.parametrize(
    ("changes", "state", "reason"),
    [
        ({"found": Read(None)}, "MISSING", "knows nobody of this name"),
        ({"found": Read(None, "Graph says 403")}, "UNKNOWN", "Graph says 403"),
        ({"held": Read(None, "403 AuthorizationFailed")}, "UNKNOWN", "role assignments: 403"),
    ],
)
def test_a_refused_look_is_unknown_and_an_absence_is_missing(
    changes: dict[str, Read], state: str, reason: str
) -> None:
    found = [row for row in rows(seen_otherwise("submitter", **changes)) if row.is_finding]
    assert {row.state for row in found} == {state}
    assert reason in found[0].reason
    assert all(row.verdict in ("DENIED", "UNKNOWN") for row in found)


def test_a_disabled_principal_and_trusts_that_differ_are_told() -> None:
    assert ("submitter", "application 'airflow-train'", "MISMATCH(enabled)") in findings(
        seen_otherwise("submitter", is_enabled=False)
    )
    assert findings(seen_otherwise("submitter", trusts=Read([])))[0][2] == "MISSING"
    assert findings(seen_otherwise("submitter", trusts=Read(None, "403")))[0][2] == "UNKNOWN"


WORKER = "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/airflow-worker"


@pytest.mark.parametrize("is_first", [True, False])
def test_of_two_identities_of_one_name_the_manifests_group_has_the_one_that_vouches(is_first: bool) -> None:
    group = MANIFEST.places.arm_id("group:nightly")
    mine = ManagedIdentity(f"{group.upper()}{WORKER}", "airflow-worker", "c", "oid-worker")
    twin = ManagedIdentity(f"{group}-too{WORKER}", "airflow-worker", "c2", "oid-twin")
    both = [mine, twin] if is_first else [twin, mine]
    assert findings(replace(survey(), identities=Read(both))) == []


def test_of_two_identities_of_one_name_one_that_the_manifest_declares_comes_first() -> None:
    reader = {"managed_identity": "airflow-worker", "resource_group": "far"}
    manifest = load(changed(f"{TRAIN}/reader", reader), "m")
    places = manifest.places
    mine, near = (places.resource("identity", "airflow-worker", group) for group in ("far", ""))
    known = [
        ManagedIdentity(each, "airflow-worker", "", oid)
        for each, oid in ((mine, "oid-worker"), (near, "oid-near"))
    ]
    assert findings(replace(survey(manifest), identities=Read(known)), manifest=manifest) == []


DECLARED = {"graph": ["Application.ReadWrite.OwnedBy"], "owns": ["legacy"]}
SUBMITTER_SOUND = SOUND["identities"]["train"]["submitter"]
WRITE, OWNED_BY = "Directory.ReadWrite.All", "Application.ReadWrite.OwnedBy"


def test_a_permission_of_graph_and_an_application_that_nobody_declared_are_findings_with_their_mend() -> None:
    found = seen_otherwise("run", roles=Read([given(WRITE)]), owned=Read([owned("other")]))
    permission, application = [row for row in rows(found) if row.is_finding]
    assert (permission.plane, permission.what, permission.state) == (
        "Entra",
        f"Graph permission {WRITE}",
        "EXTRA",
    )
    assert (application.what, application.state) == ("owner of application 'other'", "EXTRA")
    assert "/servicePrincipals/run-train/appRoleAssignments/" in permission.mend


def test_permissions_and_applications_of_the_manifest_are_compared_and_may_be_missing() -> None:
    manifest = load(changed(f"{TRAIN}/submitter", {**SUBMITTER_SOUND, **DECLARED}), "m")
    azure = survey(manifest)
    assert findings(azure, manifest=manifest) == []
    key = manifest.identities[0].principals["submitter"].key
    bare = replace(azure.seen[key], roles=Read([]), owned=Read([]))
    assert findings(replace(azure, seen={**azure.seen, key: bare}), manifest=manifest) == [
        ("submitter", f"Graph permission {OWNED_BY}", "MISSING"),
        ("submitter", "owner of application 'legacy'", "MISSING"),
    ]


def test_what_one_identity_declares_is_not_extra_in_another_and_its_lines_come_once() -> None:
    content = changed("identities/again", {"submitter": {"application": "airflow-train", **DECLARED}})
    manifest = load(content, "m")
    found = rows(survey(manifest), manifest=manifest)
    assert [row for row in found if row.is_finding] == []
    lines = [row.identity for row in found if "Graph permission" in row.what or "owner of" in row.what]
    assert lines == ["train", "train"]


def test_rights_in_entra_that_could_not_be_read_are_unknown_with_azures_code() -> None:
    unread = Read(None, "403 Authorization_RequestDenied")
    found = [row for row in rows(seen_otherwise("run", roles=unread, owned=unread)) if row.is_finding]
    assert [(row.what, row.state, row.verdict) for row in found] == [
        ("Graph permissions", "UNKNOWN", "UNKNOWN"),
        ("owned applications", "UNKNOWN", "UNKNOWN"),
    ]
    assert all("403 Authorization_RequestDenied" in row.reason for row in found)


def test_denies_that_could_not_be_read_leave_no_verdict_standing() -> None:
    found = rows(replace(survey(), denies=Read(None, "403 no")))
    assert {row.verdict for row in found if row.verdict} == {"UNKNOWN"}


def test_a_custom_role_with_other_actions_is_a_mismatch() -> None:
    azure = survey()
    role = azure.roles[guid("AML Job Submitter")]
    more = replace(role, permissions=(*role.permissions, Permission(("*/read",))))
    assert findings(replace(azure, roles={**azure.roles, role.guid: more})) == [
        ("-", "role 'AML Job Submitter'", "MISMATCH(actions)")
    ]


def test_a_role_that_could_not_be_read_is_no_denial() -> None:
    azure = survey()
    roles = {key: role for key, role in azure.roles.items() if key != guid("Watcher")}
    found = [row for row in rows(replace(azure, roles=roles)) if row.is_finding]
    assert {row.verdict for row in found} <= {"UNKNOWN", "ALLOWED"}
    assert found


def test_accounts_that_take_keys_and_vaults_without_roles_are_findings() -> None:
    keyed = StorageAccount(LAKE, "nightlylake", has_shared_key=True, default_action="Deny")
    policies = Vault(MANIFEST.places.resource("vault", "nightlyvault"), "nightlyvault", has_roles=False)
    azure = replace(survey(), accounts={LAKE.lower(): Read(keyed)}, vaults=Read([policies]))
    assert [state for *_, state in findings(azure)] == [
        "MISMATCH(allowSharedKeyAccess)",
        "MISMATCH(enableRbacAuthorization)",
    ]
    unread = replace(survey(), accounts={LAKE.lower(): Read(None, "403")})
    assert [state for *_, state in findings(unread)] == ["UNKNOWN"]


def test_roles_in_both_namespaces_are_a_crossing() -> None:
    held = [
        *assigned(SUBMITTER),
        Assignment(
            "/b", SUBMITTER.name, f"/x/{guid('Reader')}", f"{LAKE}/blobServices/default/containers/batch"
        ),
    ]
    states = [state for *_, state in findings(seen_otherwise("submitter", held=Read(held)))]
    assert states == ["EXTRA", "CROSSING"]


def test_what_both_namespaces_list_is_nobodys() -> None:
    shared = load(changed("namespaces/batch", ["workspace:nightly"]), "m")
    assert findings(survey(shared), manifest=shared) == []


def test_a_line_that_was_left_for_a_person_is_a_finding() -> None:
    manifest = load(changed("identities/train/by_hand", ["look"]), "m")
    assert findings(survey(manifest), manifest=manifest) == [("-", "left for a person", "BY HAND")]


def wanted(action: str, **changes: str) -> Wanted:
    return replace(
        Wanted("submitter", Need(f"{JOBS}/{action}", WORKSPACE), "submits", "AML Job Submitter"), **changes
    )


@pytest.mark.parametrize(
    ("asked", "state", "verdict"),
    [
        (Asked("t", [wanted("write")]), "OK", "ALLOWED"),
        (Asked("t", [wanted("write"), wanted("delete")]), "MISSING", "DENIED"),
        (Asked("t", [wanted("delete")], is_ungranted=True), "REFUSED", ""),
        (Asked("t", [wanted("write", doubt="dark")]), "UNKNOWN", "UNKNOWN"),
        (Asked("t", [wanted("write", secret="AccountKey")]), "UNKNOWN", "UNKNOWN"),
        (Asked("t", [wanted("write", principal="somebody")]), "MISMATCH(run identity)", "UNKNOWN"),
        (Asked("t", problem="cannot be compiled"), "UNKNOWN", "UNKNOWN"),
    ],
)
def test_what_a_task_needs_is_judged_by_the_manifest_and_by_azure(
    asked: Asked, state: str, verdict: str
) -> None:
    (line,) = [
        row for row in rows(asked=[asked]) if row.what.startswith("t") and not row.what.startswith("trust")
    ]
    assert (line.state_text, line.verdict) == (state, verdict)


def test_a_need_of_a_part_that_the_manifest_lacks_is_missing() -> None:
    manifest = load(changed("identities/train/run", None), "m")
    asked = [Asked("t", [replace(wanted("write"), who="run")])]
    assert findings(survey(manifest), asked, manifest) == [("run", "t submits", "MISSING")]


def test_a_need_in_another_subscription_is_unknown_since_nobody_looked_there() -> None:
    far = WORKSPACE.replace(MANIFEST.places.subscription_id, "far")
    (line,) = [row for row in rows(asked=[Asked("t", [elsewhere(far)])]) if row.is_finding]
    assert (line.state, line.verdict) == ("UNKNOWN", "UNKNOWN")
    assert "another subscription" in line.reason
    shouted = WORKSPACE.replace(MANIFEST.places.subscription_id, MANIFEST.places.subscription_id.upper())
    assert findings(asked=[Asked("t", [elsewhere(shouted)])]) == []


def elsewhere(scope: str) -> Wanted:
    return replace(wanted("write"), need=Need(f"{JOBS}/write", scope))


def test_the_principal_that_a_job_really_is_may_be_the_declared_one() -> None:
    found = seen_otherwise("submitter", found=Read(Principal("OID", "c")))
    assert findings(found, [Asked("t", [wanted("write", principal="oid")])]) == []
