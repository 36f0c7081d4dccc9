# SPDX-License-Identifier: Apache-2.0
"""Conditions of role assignments, decided from what a storage request really is, on both endpoints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from azure_sandbox.testing import Sandbox
from sandbox.tests.kernel.documented_conditions import (
    BLOBS,
    CONTRIBUTOR,
    HNS,
    LIST_BLOBS,
    NAME,
    OWNER,
    PATH,
    PREFIX,
    READ_A_BLOB,
    TAGGED,
    actions,
    both,
    guarded,
    tag,
    tag_keys,
)
from sandbox.tests.services.storage.storage_cloud import FLAT, StorageCloud, seed

BLOCK = {"x-ms-blob-type": "BlockBlob"}


@pytest.fixture(scope="module")
def storage(serve_module: Callable[..., Sandbox]) -> StorageCloud:
    """The lake with the files that the tests read, made by its superuser."""
    cloud = StorageCloud(serve_module(seed()))
    give(cloud, "owner", OWNER, "")
    for account in ("lake", FLAT):
        for path in ("p/a", "q/a"):
            put = cloud.send("PUT", f"blob:/data/{path}", headers=BLOCK, content=b"x", account=account)
            assert put.status_code == 201
    return cloud


def give(cloud: StorageCloud, principal: str, role: dict[str, list[str]], condition: str) -> None:
    made = cloud.sandbox.rights()
    for held in made.rbac.assignments_of(cloud.object_id(principal)):
        made.rbac.unassign(held.guid)
    made.assign(cloud.object_id(principal), made.role(role), cloud.sandbox.cloud.group_scope("rg"), condition)


def statuses(cloud: StorageCloud, requests: list[tuple[str, str]], **options: Any) -> list[int]:
    return [cloud.send(method, url, "nobody", **options).status_code // 100 * 100 for method, url in requests]


def test_a_path_and_a_prefix_confine_reads_and_listings_on_both_endpoints(storage: StorageCloud) -> None:
    read = guarded([READ_A_BLOB], f"{NAME} StringEquals 'data' AND {PATH} StringStartsWith 'p/'")
    listed = guarded([LIST_BLOBS], f"{NAME} StringEquals 'data' AND {PREFIX} StringStartsWith 'p/'")
    give(storage, "nobody", CONTRIBUTOR, both(read, listed))
    inside = [
        ("GET", "blob:/data/p/a"),
        ("HEAD", "blob:/data/p/a"),
        ("GET", "dfs:/data/p/a"),
        ("HEAD", "dfs:/data/p/a?action=getStatus"),
        ("GET", "blob:/data?restype=container&comp=list&prefix=p/"),
        ("GET", "dfs:/data?resource=filesystem&recursive=true&directory=p"),
    ]
    outside = [
        ("GET", "blob:/data/q/a"),
        ("HEAD", "dfs:/data/q/a"),
        ("GET", "blob:/data?restype=container&comp=list"),
        ("GET", "blob:/data?restype=container&comp=list&prefix=q/"),
        ("GET", "dfs:/data?resource=filesystem&recursive=true"),
        ("GET", "dfs:/data?resource=filesystem&recursive=true&directory=q"),
    ]
    assert statuses(storage, inside) == [200] * len(inside)
    assert statuses(storage, outside) == [400] * len(outside)


def test_a_refusal_by_condition_is_worded_as_one_by_role(storage: StorageCloud) -> None:
    give(storage, "nobody", CONTRIBUTOR, guarded([READ_A_BLOB], f"{PATH} StringEquals 'p/a'"))
    answer = storage.send("GET", "blob:/data/q/a", "nobody")
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (403, "AuthorizationPermissionMismatch")


def test_writes_are_confined_by_path_and_the_rest_is_not(storage: StorageCloud) -> None:
    condition = guarded(actions("write", "add/action"), f"{PATH} StringLike 'uploads/*'")
    give(storage, "nobody", CONTRIBUTOR, condition)
    put = [("PUT", "blob:/data/uploads/x"), ("PUT", "blob:/data/other")]
    assert statuses(storage, put, headers=BLOCK, content=b"x") == [200, 400]
    made = [("PUT", "dfs:/data/uploads/y?resource=file"), ("PUT", "dfs:/data/other?resource=file")]
    assert statuses(storage, made) == [200, 400]
    assert statuses(storage, [("GET", "blob:/data/q/a"), ("DELETE", "blob:/data/uploads/x")]) == [200, 200]


def test_a_rename_is_asked_of_both_paths(storage: StorageCloud) -> None:
    guards = actions("write", "add/action", "move/action", "delete")
    give(storage, "nobody", CONTRIBUTOR, guarded(guards, f"{PATH} StringStartsWith 'own/'"))
    storage.send("PUT", "blob:/data/own/a", headers=BLOCK, content=b"x")
    storage.send("PUT", "blob:/data/foreign", headers=BLOCK, content=b"x")

    def rename(source: str, destination: str) -> int:
        headers = {"x-ms-rename-source": f"/data/{source}"}
        status: int = storage.send("PUT", f"dfs:/data/{destination}", "nobody", headers=headers).status_code
        return status

    assert [rename("foreign", "own/b"), rename("own/a", "out"), rename("own/a", "own/b")] == [403, 403, 201]


def test_index_tags_of_the_blob_and_of_the_request_are_asked(storage: StorageCloud) -> None:
    condition = both(
        guarded([READ_A_BLOB], f"{tag('Resource', 'Project')} StringEquals 'Cascade'"),
        guarded(
            [*actions("write", "add/action", sub_operation=TAGGED), *actions("tags/write")],
            f"{tag_keys('Request')} ForAllOfAnyValues:StringEquals {{'Project'}}",
        ),
    )
    give(storage, "nobody", OWNER, condition)

    def tags(**given: str) -> str:
        entries = "".join(
            f"<Tag><Key>{key}</Key><Value>{value}</Value></Tag>" for key, value in given.items()
        )
        return f"<Tags><TagSet>{entries}</TagSet></Tags>"

    def set_tags(body: str) -> int:
        url = "blob:/data/tagged?comp=tags"
        status: int = storage.send("PUT", url, "nobody", account=FLAT, content=body).status_code
        return status

    def put(**headers: str) -> int:
        url = "blob:/data/tagged"
        sent = {**BLOCK, **headers}
        status: int = storage.send("PUT", url, "nobody", account=FLAT, headers=sent, content=b"x").status_code
        return status

    assert [put(), put(**{"x-ms-tags": "Mode=a"}), put(**{"x-ms-tags": "Project=Baker"})] == [403, 403, 201]
    read = [("GET", "blob:/data/tagged")]
    assert statuses(storage, read, account=FLAT) == [400]
    assert [set_tags(tags(Mode="a")), set_tags("<Tags"), set_tags(tags(Project="Cascade"))] == [403, 403, 204]
    assert statuses(storage, read, account=FLAT) == [200]
    shown = storage.send("GET", "blob:/data/tagged?comp=tags", account=FLAT).text
    assert "Cascade" in shown


def test_the_account_itself_can_be_asked(storage: StorageCloud) -> None:
    give(storage, "nobody", CONTRIBUTOR, guarded([READ_A_BLOB], f"{HNS} BoolEquals true"))
    read = [("GET", "blob:/data/p/a")]
    assert statuses(storage, read) == [200]
    assert statuses(storage, read, account=FLAT) == [400]


def test_the_access_tier_has_a_sub_operation(storage: StorageCloud) -> None:
    condition = guarded(actions("write", sub_operation="Blob.Write.Tier"), f"{PATH} StringEquals 'p/a'")
    give(storage, "nobody", CONTRIBUTOR, condition)
    tiers = [("PUT", "blob:/data/p/a?comp=tier"), ("PUT", "blob:/data/q/a?comp=tier")]
    assert statuses(storage, tiers, headers={"x-ms-access-tier": "Cool"}) == [200, 400]
    assert statuses(storage, [("PUT", "blob:/data/q/a?comp=metadata")]) == [200]


def test_a_deny_assignment_shuts_the_data_plane(storage: StorageCloud) -> None:
    give(storage, "nobody", CONTRIBUTOR, "")
    read = [("GET", "blob:/data/p/a")]
    made = storage.sandbox.rights()
    assert statuses(storage, read) == [200]
    deny = made.deny(
        storage.sandbox.cloud.subscription_scope(),
        {"dataActions": [f"{BLOBS}/read"]},
        principals=[storage.object_id("nobody")],
    )
    assert statuses(storage, read) == [400]
    made.rbac.undeny(deny)
    assert statuses(storage, read) == [200]
