# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace

from airflow_provider_azureml.access.declared import DeclaredGrant
from airflow_provider_azureml.access.evaluate import Deny, Permission
from airflow_provider_azureml.access.holding import Holding, as_grants, differing, uses
from airflow_provider_azureml.access.roles import ROLES
from airflow_provider_azureml.rest.authorization import Assignment, RoleDefinition
from tests.unit.access.places import RAW, VAULT, WORKSPACE

READER = ROLES["Storage Blob Data Reader"]
GRANT = DeclaredGrant(READER.name, RAW, access="read", prefix="flights/")


def test_a_grant_is_for_what_it_was_declared_as() -> None:
    assert {need.action.rpartition("/")[2] for need in uses(GRANT, READER)} == {"read"}
    assert {
        str(need.attributes.get("path", need.attributes.get("prefix"))) for need in uses(GRANT, READER)
    } == {"flights/"}
    secret = DeclaredGrant("Key Vault Secret Rotator", f"{VAULT}/secrets/s", access="rotate")
    assert len(uses(secret, ROLES[secret.role])) == 4
    control = DeclaredGrant("AML Job Submitter", WORKSPACE)
    assert all("*" not in need.action for need in uses(control, ROLES[control.role]))


def test_a_role_is_recognised_by_its_guid_where_it_could_not_be_read() -> None:
    held = Assignment("/ra", "p", f"/x/{READER.guid}", RAW.upper())
    assert Holding("p", [held], {}).state(GRANT, READER)[0] == "OK"
    assert Holding("p", [held], {}).role_name(held) == READER.guid


def test_what_the_manifest_grants_is_judged_like_what_azure_grants() -> None:
    (grant,) = as_grants([(GRANT, READER)])
    assert (grant.scope, grant.role_name) == (RAW, READER.name)


def test_more_and_less_of_a_custom_role_are_told_apart() -> None:
    role = ROLES["Key Vault Secret Rotator"]
    held = RoleDefinition("/r", "g", role.name, role.permissions)
    assert differing(role, held) == ""
    other = replace(
        held, permissions=(Permission(("a/b",), data_actions=role.permissions[0].data_actions[1:]),)
    )
    assert "lacks data " in differing(role, other)
    assert "has more: a/b" in differing(role, other)


def test_a_role_that_could_not_be_read_hides_no_deny() -> None:
    held = Assignment("/ra", "p", f"/x/{READER.guid}", RAW)
    need = uses(GRANT, READER)[0]
    assert Holding("p", [held], {}).allows(need).verdict == "UNKNOWN"
    deny = Deny("d", "lock", RAW, (Permission(data_actions=("*",)),), frozenset({"p"}))
    assert Holding("p", [held], {}, [deny]).allows(need).by == "d"
