# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from airflow_provider_azureml.access import acl
from airflow_provider_azureml.rest.resource import Posix

ME, TEAM = "o-1", "g-1"


@pytest.mark.parametrize(
    "text, wanted, given",
    [
        ("user::rwx,user:o-1:r-x,group::---,mask::r-x,other::---", "r-x", True),
        ("user::rwx,user:o-1:r-x,group::---,mask::--x,other::rwx", "r-x", False),
        ("user::rwx,user:O-1:--x,group::---,mask::--x,other::---", "--x", True),
        ("user::rwx,group:g-1:r--,group::---,mask::rwx,other::---", "r--", True),
        ("user::rwx,group:g-1:r--,group::---,mask::rwx,other::rwx", "-w-", False),
        ("user::rwx,group::---,other::r-x", "r-x", True),
        ("user::rwx,group::r-x,other::---", "--x", False),
        ("", "--x", False),
    ],
)
def test_the_first_kind_of_entry_that_fits_decides(text: str, wanted: str, given: bool) -> None:
    assert acl.gives(Posix(text), ME, {TEAM}, wanted) is given


def test_somebody_is_named_or_not() -> None:
    assert acl.names(Posix("user::rwx,user:o-1:r-x"), ME, ())
    assert acl.names(Posix("user::rwx,group:g-1:r-x"), ME, {TEAM})
    assert acl.names(Posix("user::rwx", owner="O-1"), ME, {TEAM})
    assert not acl.names(Posix("user::rwx,group::r-x,other::---"), ME, {TEAM})


def test_the_mask_does_not_concern_the_owner_but_the_owning_group() -> None:
    text = "user::rwx,group::r-x,mask::r--,other::---"
    assert acl.gives(Posix(text, owner="O-1"), ME, (), "rwx")
    assert acl.gives(Posix(text, group="G-1"), ME, {TEAM}, "r--")
    assert not acl.gives(Posix(text, group="G-1"), ME, {TEAM}, "r-x")
    assert not acl.gives(Posix(text, owner="o-2", group="g-2"), ME, {TEAM}, "r--")


def test_one_more_right_keeps_all_others_and_widens_the_mask() -> None:
    text = acl.with_entry("user::rwx,user:o-1:r--,user:o-2:rwx,group::r-x,mask::r--,other::---", ME, "--x")
    assert text == "user::rwx,user:o-2:rwx,group::r-x,other::---,user:o-1:r-x,mask::r-x"
    assert acl.gives(Posix(text), ME, (), "r-x")
    assert acl.gives(Posix(acl.with_entry("user::rwx,group::---,other::---", ME, "r-x")), ME, (), "r-x")


def test_the_folders_above_a_path_begin_with_the_root() -> None:
    assert acl.folders_above("a/b/c.csv") == ["", "a", "a/b"]
    assert acl.folders_above("") == []


@pytest.mark.parametrize(
    "path, access, is_folder, letters",
    [
        ("", "read", True, {"": "r-x"}),
        ("a/b/", "read", True, {"": "--x", "a": "--x", "a/b": "r-x"}),
        ("a/b", "write", True, {"": "--x", "a": "--x", "a/b": "rwx"}),
        ("a/b.csv", "read", False, {"": "--x", "a": "--x", "a/b.csv": "r--"}),
        ("a/b.csv", "write", False, {"": "--x", "a": "rwx"}),
        ("b.csv", "write", False, {"": "rwx"}),
    ],
)
def test_each_folder_of_the_way_is_passed_through_and_the_place_is_used(
    path: str, access: str, is_folder: bool, letters: dict[str, str]
) -> None:
    assert acl.on_the_way(path, access, is_folder=is_folder) == letters


def test_an_acl_hangs_on_groups_where_it_names_some_and_not_the_identity() -> None:
    assert acl.hangs_on_groups(Posix(f"user::rwx,group:{TEAM}:r-x,mask::r-x,other::---"), ME)
    assert not acl.hangs_on_groups(Posix(f"user:{ME.upper()}:--x,group:{TEAM}:r-x,mask::r-x"), ME)
    assert not acl.hangs_on_groups(Posix("user::rwx,group::r-x,other::---"), ME)
