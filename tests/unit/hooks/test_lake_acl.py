# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from airflow_provider_azureml.access.evaluate import Decision
from airflow_provider_azureml.access.needs import Wanted, needs_of_data
from airflow_provider_azureml.access.place import Place
from airflow_provider_azureml.access.verify import Judged
from airflow_provider_azureml.connection import CLOUDS
from airflow_provider_azureml.hooks.lake_acl import beside_roles
from airflow_provider_azureml.rest.flow import Response
from tests.unit.canned import DENIED, CannedHook

ACCOUNT = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/lake"
CONTAINER = f"{ACCOUNT}/blobServices/default/containers/raw"
CLOSED = "user::rwx,group::---,other::---"
THROUGH = "user::rwx,user:o-run:--x,group::---,mask::rwx,other::---"
READABLE = "user::rwx,group::---,group:g-run:r-x,mask::rwx,other::---"
FULL = "user::rwx,user:o-run:rwx,group::---,mask::rwx,other::---"


class Lake(CannedHook):
    """A lake with the ACLs of its folders; those that are not named are hidden."""

    owner = "$superuser"

    def __init__(self, acls: Mapping[str, str], *, is_hierarchical: bool = True) -> None:
        super().__init__()
        self.acls = acls
        self.on("GET", ACCOUNT, {"properties": {"isHnsEnabled": is_hierarchical}})
        self.on("POST", "/getMemberGroups", {"value": ["G-run"]})

    def _answer(self, request: Any) -> Response:
        if request.method != "HEAD":
            return super()._answer(request)
        self.requests.append(request)
        found = self.acls.get(request.url.split("?")[0].partition("/raw/")[2], "403")
        if found in ("403", "404"):
            return Response(int(found), {"x-ms-error-code": "Hidden"})
        return Response(200, {"x-ms-acl": found, "x-ms-owner": self.owner, "x-ms-group": "$superuser"})


def wanted(access: str = "read", path: str = "in/day", *, is_folder: bool = True) -> list[Wanted]:
    place = Place("uri", "lake", "raw", path, CONTAINER, is_folder=is_folder)
    return needs_of_data("run", access, place, "input 'x' reads uri", "o-run")


def looked(lake: Lake, needs: list[Wanted], decision: Decision | None = None) -> set[tuple[str, str]]:
    judged = [Judged(each, decision or Decision("DENIED", "no role")) for each in needs]
    found = lake.run(beside_roles(CLOUDS["public"], judged))
    assert [each.wanted for each in found] == needs
    return {(each.decision.verdict, each.decision.reason) for each in found}


def test_acls_that_let_the_run_identity_in_are_as_good_as_a_role() -> None:
    lake = Lake({"": THROUGH, "in": THROUGH, "in/day": READABLE})
    assert looked(lake, wanted()) == {("ALLOWED", "the ACLs on the way to 'raw' let it in")}
    assert [each.url.partition("/raw/")[2].split("?")[0] for each in lake.asked("HEAD", ".*")] == [
        "",
        "in",
        "in/day",
    ]


@pytest.mark.parametrize(
    "acls, said",
    [
        ({"": CLOSED}, "no role; nor does the ACL of '/' give it --x"),
        (
            {"": THROUGH, "in": THROUGH, "in/day": THROUGH},
            "no role; nor does the ACL of '/in/day' give it r-x",
        ),
        (
            {"": THROUGH},
            "no role; the ACL of '/in' cannot be read (403 Hidden); if it is what lets it in, use 'explain'",
        ),
    ],
)
def test_a_refusal_tells_which_acl_does_not_help(acls: Mapping[str, str], said: str) -> None:
    assert looked(Lake(acls), wanted()) == {("DENIED", said)}


def test_a_folder_that_may_be_read_is_not_one_that_may_be_written() -> None:
    lake = Lake({"": THROUGH, "in": THROUGH, "in/day": READABLE})
    assert looked(lake, wanted("write")) == {("DENIED", "no role; nor does the ACL of '/in/day' give it rwx")}
    lake = Lake({"": THROUGH, "in": THROUGH, "in/day": FULL})
    assert {verdict for verdict, _ in looked(lake, wanted("write"))} == {"ALLOWED"}


def test_one_file_needs_no_more_than_to_be_read() -> None:
    lake = Lake({"": THROUGH, "in": THROUGH, "in/a.csv": "user::rwx,user:o-run:r--,mask::r--,other::---"})
    assert {verdict for verdict, _ in looked(lake, wanted(path="in/a.csv", is_folder=False))} == {"ALLOWED"}


def test_an_account_without_folders_has_roles_alone() -> None:
    lake = Lake({"": FULL}, is_hierarchical=False)
    assert looked(lake, wanted()) == {("DENIED", "no role")}
    assert lake.asked("HEAD", ".*") == []


def test_an_account_that_cannot_be_read_leaves_the_refusal_and_says_so() -> None:
    lake = Lake({"": FULL})
    lake.on("GET", ACCOUNT, DENIED)
    reason = "no role; whether ACLs let it in is not known (403 AuthorizationFailed)"
    assert looked(lake, wanted()) == {("DENIED", reason)}


def test_a_folder_that_is_not_there_yet_is_made_where_the_one_above_allows_it() -> None:
    for above, verdict in ((FULL, "ALLOWED"), (THROUGH, "DENIED")):
        lake = Lake({"": THROUGH, "in": above, "in/day": "404"})
        assert {each for each, _ in looked(lake, wanted("write"))} == {verdict}
    ((verdict, reason),) = looked(Lake({"": THROUGH, "in": THROUGH, "in/day": "404"}), wanted())
    assert (verdict, reason) == ("UNKNOWN", "'/in/day' does not exist, so that it has no ACL")


def test_who_owns_a_folder_needs_no_entry() -> None:
    lake = Lake({"": CLOSED, "in": CLOSED, "in/day": CLOSED})
    lake.owner = "o-run"
    assert {verdict for verdict, _ in looked(lake, wanted("write"))} == {"ALLOWED"}


def test_groups_that_cannot_be_read_leave_the_refusal_and_say_so() -> None:
    lake = Lake({"": THROUGH, "in": THROUGH, "in/day": READABLE})
    lake.on("POST", "/getMemberGroups", DENIED)
    ((verdict, reason),) = looked(lake, wanted())
    assert verdict == "DENIED"
    assert reason.endswith(
        "its groups cannot be read (403 AuthorizationFailed); if they are what lets it in, use 'explain'"
    )


@pytest.mark.parametrize(
    "decision",
    [
        Decision("DENIED", "a deny", "/x/denyAssignments/d"),
        Decision("ALLOWED", "a role"),
        Decision("UNKNOWN", "not read"),
    ],
)
def test_what_is_allowed_forbidden_or_not_known_is_no_question_of_acls(decision: Decision) -> None:
    lake = Lake({"": FULL, "in": FULL, "in/day": FULL})
    assert looked(lake, wanted(), decision) == {(decision.verdict, decision.reason)}
    assert lake.requests == []
