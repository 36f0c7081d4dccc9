# SPDX-License-Identifier: Apache-2.0
"""Networks, roles, ACLs and modes that refuse a job, and what the job then says."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.tests.services.machinelearning.lab import BASE, Lab

DENY = {"defaultAction": "Deny", "bypass": "None", "ipRules": []}
_RESOLUTION = "ScriptExecution.StreamAccess.Authentication.AzureIdentityAccessTokenResolution."


def test_a_firewall_that_does_not_know_the_compute_refuses_the_mount(lab: Lab) -> None:
    uri = lab.store("plain")
    lab.account("vault0", networkAcls={**DENY, "ipRules": [{"value": "203.0.113.10"}]})
    error = lab.reading("walled", uri)
    assert "Some(This request is not authorized to perform this operation.)" in error
    assert "AuthorizationFailure" in lab.data_log("walled")
    assert error in lab.data_log("walled")
    lab.account("vault0", networkAcls={**DENY, "ipRules": [{"value": "198.51.100.20"}]})
    assert lab.reading("admitted", uri) == ""


@pytest.mark.parametrize(
    ("properties", "may_look", "code"),
    [
        ({}, False, "FirewallSettingsResolutionFailure"),
        ({"publicNetworkAccess": "Disabled"}, True, "PrivateEndpointResolutionFailure"),
        ({"networkAcls": DENY}, True, "NetworkIsolationViolated"),
    ],
)
def test_where_the_workspace_looks_first_the_network_has_codes_of_its_own(
    lab: Lab, properties: dict[str, Any], may_look: bool, code: str
) -> None:
    access = "WorkspaceSystemAssignedIdentity"
    uri = lab.store("looked", serviceDataAccessAuthIdentity=access)
    if may_look:
        lab.assign(lab.arm("GET", "").json()["identity"]["principalId"], "Reader")
    lab.account("vault0", **properties)
    error = lab.reading(f"looked-{code}", uri)
    assert f"Error Code: {_RESOLUTION}{code}" in error
    assert f"{code}Exception was caused by" in error


def test_an_account_that_is_not_where_the_datastore_says_is_an_invalid_resource(lab: Lab) -> None:
    error = lab.reading("astray", lab.store("astray", resourceGroup="elsewhere"))
    assert f"Error Code: {_RESOLUTION}InvalidResource" in error


# What roles, ACLs and modes let through


def test_a_path_that_an_acl_hides_reads_as_not_found(lab: Lab) -> None:
    uri, powerless = lab.store("plain"), lab.managed("powerless")
    me = lab.identity("powerless").principal_id
    entry = f"{BASE},user:{me}:"
    lab.acl("in/a.txt", f"{entry}r--")
    lab.acl("in", f"{entry}r-x")
    assert "ScriptExecution.StreamAccess.NotFound" in lab.reading("hidden", uri, identity=powerless)
    lab.acl("", f"{entry}--x")
    assert lab.reading("shown", uri, identity=powerless) == ""
    for path in ("in/a.txt", "in", ""):
        lab.acl(path, BASE)
    assert "StreamAccess.Authentication" in lab.reading("forgotten", uri, identity=powerless)


def test_a_download_names_the_operation_and_the_role(lab: Lab) -> None:
    error = lab.reading("download", lab.store("plain"), "Download", identity=lab.managed("powerless"))
    assert "Identity authentication failed for 'StreamInfo Read' operation at 'https://vault0.blob." in error


def test_a_write_without_the_role_is_refused_as_in_the_public_report(lab: Lab) -> None:
    error = lab.writing("write", lab.store("plain"), identity=lab.managed("powerless"))
    assert "Error Code: ScriptExecution.WriteStreams.Authentication" in error
    assert "=> Permission denied while trying to write: None." in error


def test_a_write_through_a_firewall_says_why(lab: Lab) -> None:
    uri = lab.store("plain")
    lab.account("vault0", publicNetworkAccess="Disabled")
    error = lab.writing("write-walled", uri)
    assert "ScriptExecution.WriteStreams.Authentication" in error
    assert "This request is not authorized to perform this operation." in error


@pytest.mark.parametrize(("mode", "outcome"), [(None, "Failed"), ("Download", "Completed")])
def test_an_input_that_is_mounted_cannot_be_written(lab: Lab, mode: str | None, outcome: str) -> None:
    inputs = {"in": {"jobInputType": "uri_folder", "uri": lab.store("plain"), "mode": mode}}
    name = f"into-input-{mode}"
    assert lab.ended(name, command="echo x > ${{inputs.in}}/mine", inputs=inputs) == outcome
    if outcome == "Failed":
        assert "OSError: [Errno 30] Read-only file system: '" in lab.error(name)


def test_code_that_is_imported_from_an_input_writes_nothing_there(lab: Lab) -> None:
    lab.lake.write("vault0", "data", "in/module.py", b"WORD = 'imported'\n")
    inputs = {"in": {"jobInputType": "uri_folder", "uri": lab.store("plain")}}
    command = "cd ${{inputs.in}} && python -c 'import module; print(module.WORD)'"
    assert lab.ended("imports", command=command, inputs=inputs) == "Completed", lab.error("imports")
    assert "imported" in lab.log("imports")
