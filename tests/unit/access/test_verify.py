# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import shlex
from dataclasses import replace

import pytest

from airflow_provider_azureml.access.evaluate import Decision, Deny, Grant, Need
from airflow_provider_azureml.access.needs import Wanted
from airflow_provider_azureml.access.verify import (
    SUBMITTER,
    Held,
    Judged,
    doubts,
    judge,
    own,
    place_of,
    refusal,
    refused,
)
from airflow_provider_azureml.rest.authorization import Permission

ACCOUNT = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/lake"
CONTAINER = f"{ACCOUNT}/blobServices/default/containers/features"
READ = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"
WORKSPACE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
SUBMIT = Wanted(
    "submitter", Need("Microsoft.ML/jobs/write", WORKSPACE), "submits the job", "AML Job Submitter", "me"
)
READS = Wanted(
    "run", Need(READ, CONTAINER, data=True), "input 'x' reads y", "Storage Blob Data Reader", "Run"
)
PLACE = ("run", ACCOUNT.lower())


def reader(condition: str = "") -> Grant:
    return Grant("id", "run", "r", "Reader", CONTAINER, (Permission(data_actions=(READ,)),), condition)


@pytest.mark.parametrize(
    "held, verdict",
    [
        (Held([reader()]), "ALLOWED"),
        (Held(), "DENIED"),
        (Held([reader("not a condition")]), "UNKNOWN"),
        (Held(problem="403"), "UNKNOWN"),
        (Held(unread=[ACCOUNT]), "UNKNOWN"),
        (Held(unread=["/subscriptions/other"]), "DENIED"),
        (
            Held(
                [reader()],
                [Deny("d", "d", ACCOUNT, (Permission(data_actions=("*",)),), frozenset({"run"}))],
            ),
            "DENIED",
        ),
        (None, "UNKNOWN"),
    ],
)
def test_a_need_is_judged_by_what_was_read(held: Held | None, verdict: str) -> None:
    (judged,) = judge([READS], {PLACE: held} if held else {})
    assert judged.decision.verdict == verdict


def test_what_no_role_decides_and_what_nobody_knows_is_unknown() -> None:
    secret = Wanted("run", READS.need, "reads", "", "Run", secret="AccountKey")
    doubt = Wanted("run", READS.need, "reads", "", "", doubt="two identities")
    found = judge([secret, doubt], {PLACE: Held()})
    assert [each.decision.verdict for each in found] == ["UNKNOWN", "UNKNOWN"]
    assert "AccountKey" in found[0].decision.reason
    assert found[1].decision.reason == "two identities"


def test_a_container_or_secret_is_asked_about_at_its_account_or_vault() -> None:
    vault = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v"
    secret = Wanted("run", Need("x", f"{vault}/secrets/s", data=True), "", "", "R")
    assert place_of(READS) == PLACE
    assert place_of(secret) == ("r", vault.lower())
    assert place_of(SUBMIT) == (SUBMITTER, WORKSPACE.lower())


def test_the_callers_own_permissions_count_where_they_were_asked_for() -> None:
    held = own(WORKSPACE, [Permission(actions=("Microsoft.ML/jobs/*",))])
    assert judge([SUBMIT], {place_of(SUBMIT): held})[0].decision.verdict == "ALLOWED"
    assert judge([SUBMIT], {place_of(SUBMIT): own(WORKSPACE, [])})[0].decision.verdict == "DENIED"


def test_the_error_names_action_scope_principal_and_one_command_per_role() -> None:
    found = [
        Judged(each, Decision("DENIED", "no role assignment"))
        for each in (READS, READS, SUBMIT, Wanted("run", READS.need, "more", "", "Run"))
    ]
    text = str(refusal(found, "submitter-oid"))
    assert text.startswith("access: the job was not submitted")
    for word in (READ, CONTAINER, "the run identity Run", "input 'x' reads y", "And 1 more"):
        assert word in text
    assert text.count("--role 'Storage Blob Data Reader'") == 1
    assert (
        f"--assignee-object-id me --assignee-principal-type ServicePrincipal --role 'AML Job Submitter' --scope {WORKSPACE}"
        in text
    )
    assert len(refused(found)) == 4


def test_the_command_is_one_of_the_shell_whatever_the_resource_group_is_called() -> None:
    scope = WORKSPACE.replace("/g/", "/it's (prod)/")
    denied = replace(SUBMIT, need=replace(SUBMIT.need, scope=scope))
    text = str(refusal([Judged(denied, Decision("DENIED", "none"))], "s"))
    assert shlex.split(text.partition("Mend: ")[2])[-2:] == ["--scope", scope]


def test_what_is_not_certain_is_one_line() -> None:
    unsure = Judged(READS, Decision("UNKNOWN", "not read"))
    found = [
        Judged(SUBMIT, Decision("ALLOWED", "")),
        unsure,
        unsure,
        Judged(READS, Decision("CONDITIONAL", "if")),
    ]
    assert doubts(found) == "1 CONDITIONAL, 2 UNKNOWN of 4 needs (run: not read; run: if)"
    assert doubts(found[:1]) == ""


def test_the_command_names_a_role_or_leaves_a_blank_and_a_shell_reads_either() -> None:
    scope = WORKSPACE.replace("/g/", "/team (dev)/")
    wanted = Wanted("submitter", Need("a/b/write", scope), "submits", "", "me")
    text = str(refusal([Judged(wanted, Decision("DENIED", "no role assignment"))], "me"))
    words = shlex.split(text.partition("Mend: ")[2])
    assert words[-4:] == ["--role", "<a role with a/b/write>", "--scope", scope]
