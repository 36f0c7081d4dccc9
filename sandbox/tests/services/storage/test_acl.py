# SPDX-License-Identifier: Apache-2.0
"""ACLs of a hierarchical namespace: what they grant to who has no role, and that they take nothing away."""

from __future__ import annotations

from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.storage.filedatalake import DataLakeServiceClient, FileSystemClient

from sandbox.tests.services.storage.storage_cloud import StorageCloud

URL = "https://lake.dfs.core.windows.net"
MISMATCH = "AuthorizationPermissionMismatch"
BASE = "user::rwx,group::r-x,other::---"


def _outcome(answer: Any) -> str:
    return "ok" if answer.status_code < 300 else str(answer.headers["x-ms-error-code"])


class Tree:
    """A container with ``/a/b/f`` and ``/a/g`` in it, and ``nobody``, who has no role at all."""

    def __init__(self, storage: StorageCloud, container: str) -> None:
        self.storage = storage
        self.container = container
        self.nobody = storage.object_id("nobody")
        for path in ("a/b/f", "a/g"):
            assert self.send("PUT", f"/{path}?resource=file", "owner").status_code == 201
            assert (
                self.send("PATCH", f"/{path}?action=append&position=0", "owner", b"text").status_code == 202
            )
            assert self.send("PATCH", f"/{path}?action=flush&position=4", "owner").status_code == 200

    def send(self, method: str, path: str, who: str = "nobody", content: bytes = b"", **headers: str) -> Any:
        url = f"dfs:/{self.container}{path}"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.storage.send(method, url, who, content=content, headers=named)

    def acl(self, path: str, entries: str, base: str = BASE, **headers: str) -> None:
        text = f"{base},{entries}" if entries else base
        answer = self.send("PATCH", f"/{path}?action=setAccessControl", "owner", x_ms_acl=text, **headers)
        assert answer.status_code == 200, answer.text

    def let(self, bits: str, *paths: str) -> None:
        for path in paths:
            self.acl(path, f"user:{self.nobody}:{bits}")


@pytest.fixture
def tree(storage: StorageCloud, filesystem: str) -> Tree:
    return Tree(storage, filesystem)


def test_reading_takes_execute_on_every_ancestor_and_read_on_the_file(tree: Tree) -> None:
    steps = [("--x", ""), ("--x", "a"), ("--x", "a/b")]
    for bits, path in steps:
        assert _outcome(tree.send("GET", "/a/b/f")) == MISMATCH
        tree.let(bits, path)
    assert _outcome(tree.send("GET", "/a/b/f")) == MISMATCH
    assert _outcome(tree.send("HEAD", "/a/b/f?action=getStatus")) == "ok"
    tree.let("r--", "a/b/f")
    assert tree.send("GET", "/a/b/f").text == "text"
    blob = tree.storage.send("GET", f"blob:/{tree.container}/a/b/f", "nobody")
    assert blob.text == "text"


def test_a_hole_in_the_chain_hides_what_is_below_it(tree: Tree) -> None:
    tree.let("r-x", "", "a", "a/b", "a/b/f")
    assert _outcome(tree.send("GET", "/a/b/f")) == "ok"
    tree.acl("a", "")
    for path in ("/a/b/f", "/a/b/nothing"):
        assert _outcome(tree.send("GET", path)) == MISMATCH


def test_a_missing_path_is_not_found_by_who_may_look_for_it(tree: Tree) -> None:
    tree.let("--x", "", "a")
    assert _outcome(tree.send("GET", "/a/nothing")) == "PathNotFound"


def test_listing_takes_read_and_execute_also_of_what_is_below(tree: Tree) -> None:
    listing = "?resource=filesystem&directory=a&recursive="
    tree.let("--x", "", "a")
    assert _outcome(tree.send("GET", f"{listing}false")) == MISMATCH
    tree.let("r-x", "a")
    assert len(tree.send("GET", f"{listing}false").json()["paths"]) == 2
    assert _outcome(tree.send("GET", f"{listing}true")) == MISMATCH
    tree.let("r-x", "a/b")
    assert len(tree.send("GET", f"{listing}true").json()["paths"]) == 3
    flat = f"blob:/{tree.container}?restype=container&comp=list&prefix="
    assert "<Name>a/b/f</Name>" in tree.storage.send("GET", f"{flat}a/", "nobody").text
    assert _outcome(tree.storage.send("GET", flat, "nobody")) == MISMATCH


def test_creating_takes_write_and_execute_on_the_directory(tree: Tree) -> None:
    tree.let("--x", "")
    for bits, outcome in (("--x", MISMATCH), ("-w-", MISMATCH), ("-wx", "ok")):
        tree.let(bits, "a")
        assert _outcome(tree.send("PUT", "/a/new?resource=file")) == outcome, bits
    assert _outcome(tree.send("PUT", "/a/deep/er/file?resource=file")) == "ok"
    blob = f"blob:/{tree.container}/a/blob"
    kind = {"x-ms-blob-type": "BlockBlob"}
    assert _outcome(tree.storage.send("PUT", blob, "nobody", headers=kind, content=b"1")) == "ok"
    assert _outcome(tree.send("PUT", "/b/new?resource=file")) == MISMATCH


def test_what_a_principal_made_is_its_own(tree: Tree) -> None:
    tree.let("-wx", "", "a")
    tree.send("PUT", "/a/mine?resource=file")
    assert tree.send("HEAD", "/a/mine?action=getStatus").headers["x-ms-owner"] == tree.nobody
    assert _outcome(tree.send("GET", "/a/mine")) == "ok"
    chmod = "/a/mine?action=setAccessControl"
    assert _outcome(tree.send("PATCH", chmod, x_ms_permissions="0000")) == "ok"
    assert _outcome(tree.send("GET", "/a/mine")) == MISMATCH
    assert _outcome(tree.send("PATCH", "/a/g?action=setAccessControl", x_ms_permissions="0777")) == MISMATCH


def test_appending_takes_read_and_write_on_the_file(tree: Tree) -> None:
    tree.let("--x", "", "a")
    for bits, outcome in (("-w-", MISMATCH), ("rw-", "ok")):
        tree.let(bits, "a/g")
        assert _outcome(tree.send("PATCH", "/a/g?action=append&position=4", content=b"!")) == outcome


def test_deleting_takes_the_directory_and_for_a_tree_all_of_it(tree: Tree) -> None:
    tree.let("-wx", "", "a")
    assert _outcome(tree.send("DELETE", "/a/g")) == "ok"
    assert _outcome(tree.send("DELETE", "/a/b?recursive=true")) == MISMATCH
    tree.let("rwx", "a/b")
    assert _outcome(tree.send("DELETE", "/a/b?recursive=true")) == "ok"


def test_renaming_takes_both_directories(tree: Tree) -> None:
    tree.let("-wx", "", "a")
    source = f"/{tree.container}/a/g"
    assert _outcome(tree.send("PUT", "/a/b/g", x_ms_rename_source=source)) == MISMATCH
    tree.let("-wx", "a/b")
    assert _outcome(tree.send("PUT", "/a/b/g", x_ms_rename_source=source)) == "ok"


def test_the_sticky_bit_keeps_others_from_deleting(tree: Tree) -> None:
    tree.let("-wx", "")
    chmod = "/a?action=setAccessControl"
    assert _outcome(tree.send("PATCH", chmod, "owner", x_ms_permissions="1777")) == "ok"
    assert tree.send("HEAD", "/a?action=getAccessControl", "owner").headers["x-ms-permissions"] == "rwxrwxrwt"
    assert _outcome(tree.send("DELETE", "/a/g")) == MISMATCH
    assert _outcome(tree.send("PUT", "/a/mine?resource=file")) == "ok"
    assert _outcome(tree.send("DELETE", "/a/mine")) == "ok"


def test_the_mask_limits_named_users_but_not_the_owner(tree: Tree) -> None:
    tree.let("--x", "", "a")
    tree.acl("a/g", f"user:{tree.nobody}:rwx,mask::-wx")
    assert _outcome(tree.send("GET", "/a/g")) == MISMATCH
    tree.acl("a/g", "mask::---", x_ms_owner=tree.nobody)
    assert _outcome(tree.send("GET", "/a/g")) == "ok"


def test_others_may_what_other_says(tree: Tree) -> None:
    for path in ("", "a", "a/g"):
        tree.acl(path, "", base="user::rwx,group::r-x,other::r-x")
    assert _outcome(tree.send("GET", "/a/g")) == "ok"


def test_new_children_get_the_default_acl_and_old_ones_do_not(tree: Tree) -> None:
    tree.let("--x", "")
    tree.acl("a", f"user:{tree.nobody}:--x,default:user:{tree.nobody}:r-x")
    tree.send("PUT", "/a/later?resource=file", "owner")
    tree.send("PUT", "/a/dir?resource=directory", "owner")
    assert _outcome(tree.send("GET", "/a/later")) == "ok"
    assert _outcome(tree.send("GET", "/a/g")) == MISMATCH
    shown = tree.send("HEAD", "/a/dir?action=getAccessControl", "owner").headers["x-ms-acl"].split(",")
    assert {f"user:{tree.nobody}:r-x", f"default:user:{tree.nobody}:r-x", "mask::r-x"} <= set(shown)


def test_new_children_belong_to_the_group_of_their_directory(tree: Tree) -> None:
    tree.acl("a", "", x_ms_group="11111111-0000-0000-0000-000000000001")
    tree.send("PUT", "/a/d/new?resource=file", "owner")
    status = tree.send("HEAD", "/a/d/new?action=getStatus", "owner")
    assert status.headers["x-ms-group"] == "11111111-0000-0000-0000-000000000001"


def test_an_acl_takes_nothing_from_who_has_a_role(tree: Tree) -> None:
    reader = tree.storage.object_id("reader")
    tree.acl("", f"user:{reader}:---")
    tree.acl("a/g", f"user:{reader}:---", base="user::---,group::---,other::---")
    assert tree.send("GET", "/a/g", "reader").text == "text"


def test_an_acl_has_thirty_two_entries_and_its_default_as_many(tree: Tree) -> None:
    named = ",".join(f"user:{number:08d}-0000-0000-0000-000000000000:r--" for number in range(28))
    default = ",".join(f"default:{entry}" for entry in named.split(","))
    full = f"{BASE},mask::rwx,{named}"
    url = "/a?action=setAccessControl"
    assert _outcome(tree.send("PATCH", url, "owner", x_ms_acl=f"{full},{default}")) == "ok"
    assert _outcome(tree.send("PATCH", url, "owner", x_ms_acl=f"{full},group:x:r--")) == "InvalidHeaderValue"


def test_access_can_be_asked_for_beforehand(tree: Tree) -> None:
    tree.let("--x", "", "a")
    tree.let("r--", "a/g")
    assert _outcome(tree.send("HEAD", "/a/g?action=checkAccess&fsAction=r--")) == "ok"
    assert _outcome(tree.send("HEAD", "/a/g?action=checkAccess&fsAction=rw-")) == MISMATCH


def test_a_container_belongs_to_who_made_it_through_the_data_plane(tree: Tree) -> None:
    status = tree.send("HEAD", "/?action=getStatus", "owner")
    owner = tree.storage.object_id("owner")
    assert (status.headers["x-ms-owner"], status.headers["x-ms-group"]) == (owner, owner)


def _sdk(tree: Tree, principal: str) -> FileSystemClient:
    service = DataLakeServiceClient(URL, tree.storage.credential(principal))
    return service.get_file_system_client(tree.container)


def test_the_sdk_opens_a_path_and_closes_it_again(tree: Tree) -> None:
    entry = f"user:{tree.nobody}:r-x"
    with _sdk(tree, "owner") as owner, _sdk(tree, "nobody") as nobody:
        root = owner.get_directory_client("/")
        root.update_access_control_recursive(acl=entry)
        assert nobody.get_file_client("a/b/f").download_file().readall() == b"text"
        assert len(list(nobody.get_paths())) == 4
        counted = root.remove_access_control_recursive(acl=f"user:{tree.nobody}")
        assert (counted.counters.directories_successful, counted.counters.failure_count) == (3, 0)
        with pytest.raises(HttpResponseError) as refused:
            nobody.get_file_client("a/b/f").download_file()
        assert refused.value.error_code == MISMATCH


def test_a_recursive_change_reports_what_belongs_to_others(tree: Tree) -> None:
    tree.acl("a", f"user:{tree.nobody}:rwx", x_ms_owner=tree.nobody)
    tree.let("--x", "")
    with _sdk(tree, "nobody") as nobody:
        counted = nobody.get_directory_client("a").update_access_control_recursive(acl="other::r--")
    assert (counted.counters.directories_successful, counted.counters.failure_count) == (1, 3)
