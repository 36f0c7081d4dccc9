# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_azureml.checks.vault import vaults
from airflow_provider_azureml.connection import parse
from tests.unit.canned import DENIED, CannedHook
from tests.unit.checks.patients import EXTRA, GROUP, GUID, Patient, case, holding

VAULT = f"{GROUP}/providers/Microsoft.KeyVault/vaults/v"
SECRET = f"{VAULT}/secrets/n"
PRINCIPAL = {"id": "o-run", "appId": GUID, "displayName": "reader", "accountEnabled": True}


def patient(**properties: Any) -> CannedHook:
    hook = Patient()
    extra = {
        **EXTRA,
        "credential_vault_url": "https://v.vault.azure.net",
        "credential_name": "n",
        "credential_reader_client_id": GUID,
    }
    hook.settings = parse("azureml_train", "azureml", None, None, None, extra)
    told = {"enableRbacAuthorization": True, **properties}
    hook.on("GET", "/vaults", {"value": [{"id": VAULT, "name": "v", "properties": told}]})
    return hook.on("GET", r"/servicePrincipals.*", PRINCIPAL)


def found(hook: CannedHook, error: str = "none") -> Any:
    (one,) = vaults(case(hook, error=error))
    return one


def test_a_reader_with_the_role_is_present() -> None:
    assert found(holding(patient(), ("Key Vault Secrets User", SECRET))).level == "present"


def test_a_reader_without_it_gets_it_on_that_secret_only() -> None:
    told = found(holding(patient()))
    assert told.hint.endswith(f"--role 'Key Vault Secrets User' --scope {SECRET}")


@pytest.mark.parametrize("told", [False, None])
def test_in_a_vault_with_policies_roles_count_for_nothing(told: bool | None) -> None:
    """Azure shows null for vaults that are older than roles, and means false."""
    hook = holding(
        patient(enableRbacAuthorization=told, accessPolicies=[]), ("Key Vault Secrets User", SECRET)
    )
    one = found(hook)
    assert one.hint == "az keyvault set-policy --name v --object-id o-run --secret-permissions get list"
    policy = {"objectId": "O-RUN", "permissions": {"secrets": ["Get"]}}
    assert found(patient(enableRbacAuthorization=told, accessPolicies=[policy])).level == "present"


@pytest.mark.parametrize(
    "error, properties, hint",
    [
        ("ForbiddenByFirewall", {"networkAcls": {"defaultAction": "Deny"}}, "az keyvault update --name v"),
        ("Operation get is not allowed on a disabled secret", {}, "az keyvault secret set-attributes"),
    ],
)
def test_what_only_the_refusal_tells_is_taken_from_it(
    error: str, properties: dict[str, Any], hint: str
) -> None:
    assert found(holding(patient(**properties)), error).hint.startswith(hint)


def test_a_vault_is_looked_for_in_the_connections_group_where_the_list_is_refused() -> None:
    hook = holding(patient().on("GET", "/vaults", DENIED), ("Key Vault Secrets User", SECRET))
    hook.on("GET", "/vaults/v", {"id": VAULT, "name": "v", "properties": {"enableRbacAuthorization": True}})
    assert found(hook).level == "present"
    assert found(patient().on("GET", r"/vaults.*", DENIED)).level == "unknown"


def test_a_connection_without_vault_does_not_use_the_plane() -> None:
    assert found(Patient()).level == "not used"
