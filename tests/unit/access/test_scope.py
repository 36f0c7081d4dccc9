# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from airflow_provider_azureml.access.scope import Places, ScopeError, before, group_of, short, subscription_of
from tests.unit.access.manifests import SOUND

PLACES = Places.of(SOUND)


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("subscription", "000000000001"),
        ("group:batch", "/resourceGroups/batch"),
        ("account:nightlylake", "/nightly/providers/Microsoft.Storage/storageAccounts/nightlylake"),
        ("container:nightlylake/raw", "/nightlylake/blobServices/default/containers/raw"),
        ("vault:nightlyvault", "/resourceGroups/other/providers/Microsoft.KeyVault/vaults/nightlyvault"),
        ("secret:nightlyvault/db", "/vaults/nightlyvault/secrets/db"),
        ("workspace:nightly", "/Microsoft.MachineLearningServices/workspaces/nightly"),
        ("identity:run", "/Microsoft.ManagedIdentity/userAssignedIdentities/run"),
    ],
)
def test_each_short_form_is_an_arm_id_and_comes_back(text: str, end: str) -> None:
    found = PLACES.arm_id(text)
    assert found.startswith(f"/subscriptions/{SOUND['subscription_id']}")
    assert found.endswith(end)
    assert short(found) == text


def test_an_arm_id_without_a_short_form_stays() -> None:
    other = f"{PLACES.subscription}/resourceGroups/g/providers/Microsoft.Insights/components/c"
    assert short(PLACES.arm_id(other + "/")) == other
    below = PLACES.arm_id("workspace:nightly") + "/computes/c"
    assert short(below) == below


@pytest.mark.parametrize(
    "text", ["workspace:none", "container:none/raw", "secret:none/x", "/subscriptions/9/x"]
)
def test_a_scope_that_leads_nowhere_says_where_it_should_lead(text: str) -> None:
    with pytest.raises(ScopeError) as caught:
        PLACES.arm_id(text)
    assert caught.value.mend


def test_a_scope_says_which_subscription_it_lies_in_if_any() -> None:
    assert (
        subscription_of("/SUBSCRIPTIONS/ABC/resourceGroups/g")
        == subscription_of("/subscriptions/abc")
        == "abc"
    )
    assert subscription_of("/providers/Microsoft.Management/managementGroups/m") == subscription_of("/") == ""


def test_a_scope_says_which_resource_group_it_lies_in_if_any() -> None:
    assert (group_of(PLACES.arm_id("vault:nightlyvault")), group_of("/subscriptions/s")) == ("other", "")


def test_a_scope_is_cut_before_a_part_however_that_is_spelled() -> None:
    found = before("/subscriptions/s/providers/m/storageAccounts/a/blobservices/default", "/blobServices/")
    assert found == "/subscriptions/s/providers/m/storageAccounts/a"
    assert before("/subscriptions/s", "/blobServices/") == "/subscriptions/s"


def test_a_manifest_speaks_of_its_own_subscription_only() -> None:
    assert PLACES.holds(PLACES.arm_id("account:nightlylake").upper())
    assert not PLACES.holds("/subscriptions/9/resourceGroups/nightly")


def test_a_short_form_is_written_only_where_it_leads_back_to_the_same_place() -> None:
    own, twin = PLACES.resource("identity", "run"), PLACES.resource("identity", "run", "elsewhere")
    assert (PLACES.written(own.replace("nightly", "NIGHTLY")), PLACES.written(twin)) == ("identity:run", twin)
    stranger = f"{PLACES.subscription}/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/none"
    assert [PLACES.written(each) for each in (stranger, "/w")] == [stranger, "/w"]
