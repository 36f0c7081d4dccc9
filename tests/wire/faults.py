# SPDX-License-Identifier: Apache-2.0
"""What can go wrong, each made with ordinary calls, and the patient that fails of it.

A fault is (name, row of the table, how it is made, what then fails, what the doctor is told).
"""

from __future__ import annotations

import json
import os
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from airflow_provider_azureml.hooks.azureml import AzureMLHook
from airflow_provider_azureml.hooks.lake import AzureDataLakeHook
from airflow_provider_azureml.rest import graph
from tests.wire.clinic import Clinic, Outcome

TRAIN, REGISTRY, LAND = "azureml_train", "azureml_registry", "azureml_land"
ROTATION, TRAIN_VARIABLE = "azureml_rotation", "AIRFLOW_CONN_AZUREML_TRAIN"
ML, STORAGE = "Microsoft.MachineLearningServices/workspaces", "Microsoft.Storage/storageAccounts"
AML, ACCOUNTS, VAULTS = "2024-10-01", "2023-05-01", "2023-07-01"
REGISTRIES, IMAGES = "Microsoft.ContainerRegistry/registries", "2025-11-01"
ACR_PULL = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
Make = Callable[[Clinic], None]
Run = Callable[[Clinic], Outcome]
Heed = Callable[[Clinic, str], Run]
"""Where the mend is a step for a person and no command: the text, and the patient after it was heeded."""


@dataclass(frozen=True)
class Fault:
    """One fault.

    :param by: what the doctor is told beside the connection: the `job`, the `text`, or nothing.
    """

    name: str
    row: int
    make: Make
    run: Run
    conn: str = TRAIN
    by: str = "job"
    heed: Heed | None = None

    def __str__(self) -> str:
        return f"{self.row:>2} {self.name}"


# --- patients -------------------------------------------------------------------------------------


def reading(store: str = "features", mode: str = "ro_mount", **changed: Any) -> Run:
    """A job that lists a folder with one file in it."""

    def run(clinic: Clinic) -> Outcome:
        path = f"azureml://datastores/{store}/paths/clinic"
        given = {"d": {"type": "uri_folder", "path": path, "mode": mode}}
        return clinic.run(clinic.job(command="ls ${{inputs.d}}", inputs=given, **changed))

    return run


def writing(clinic: Clinic) -> Outcome:
    path = f"azureml://datastores/models/paths/clinic/{uuid.uuid4()}"
    command = "echo hello > ${{outputs.o}}/file"
    return clinic.run(clinic.job(command=command, outputs={"o": {"type": "uri_folder", "path": path}}))


def submitting(clinic: Clinic) -> Outcome:
    return clinic.run(clinic.job())


def uploading(clinic: Clinic) -> Outcome:
    return clinic.run(clinic.job(code=str(Path(__file__).parent / "jobs" / "train"), command="ls main.py"))


def on_compute(name: str, command: str = "ls ${{inputs.d}}", **changed: Any) -> Run:
    def run(clinic: Clinic) -> Outcome:
        path = "azureml://datastores/features/paths/clinic"
        given = {"d": {"type": "uri_folder", "path": path}}
        return clinic.run(clinic.job(command=command, inputs=given, compute=f"azureml:{name}", **changed))

    return run


def signing_in(conn: str) -> Run:
    return lambda clinic: clinic.sign_in(conn)


def landing(clinic: Clinic) -> Outcome:
    return clinic.attempt(
        lambda: AzureDataLakeHook(LAND).upload_bytes(
            "raw", f"clinic/{uuid.uuid4()}", b"1,2\n", overwrite=True
        )
    )


def in_registry(name: str) -> Run:
    return lambda clinic: clinic.run(clinic.job(environment={"image": f"{name}.azurecr.io/train:1"}))


# --- faults ---------------------------------------------------------------------------------------


def revoked(principal: str, scope_end: str) -> Make:
    return lambda clinic: clinic.revoke(principal, scope_end)


def account(name: str, group: str = "nightly", **properties: Any) -> Make:
    def make(clinic: Clinic) -> None:
        clinic.arm("PATCH", clinic.resource(STORAGE, name, group), {"properties": properties}, ACCOUNTS)

    return make


def keyed_datastore(clinic: Clinic, name: str = "keyed") -> None:
    """A datastore that stores an account key, on an account that takes keys."""
    account("nightlylake", allowSharedKeyAccess=True)(clinic)
    lake = clinic.resource(STORAGE, "nightlylake")
    key = clinic.arm("POST", f"{lake}/listKeys", version=ACCOUNTS)["keys"][0]["value"]
    put_datastore(
        clinic, name, {"credentialsType": "AccountKey", "secrets": {"secretsType": "AccountKey", "key": key}}
    )
    assert not reading(name)(clinic).text


def put_datastore(clinic: Clinic, name: str, credentials: dict[str, Any], **changed: Any) -> None:
    body = {
        "datastoreType": "AzureDataLakeGen2",
        "accountName": "nightlylake",
        "filesystem": "features",
        "resourceGroup": "nightly",
        "subscriptionId": clinic.subscription,
        "credentials": credentials,
        **changed,
    }
    clinic.arm("PUT", f"{clinic.sandbox.workspace()}/datastores/{name}", {"properties": body}, AML)


def keys_off(clinic: Clinic) -> None:
    keyed_datastore(clinic)
    account("nightlylake", allowSharedKeyAccess=False)(clinic)


def stale_key(clinic: Clinic) -> None:
    keyed_datastore(clinic, "stale")
    lake = clinic.resource(STORAGE, "nightlylake")
    clinic.arm("POST", f"{lake}/regenerateKey", {"keyName": "key1"}, ACCOUNTS)


def looked_at_first(clinic: Clinic) -> None:
    put_datastore(
        clinic,
        "watched",
        {"credentialsType": "None"},
        serviceDataAccessAuthIdentity="WorkspaceSystemAssignedIdentity",
    )


def hidden(clinic: Clinic) -> None:
    """Access by ACL alone, and a folder above that does not let it through."""
    clinic.revoke("run-train", "/containers/features")
    who = clinic.sandbox.principal("run-train")["object_id"]
    full = f"user::rwx,user:{who}:r-x,group::r-x,mask::r-x,other::---"
    passing = f"user::rwx,user:{who}:--x,group::r-x,mask::r-x,other::---"
    clinic.lake("PUT", "features/clinic/deep?resource=directory")
    clinic.lake("PUT", "features/clinic/deep/file.csv?resource=file")
    clinic.lake("PATCH", "features/?action=setAccessControl", **{"x-ms-acl": passing})
    clinic.lake("PATCH", "features/clinic/deep?action=setAccessControl", **{"x-ms-acl": full})
    clinic.lake(
        "PATCH",
        "features/clinic/deep/file.csv?action=setAccessControl",
        **{"x-ms-acl": full.replace("r-x,group", "r--,group")},
    )
    closed = "user::rwx,group::---,other::---"
    clinic.lake("PATCH", "features/clinic?action=setAccessControl", **{"x-ms-acl": closed})


def deep(clinic: Clinic) -> Outcome:
    path = "azureml://datastores/features/paths/clinic/deep"
    given = {"d": {"type": "uri_folder", "path": path}}
    return clinic.run(clinic.job(command="ls ${{inputs.d}}", inputs=given))


def conditional(clinic: Clinic) -> None:
    """The role is there, under a condition that admits another folder."""
    clinic.revoke("run-train", "/containers/features")
    assigned(clinic, clinic.revoked[-1]["properties"]["principalId"], "ServicePrincipal")


def conditional_by_group(clinic: Clinic) -> None:
    """A group that the identity is in has the role, under such a condition; the identity has none itself."""
    clinic.revoke("run-train", "/containers/features")
    assigned(clinic, clinic.group("run-train"), "Group")


def assigned(clinic: Clinic, principal_id: str, kind: str) -> None:
    """What was revoked, for somebody, below another folder."""
    blobs = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
    condition = (
        f"((!(ActionMatches{{'{blobs}/read'}} AND NOT SubOperationMatches{{'Blob.List'}})) OR "
        f"(@Resource[{blobs}:path] StringStartsWith 'other/')) AND "
        f"((!(ActionMatches{{'{blobs}/read'}} AND SubOperationMatches{{'Blob.List'}})) OR "
        f"(@Request[{blobs}:prefix] StringStartsWith 'other/'))"
    )
    told = clinic.revoked[-1]["properties"]
    body = {
        "roleDefinitionId": told["roleDefinitionId"],
        "principalId": principal_id,
        "principalType": kind,
        "condition": condition,
        "conditionVersion": "2.0",
    }
    path = f"{told['scope']}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
    clinic.arm("PUT", path, {"properties": body})


def detached(clinic: Clinic) -> None:
    workspace = clinic.sandbox.workspace()
    identity = clinic.arm("GET", workspace, version=AML)["identity"]
    kept = {name: {} for name in identity["userAssignedIdentities"] if not name.endswith("/run-train")}
    body = {"identity": {"type": identity["type"], "userAssignedIdentities": kept}}
    clinic.arm("PATCH", workspace, body, AML)


def compute(name: str, kind: str, *identities: str) -> Make:
    def make(clinic: Clinic) -> None:
        body: dict[str, Any] = {"location": "eastus", "properties": {"computeType": kind, "properties": {}}}
        if identities:
            ids = {clinic.sandbox.principal(each)["resource_id"]: {} for each in identities}
            body["identity"] = {"type": "UserAssigned", "userAssignedIdentities": ids}
        if kind == "Kubernetes":
            body["properties"]["resourceId"] = clinic.resource(
                "Microsoft.ContainerService/managedClusters", "aks"
            )
        clinic.arm("PUT", f"{clinic.sandbox.workspace()}/computes/{name}", body, AML)

    return make


def both(*makes: Make) -> Make:
    def make(clinic: Clinic) -> None:
        for each in makes:
            each(clinic)

    return make


def registry(name: str) -> Make:
    """A container registry whose admin user is off."""

    def make(clinic: Clinic) -> None:
        scope = clinic.resource(REGISTRIES, name)
        clinic.arm("PUT", scope, {"location": "eastus", "sku": {"name": "Basic"}}, IMAGES)

    return make


def by_repository(clinic: Clinic) -> None:
    """AcrPull is there, on a registry that was switched to repository permissions."""
    registry("clinicrepositories")(clinic)
    scope = clinic.resource(REGISTRIES, "clinicrepositories")
    assignments = f"{scope}/providers/Microsoft.Authorization/roleAssignments"
    acr_pull = (
        f"/subscriptions/{clinic.subscription}/providers/Microsoft.Authorization/roleDefinitions/{ACR_PULL}"
    )
    who = clinic.sandbox.principal("run-train")["object_id"]
    body = {"principalId": who, "principalType": "ServicePrincipal", "roleDefinitionId": acr_pull}
    clinic.arm("PUT", f"{assignments}/{uuid.uuid4()}", {"properties": body})
    assert not in_registry("clinicrepositories")(clinic).text
    clinic.arm("PATCH", scope, {"properties": {"roleAssignmentMode": "AbacRepositoryPermissions"}}, IMAGES)


def trust_gone(clinic: Clinic) -> None:
    """The federated credential's subject differs by one letter."""
    app = clinic.sandbox.principal("airflow-train")["client_id"]
    path = f"applications(appId='{app}')/federatedIdentityCredentials"
    (one,) = clinic.graph("GET", path)["value"]
    clinic.graph("PATCH", f"{path}/{one['id']}", {"subject": one["subject"].swapcase()})


def disabled(clinic: Clinic) -> None:
    app = clinic.sandbox.principal("airflow-train")["client_id"]
    clinic.graph("PATCH", f"servicePrincipals(appId='{app}')", {"accountEnabled": False})


def principal_gone(clinic: Clinic) -> None:
    app = clinic.sandbox.principal("airflow-train")["client_id"]
    clinic.graph("DELETE", f"servicePrincipals(appId='{app}')")


def secret_removed(clinic: Clinic) -> None:
    app = clinic.sandbox.principal("airflow-registry")["client_id"]
    for each in clinic.graph("GET", f"applications(appId='{app}')")["passwordCredentials"]:
        clinic.graph("POST", f"applications(appId='{app}')/removePassword", {"keyId": each["keyId"]})


def secret_expired(clinic: Clinic) -> None:
    app = clinic.sandbox.principal("airflow-registry")["client_id"]
    soon = (datetime.now(timezone.utc) + timedelta(seconds=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    body = {"passwordCredential": {"displayName": "old", "endDateTime": soon}}
    made = clinic.graph("POST", f"applications(appId='{app}')/addPassword", body)
    clinic.vault("PUT", "/secrets/airflow-registry", {"value": made["secretText"]})
    time.sleep(4)


def no_owner(clinic: Clinic) -> None:
    app = clinic.sandbox.principal("airflow-registry")["client_id"]
    owner = clinic.sandbox.principal("airflow-rotation")["object_id"]
    clinic.graph("DELETE", f"applications(appId='{app}')/owners/{owner}/$ref")


def rotating(clinic: Clinic) -> Outcome:
    """The first step of a rotation: which passwords are there?"""
    app = clinic.sandbox.principal("airflow-registry")["client_id"]

    def look() -> None:
        hook = AzureMLHook(ROTATION)
        hook.run(graph.application(hook.settings.cloud, app))

    return clinic.attempt(look)


def nothing(clinic: Clinic) -> None:
    """The fault is in the definition of the job."""


def wrong_tenant(clinic: Clinic) -> None:
    connection = json.loads(os.environ[TRAIN_VARIABLE])
    connection["extra"]["tenant_id"] = "11111111-2222-3333-4444-555555555555"
    os.environ[TRAIN_VARIABLE] = json.dumps(connection)


def set_tenant(clinic: Clinic, advice: str) -> Run:
    found = re.fullmatch(r"Set tenant_id of connection 'azureml_train' to (\S+)\.", advice)
    assert found, advice
    connection = json.loads(os.environ[TRAIN_VARIABLE])
    connection["extra"]["tenant_id"] = found[1]
    os.environ[TRAIN_VARIABLE] = json.dumps(connection)
    return signing_in(TRAIN)


def into_input(clinic: Clinic) -> Outcome:
    given = {"d": {"type": "uri_folder", "path": "azureml://datastores/models/paths/clinic"}}
    clinic.lake("PUT", "models/clinic/f.csv?resource=file")
    return clinic.run(clinic.job(command="echo x > ${{inputs.d}}/mine", inputs=given))


def to_output(clinic: Clinic, advice: str) -> Run:
    assert advice == "Declare an output with mode rw_mount, and write there."
    path = "azureml://datastores/models/paths/clinic"
    declared = {"o": {"type": "uri_folder", "mode": "rw_mount", "path": path}}
    return lambda clinic: clinic.run(clinic.job(command="echo x > ${{outputs.o}}/mine", outputs=declared))


def other_store(clinic: Clinic, advice: str) -> Run:
    found = re.fullmatch(r"Name datastore '(\w+)' in the job's definition\.", advice)
    assert found, advice
    return reading(found[1])


ASK_FOR_TOKEN = (
    'curl -s --noproxy "*" -H "secret: $MSI_SECRET" '
    '"$MSI_ENDPOINT?api-version=2017-09-01&resource=https://storage.azure.com/" | tee /dev/stderr | grep -q access_token'
)


def secret_disabled(clinic: Clinic) -> None:
    clinic.vault("PATCH", "/secrets/airflow-registry/", {"attributes": {"enabled": False}})


def vault_settings(**properties: Any) -> Make:
    def make(clinic: Clinic) -> None:
        clinic.arm(
            "PATCH",
            clinic.resource("Microsoft.KeyVault/vaults", "nightlyvault"),
            {"properties": properties},
            VAULTS,
        )

    return make


FAULTS = (
    Fault(
        "the run identity has no role on its input",
        20,
        revoked("run-train", "/containers/features"),
        reading(),
    ),
    Fault("the condition of its role admits another folder", 20, conditional, reading()),
    Fault("the condition of its group's role admits another folder", 20, conditional_by_group, reading()),
    Fault(
        "a download is refused", 24, revoked("run-train", "/containers/features"), reading(mode="download")
    ),
    Fault(
        "the run identity may not write its output", 26, revoked("run-train", "/containers/models"), writing
    ),
    Fault("a folder above hides what an ACL opens", 27, hidden, deep),
    Fault(
        "a mount on Kubernetes is refused",
        28,
        both(compute("aks", "Kubernetes", "run-train"), revoked("run-train", "/containers/features")),
        on_compute("aks"),
    ),
    Fault(
        "the firewall of the lake refuses the compute",
        21,
        account("nightlylake", networkAcls={"defaultAction": "Deny", "ipRules": [{"value": "203.0.113.10"}]}),
        reading(),
    ),
    Fault("the workspace looks first, and is refused", 23, looked_at_first, reading("watched")),
    Fault("keys are switched off, and the datastore stores one", 19, keys_off, reading("keyed")),
    Fault("the stored key was regenerated", 25, stale_key, reading("stale")),
    Fault(
        "a compute target has no identity",
        11,
        compute("bare", "AmlCompute"),
        on_compute("bare", identity=None),
    ),
    Fault(
        "code on a target of several identities names none",
        10,
        compute("two", "AmlCompute", "run-train", "run-prep"),
        on_compute("two", ASK_FOR_TOKEN),
    ),
    Fault(
        "the compute target does not have the identity that the job names",
        37,
        compute("other", "AmlCompute", "run-prep"),
        on_compute("other"),
        by="text",
    ),
    Fault("no owner of the application that is to be rotated", 35, no_owner, rotating, ROTATION, "text"),
    Fault("the connection names another tenant", 7, wrong_tenant, signing_in(TRAIN), by="", heed=set_tenant),
    Fault("a job writes into an input", 29, nothing, into_input, heed=to_output),
    Fault(
        "a job names a datastore that is not there",
        38,
        nothing,
        reading("featurs"),
        by="text",
        heed=other_store,
    ),
    Fault("the workspace has lost the run identity", 37, detached, submitting, by="text"),
    Fault(
        "the submitter may not assign the run identity",
        15,
        revoked("airflow-train", "/run-train"),
        submitting,
        by="text",
    ),
    Fault(
        "the submitter has no role in the workspace",
        17,
        revoked("airflow-train", "/workspaces/nightly"),
        submitting,
        by="text",
    ),
    Fault("the subject of the trust differs in case", 4, trust_gone, signing_in(TRAIN), by=""),
    Fault("the service principal is disabled", 8, disabled, signing_in(TRAIN), by=""),
    Fault("the client secret was removed", 2, secret_removed, signing_in(REGISTRY), REGISTRY, ""),
    Fault("the client secret has expired", 1, secret_expired, signing_in(REGISTRY), REGISTRY, ""),
    Fault("the secret in the vault is disabled", 34, secret_disabled, signing_in(REGISTRY), REGISTRY, ""),
    Fault(
        "the reader of the secret has no role on it",
        31,
        revoked("registry-reader", "/secrets/airflow-registry"),
        signing_in(REGISTRY),
        REGISTRY,
        "",
    ),
    Fault(
        "the vault was switched to access policies",
        32,
        vault_settings(enableRbacAuthorization=False),
        signing_in(REGISTRY),
        REGISTRY,
        "",
    ),
    Fault(
        "the firewall of the vault refuses the worker",
        33,
        vault_settings(networkAcls={"defaultAction": "Deny", "bypass": "None"}),
        signing_in(REGISTRY),
        REGISTRY,
        "",
    ),
    Fault(
        "the run identity may not pull the image", 36, registry("clinicimages"), in_registry("clinicimages")
    ),
    Fault("the registry does not heed AcrPull", 36, by_repository, in_registry("clinicrepositories")),
    # The last one: a new service principal has none of the old one's roles.
    Fault("the service principal was deleted", 3, principal_gone, signing_in(TRAIN), by=""),
)
