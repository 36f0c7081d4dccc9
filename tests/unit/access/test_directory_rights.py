# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from airflow_provider_azureml.access.directory_rights import Holder, Right
from airflow_provider_azureml.connection import CLOUDS
from airflow_provider_azureml.rest.graph import AppRole, Owned, Permissions
from tests.unit.access.azure import given, owned

OWNED_BY, READ, WRITE = "Application.ReadWrite.OwnedBy", "Application.Read.All", "Directory.ReadWrite.All"
GRAPH = Permissions("oid-graph", {name.lower(): name for name in (OWNED_BY, READ, WRITE)})
HOLDER = Holder(CLOUDS["public"], "oid", {"registry": "client-registry"})
OTHER = AppRole("given-x", "0" * 8, "oid-api", "Payroll")


def permissions(declared: list[str], held: list[AppRole], known: Permissions | None = GRAPH) -> list[Right]:
    return list(HOLDER.permissions(declared, held, known, "" if known else "403 No"))


def states(found: list[Right]) -> list[tuple[str, str, str]]:
    return [(each.what, each.state, each.verdict) for each in found]


def test_a_declared_permission_that_is_held_is_ok() -> None:
    assert states(permissions([OWNED_BY], [given(OWNED_BY)])) == [
        (f"Graph permission {OWNED_BY}", "OK", "ALLOWED")
    ]


def test_a_permission_that_nobody_gave_is_missing_and_denied_unless_another_one_may_do() -> None:
    assert states(permissions([OWNED_BY], [])) == [(f"Graph permission {OWNED_BY}", "MISSING", "DENIED")]
    missing, extra = permissions([OWNED_BY], [given(WRITE)])
    assert (missing.state, missing.verdict) == ("MISSING", "")
    assert (extra.state, extra.verdict) == ("EXTRA", "ALLOWED")


def test_a_name_that_graph_does_not_have_is_missing_and_says_so() -> None:
    (only,) = permissions(["Application.Write.All"], [])
    assert (only.state, only.reason) == ("MISSING", "Graph has no application permission of this name")


def test_what_was_given_and_nobody_declared_is_extra_with_the_command_that_takes_it() -> None:
    (only,) = permissions([], [given(WRITE)])
    assert (only.what, only.state) == (f"Graph permission {WRITE}", "EXTRA")
    assert only.mend == (
        "az rest --method DELETE --url "
        f"https://graph.microsoft.com/v1.0/servicePrincipals/oid/appRoleAssignments/given-{WRITE}"
    )


def test_a_role_of_another_application_is_extra_whatever_that_one_is_called() -> None:
    masked = AppRole("given-y", READ.lower(), "oid-stranger", "Microsoft Graph")
    found = permissions([READ], [OTHER, masked])
    assert states(found) == [
        (f"Graph permission {READ}", "MISSING", "DENIED"),
        ("role 00000000 of application 'Payroll'", "EXTRA", "ALLOWED"),
        (f"role {READ.lower()} of application 'Microsoft Graph'", "EXTRA", "ALLOWED"),
    ]


def test_where_graph_does_not_tell_its_permissions_only_what_is_declared_is_unknown() -> None:
    found = permissions([READ], [given(READ), OTHER], None)
    assert [(each.state, "403 No" in each.reason) for each in found] == [
        ("UNKNOWN", True),
        ("UNKNOWN", True),
        ("EXTRA", False),
    ]
    assert states(permissions([], [given(READ)], None)) == [
        (f"Graph permission {READ.lower()}", "EXTRA", "ALLOWED")
    ]
    assert states(permissions([READ], [], None))[0][1] == "MISSING"


def test_applications_that_are_owned_are_compared_by_name() -> None:
    assert states(list(HOLDER.owned(["Legacy", "gone"], [owned("legacy"), owned("other")]))) == [
        ("owner of application 'Legacy'", "OK", ""),
        ("owner of application 'gone'", "MISSING", ""),
        ("owner of application 'other'", "EXTRA", ""),
    ]


def test_an_application_of_the_manifest_is_told_by_its_client_id_from_one_of_the_same_name() -> None:
    missing, extra = HOLDER.owned(["registry"], [owned("registry", "client-decoy")])
    assert (missing.state, missing.reason) == ("MISSING", "it is no owner of it (client id client-registry)")
    assert (extra.state, extra.reason) == (
        "EXTRA",
        "an owner may make itself a secret of it (client id client-decoy)",
    )
    assert extra.mend == "az ad app owner remove --id oid-registry --owner-object-id oid"
    (renamed,) = HOLDER.owned(["registry"], [owned("other", "client-registry")])
    assert renamed.state == "OK"


def test_of_two_applications_of_one_name_one_is_extra() -> None:
    assert [each.state for each in HOLDER.owned(["twin"], [owned("twin", "a"), owned("twin", "b")])] == [
        "OK",
        "EXTRA",
    ]


def test_groups_are_extra_and_service_principals_but_those_of_a_declared_application() -> None:
    group = Owned("group", "oid-group")
    mine, strange = Owned("servicePrincipal", "sp-1", "client-a"), Owned("servicePrincipal", "sp-2", "b", "b")
    found = list(HOLDER.owned(["a"], [owned("a"), group, mine, strange, Owned("endpoint", "e")]))
    assert [(each.what, each.state) for each in found] == [
        ("owner of application 'a'", "OK"),
        ("owner of group 'oid-group'", "EXTRA"),
        ("owner of service principal 'b'", "EXTRA"),
    ]
    assert found[1].reason == "an owner may put anybody into it"
    assert found[1].mend == "az ad group owner remove --group oid-group --owner-object-id oid"
    assert found[2].mend.endswith("'https://graph.microsoft.com/v1.0/servicePrincipals/sp-2/owners/oid/$ref'")
