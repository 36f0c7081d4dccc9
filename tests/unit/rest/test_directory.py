# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from airflow_provider_azureml.connection import CLOUDS
from airflow_provider_azureml.rest import directory
from airflow_provider_azureml.rest.graph import service_principals_named
from tests.unit.canned import CannedHook

CLOUD = CLOUDS["public"]
SCOPE = "/subscriptions/s"


def test_managed_identities_come_with_all_their_ids_over_all_pages() -> None:
    item = {"id": "/i/a", "name": "a", "properties": {"clientId": "c", "principalId": "p"}}
    hook = CannedHook().on(
        "GET",
        "/userAssignedIdentities",
        {
            "value": [item],
            "nextLink": "https://management.azure.com/subscriptions/s/userAssignedIdentities?p=2",
        },
        {"value": [{**item, "name": "b"}]},
    )
    found = hook.run(directory.managed_identities(CLOUD, SCOPE))
    assert [each.name for each in found] == ["a", "b"]
    assert (found[0].resource_id, found[0].client_id, found[0].object_id) == ("/i/a", "c", "p")


def test_whom_a_managed_identity_trusts_reads_like_an_applications() -> None:
    item = {"name": "pod", "properties": {"issuer": "https://i", "subject": "s", "audiences": ["a"]}}
    hook = CannedHook().on("GET", "/federatedIdentityCredentials", {"value": [item]})
    (found,) = hook.run(directory.trusts_of_managed(CLOUD, "/i/a"))
    assert (found.name, found.issuer, found.subject, found.audiences) == ("pod", "https://i", "s", ("a",))


def test_denies_of_a_whole_subscription_are_asked_for_without_a_filter() -> None:
    item = {
        "id": "/d",
        "properties": {"denyAssignmentName": "lock", "scope": SCOPE, "principals": [{"id": "P"}]},
    }
    hook = CannedHook().on("GET", "/denyAssignments", {"value": [item]})
    (found,) = hook.run(directory.denies_in(CLOUD, SCOPE))
    assert (found.name, found.principals) == ("lock", frozenset({"p"}))
    assert "filter" not in hook.requests[0].url


def test_an_account_that_says_nothing_takes_keys_and_has_no_firewall() -> None:
    hook = CannedHook().on("GET", "/storageAccounts/a", {"name": "a", "properties": {}})
    found = hook.run(directory.storage_account(CLOUD, f"{SCOPE}/storageAccounts/a"))
    assert (found.has_shared_key, found.default_action, found.public_network) == (True, "Allow", "Enabled")
    closed = {
        "allowSharedKeyAccess": False,
        "networkAcls": {"defaultAction": "Deny"},
        "publicNetworkAccess": "Disabled",
    }
    hook.on("GET", "/storageAccounts/a", {"name": "a", "properties": closed})
    found = hook.run(directory.storage_account(CLOUD, f"{SCOPE}/storageAccounts/a"))
    assert (found.has_shared_key, found.default_action, found.public_network) == (False, "Deny", "Disabled")


def test_vaults_say_whether_roles_count_there() -> None:
    items = [
        {"id": "/v/1", "name": "1", "properties": {"enableRbacAuthorization": False}},
        {"id": "/v/2", "name": "2", "properties": {"enableRbacAuthorization": True}},
        {"id": "/v/3", "name": "3", "properties": {"enableRbacAuthorization": None}},
        {"id": "/v/4", "name": "4", "properties": {}},
    ]
    hook = CannedHook().on("GET", "/vaults", {"value": items})
    assert [each.has_roles for each in hook.run(directory.vaults(CLOUD, SCOPE))] == [
        False,
        True,
        False,
        False,
    ]


def test_principals_of_one_display_name_are_all_found_whatever_the_name_holds() -> None:
    item = {"id": "o", "appId": "a", "displayName": "it's"}
    hook = CannedHook().on("GET", "/servicePrincipals", {"value": [item, item]})
    assert len(hook.run(service_principals_named(CLOUD, "it's"))) == 2
    assert "eq%20'it%27%27s'" in hook.requests[0].url
