# SPDX-License-Identifier: Apache-2.0
"""Who may what: unions, conditions, denies, groups, and that a cached decision is never an old one."""

from __future__ import annotations

import random
import sys
import time
import uuid

import pytest

from azure_sandbox.kernel.condition_parser import InvalidCondition
from azure_sandbox.testing import rights

S = "/subscriptions/s"
G = f"{S}/resourceGroups/g"
READ = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"
PATH = "@Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs:path]"
READER = {"dataActions": [READ]}


def who() -> str:
    return str(uuid.uuid4())


def test_a_condition_guards_only_the_actions_that_it_names() -> None:
    with rights() as made:
        one = who()
        role = made.role({"actions": ["a/read"], "dataActions": [READ]})
        made.assign(one, role, G, f"!(ActionMatches{{'{READ}'}}) OR {PATH} StringStartsWith 'p/'")
        assert made.allowed(one, READ, G, data=True, attributes={PATH: "p/x"})
        assert not made.allowed(one, READ, G, data=True, attributes={PATH: "q/x"})
        assert not made.allowed(one, READ, G, data=True)
        assert made.allowed(one, "a/read", G)


def test_an_assignment_without_a_condition_makes_another_ones_condition_idle() -> None:
    with rights() as made:
        one, role = who(), made.role(READER)
        made.assign(one, role, G, f"{PATH} StringEquals 'a'")
        assert not made.allowed(one, READ, G, data=True, attributes={PATH: "b"})
        made.assign(one, role, S)
        assert made.allowed(one, READ, G, data=True, attributes={PATH: "b"})


def test_one_of_several_conditions_is_enough() -> None:
    with rights() as made:
        one, role = who(), made.role(READER)
        for path in ("a", "b"):
            made.assign(one, role, G, f"{PATH} StringEquals '{path}'")
        asked = {path: made.allowed(one, READ, G, data=True, attributes={PATH: path}) for path in "abc"}
        assert asked == {"a": True, "b": True, "c": False}


def test_a_guid_operator_beside_data_actions_of_storage_grants_nothing() -> None:
    condition = f"!(ActionMatches{{'x'}}) OR {who()} GuidEquals {who()}"
    with rights() as made:
        one = who()
        made.assign(one, made.role({"actions": ["a/read"], "dataActions": [READ]}), G, condition)
        assert not made.allowed(one, READ, G, data=True)
        assert not made.allowed(one, "a/read", G)
        made.assign(one, made.role({"actions": ["a/read"]}), G, condition)
        assert made.allowed(one, "a/read", G)


def test_a_bad_condition_is_not_assigned() -> None:
    with rights() as made:
        with pytest.raises(InvalidCondition):
            made.assign(who(), made.role(READER), G, "@Resource[nothing] StringEquals 'a'")
        with pytest.raises(InvalidCondition):
            made.deny(G, READER, condition="a")
        assert made.rbac.assignments() == []
        assert made.rbac.denies.all() == []


def test_a_deny_wins_over_a_grant_and_ends_with_its_removal() -> None:
    with rights() as made:
        one = who()
        made.assign(one, made.role({"actions": ["*"]}), S)
        assert made.allowed(one, "a/write", G)
        deny = made.deny(G, {"actions": ["a/*"], "notActions": ["a/read"]}, principals=[one])
        assert not made.allowed(one, "a/write", G)
        assert made.allowed(one, "a/read", G)
        assert made.allowed(one, "a/write", S)
        named = made.rbac.denied_by(one, "a/write", f"{G}/providers/x")
        assert named is not None
        assert named.guid == deny
        made.rbac.undeny(deny)
        assert made.allowed(one, "a/write", G)


def test_a_deny_of_all_principals_spares_those_it_excludes() -> None:
    with rights() as made:
        one, other, member = who(), who(), who()
        group = made.group(member)
        role = made.role({"actions": ["*"]})
        for principal in (one, other, member):
            made.assign(principal, role, S)
        made.deny(S, {"actions": ["*"]}, excluded=[other, group])
        allowed = [made.allowed(principal, "a", G) for principal in (one, other, member)]
        assert allowed == [False, True, True]


def test_a_deny_may_leave_child_scopes_alone() -> None:
    with rights() as made:
        one = who()
        made.assign(one, made.role({"actions": ["*"]}), S)
        made.deny(G, {"actions": ["*"]}, only_at_scope=True)
        assert not made.allowed(one, "a", G)
        assert made.allowed(one, "a", f"{G}/providers/x")


def test_a_deny_of_data_actions_is_none_of_actions() -> None:
    with rights() as made:
        one = who()
        made.assign(one, made.role({"actions": ["*"], "dataActions": ["*"]}), S)
        made.deny(S, {"dataActions": ["*"]})
        assert made.allowed(one, READ, G)
        assert not made.allowed(one, READ, G, data=True)


def test_a_deny_with_a_condition_denies_where_it_holds() -> None:
    with rights() as made:
        one = who()
        made.assign(one, made.role(READER), S)
        made.deny(S, READER, condition=f"{PATH} StringStartsWith 'secret/'")
        asked = [made.allowed(one, READ, G, data=True, attributes={PATH: path}) for path in ("secret/a", "a")]
        assert asked == [False, True]
        assert made.rbac.denied_by(one, READ, G, data=True) is None


def test_who_holds_nothing_is_not_said_to_be_denied() -> None:
    with rights() as made:
        made.deny(S, {"actions": ["*"]})
        assert made.rbac.denied_by(who(), "a", G) is None


def test_grants_to_groups_reach_members_of_members_and_circles_end() -> None:
    with rights() as made:
        one, stranger = who(), who()
        inner = made.group(one)
        outer = made.group(inner)
        made.group(one, outer, identifier=inner)
        made.assign(outer, made.role({"actions": ["*"]}), S)
        assert made.allowed(one, "a", G)
        assert not made.allowed(stranger, "a", G)
        assert set(made.rbac.groups.holding(one)) == {inner, outer}
        assert set(made.rbac.groups.below(outer)) == {inner, one}
        made.group(outer, identifier=inner)
        assert not made.allowed(one, "a", G)


def test_a_deny_of_a_group_reaches_its_members() -> None:
    with rights() as made:
        one = who()
        made.assign(one, made.role({"actions": ["*"]}), S)
        group = made.group(one)
        made.deny(S, {"actions": ["a"]}, principals=[group])
        assert not made.allowed(one, "a", G)


def test_rights_can_be_cleared_for_the_next_case() -> None:
    with rights() as made:
        one, role = who(), made.role({"actions": ["*"]})
        made.assign(one, role, S)
        made.deny(G, {"actions": ["*"]})
        made.group(one)
        made.clear()
        assert not made.allowed(one, "a", S)
        assert (made.rbac.assignments(), made.rbac.denies.all(), made.rbac.groups.all()) == ([], [], [])
        assert made.rbac.role(role) is None


def test_ten_thousand_cases_are_made_and_asked_in_seconds() -> None:
    chance, started = random.Random(5), time.process_time()
    with rights() as made:
        for _ in range(10_000):
            one, path = who(), chance.choice("pqr")
            made.assign(one, made.role(READER), G, f"{PATH} StringEquals '{path}'")
            denied = chance.random() < 0.1
            if denied:
                made.deny(G, READER, principals=[one])
            asked = chance.choice("pqr")
            allowed = made.allowed(one, READ, G, data=True, attributes={PATH: asked})
            assert allowed is (asked == path and not denied)
            made.clear()
    spent = time.process_time() - started
    sys.stdout.write(f"10,000 cases in {spent:.1f} s of CPU" + "\n")
    assert spent < 20
