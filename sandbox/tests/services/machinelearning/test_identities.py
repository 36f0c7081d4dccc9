# SPDX-License-Identifier: Apache-2.0
"""Which identity mounts, and who may attach one."""

from __future__ import annotations

from sandbox.tests.services.machinelearning.lab import Lab


def test_a_cluster_mounts_with_its_first_identity_whatever_the_job_names(lab: Lab) -> None:
    uri = lab.store("mounted")
    runner, powerless = (lab.identity(name).resource_id for name in ("runner", "powerless"))
    body = {"properties": {"computeType": "AmlCompute"}}
    compute = f"{lab.scope}/computes/multi"
    named = lab.managed("powerless")
    for first, second, outcome in ((runner, powerless, ""), (powerless, runner, "StreamAccess")):
        identity = {"type": "UserAssigned", "userAssignedIdentities": {first: {}, second: {}}}
        lab.admin("PUT", "/computes/multi", {**body, "identity": identity})
        shown = list(lab.arm("GET", "/computes/multi").json()["identity"]["userAssignedIdentities"])
        assert shown == [first, second]
        label = "first" if outcome == "" else "second"
        assert outcome in lab.reading(f"mount-{label}", uri, computeId=compute, identity=named)


def test_code_on_a_machine_of_several_identities_must_name_one(lab: Lab) -> None:
    runner, powerless = (lab.identity(name).resource_id for name in ("runner", "powerless"))
    identity = {"type": "UserAssigned", "userAssignedIdentities": {runner: {}, powerless: {}}}
    lab.admin("PUT", "/computes/two", {"properties": {"computeType": "AmlCompute"}, "identity": identity})
    ask = (
        'curl -s --noproxy "*" -H "secret: $MSI_SECRET" '
        '"$MSI_ENDPOINT?api-version=2017-09-01&resource=https://storage.azure.com/'
    )
    client = lab.identity("powerless").client_id
    command = f'{ask}"; {ask}&clientid={client}" | grep -o "client_id[^,]*"; {ask}&clientid=nobody"'
    named = lab.managed("powerless")
    job = lab.ended("codes", command=command, computeId=f"{lab.scope}/computes/two", identity=named)
    assert job == "Completed", lab.error("codes")
    log = lab.log("codes")
    assert "Multiple user assigned identities exist, please specify the clientId" in log
    assert client in log
    assert "Identity not found" in log


def test_a_cluster_without_identity_has_nothing_to_mount_with(lab: Lab) -> None:
    uri = lab.store("mounted")
    lab.admin("PUT", "/computes/bare", {"properties": {"computeType": "AmlCompute"}})
    assert lab.arm("GET", "/computes/bare").json()["identity"] is None
    error = lab.reading("bare", uri, computeId=f"{lab.scope}/computes/bare", identity=None)
    assert 'StreamError(PermissionDenied(Some(AuthenticationError("Identity not found"))))' in error


def test_a_job_under_aml_token_has_no_identity_for_data(lab: Lab) -> None:
    error = lab.reading("token", lab.store("mounted"), identity={"identityType": "AMLToken"})
    assert "ScriptExecution.StreamAccess.Authentication" in error


def test_a_kubernetes_mount_is_refused_in_its_own_words(lab: Lab) -> None:
    identity = {"type": "UserAssigned", "userAssignedIdentities": {lab.identity("powerless").resource_id: {}}}
    lab.admin("PUT", "/computes/k8s", {"properties": {"computeType": "Kubernetes"}, "identity": identity})
    error = lab.reading("k8s", lab.store("mounted"), computeId=f"{lab.scope}/computes/k8s", identity=None)
    assert error.startswith("Permission denied on storage mount. Failed to mount URI azureml://")
    assert "permission denied when access stream" in error


def test_a_patch_of_the_workspace_replaces_its_identities(lab: Lab) -> None:
    both = {lab.identity(name).resource_id: {} for name in ("runner", "powerless")}
    uri = lab.store("mounted")
    try:
        only = {lab.identity("powerless").resource_id: {}}
        kind = "SystemAssigned,UserAssigned"
        lab.admin("PATCH", "", {"identity": {"type": kind, "userAssignedIdentities": only}})
        answer = lab.submit("lost")
        assert answer.status_code == 400
        assert "is not assigned to workspace ws" in answer.json()["error"]["message"]
    finally:
        lab.admin("PATCH", "", {"identity": {"type": kind, "userAssignedIdentities": both}})
    assert lab.reading("found-again", uri) == ""


def test_who_attaches_an_identity_must_be_allowed_to_assign_it(lab: Lab) -> None:
    detached = {lab.identity("detached").resource_id: {}}
    identity = {"type": "UserAssigned", "userAssignedIdentities": detached}
    body = {"properties": {"computeType": "AmlCompute"}, "identity": identity}
    for method, path in (("PUT", "/computes/stolen"), ("PATCH", "")):
        answer = lab.as_("deputy").arm(method, path, body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "LinkedAuthorizationFailed")
