# SPDX-License-Identifier: Apache-2.0
"""Who may read a vault, and from where: roles or access policies, and network rules, changed through ARM."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from azure.core.exceptions import HttpResponseError
from azure.keyvault.secrets import SecretClient

from azure_sandbox.kernel.ports import Directory
from azure_sandbox.testing import Sandbox

VAULTS = "Microsoft.KeyVault/vaults"
SEED: dict[str, Any] = {
    "resource_groups": ["ml"],
    "applications": [{"name": name} for name in ("admin", "deputy", "reader", "guest")],
    "key_vaults": [
        {"name": "roles", "resource_group": "ml"},
        {
            "name": "policies",
            "resource_group": "ml",
            "rbac": False,
            "access_policies": [{"principal": "admin", "secrets": ["all"]}],
        },
    ],
    "role_assignments": [
        {"principal": "admin", "role": "Owner", "scope": "subscription"},
        {"principal": "admin", "role": "Key Vault Administrator", "scope": "subscription"},
        {"principal": "deputy", "role": "Contributor", "scope": "subscription"},
        {"principal": "reader", "role": "Key Vault Secrets User", "scope": "subscription"},
    ],
}


class Vaults:
    """Both vaults, each with a secret."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        for vault in ("roles", "policies"):
            answer = self.data(vault, "PUT", "/secrets/word", json={"value": "open"})
            assert answer.status_code == 200, answer.text

    def object_id(self, principal: str) -> str:
        return str(self.sandbox.cloud.port(Directory).object_id_by_name(principal))

    def data(
        self, vault: str, method: str, path: str, who: str = "admin", client: Any = None, **options: Any
    ) -> httpx.Response:
        headers = self.sandbox.bearer(who, "https://vault.azure.net")
        url = f"https://{vault}.vault.azure.net{path}?api-version=7.4"
        return (client or self.sandbox.http).request(method, url, headers=headers, **options)

    def arm(self, vault: str, method: str, path: str = "", body: Any = None, who: str = "admin") -> Any:
        scope = self.sandbox.cloud.resource_scope("ml", VAULTS, vault)
        url = f"https://management.azure.com{scope}{path}?api-version=2023-07-01"
        return self.sandbox.http.request(method, url, headers=self.sandbox.bearer(who), json=body)

    def outcome(self, vault: str, who: str = "admin", client: Any = None) -> str:
        return outcome(self.data(vault, "GET", "/secrets/word", who, client))

    def change(self, vault: str, **properties: Any) -> None:
        answer = self.arm(vault, "PATCH", body={"properties": properties})
        assert answer.status_code == 200, answer.text

    def policy(self, principal: str, *secrets: str) -> dict[str, Any]:
        permissions = {"secrets": list(secrets)}
        tenant = self.sandbox.cloud.tenant_id
        return {"tenantId": tenant, "objectId": self.object_id(principal), "permissions": permissions}


def outcome(answer: httpx.Response) -> str:
    return "ok" if answer.status_code == 200 else str(answer.json()["error"]["innererror"]["code"])


@pytest.fixture(scope="module")
def _vaults(serve_module: Callable[..., Sandbox]) -> Vaults:
    return Vaults(serve_module(SEED))


OPEN = {"defaultAction": "Allow", "bypass": "AzureServices", "ipRules": [], "virtualNetworkRules": []}


@pytest.fixture
def vaults(_vaults: Vaults) -> Iterator[Vaults]:
    """As they were, whatever a test does."""
    yield _vaults
    for vault in ("roles", "policies"):
        _vaults.change(vault, publicNetworkAccess="Enabled", networkAcls=OPEN)
    _vaults.change("roles", enableRbacAuthorization=True)
    _vaults.change("policies", accessPolicies=[_vaults.policy("admin", "all")])


def test_in_a_vault_of_policies_a_role_counts_for_nothing(vaults: Vaults) -> None:
    assert (vaults.outcome("roles", "reader"), vaults.outcome("policies", "reader")) == ("ok", "AccessDenied")
    answer = vaults.data("policies", "GET", "/secrets/word", "reader")
    message = answer.json()["error"]["message"]
    assert answer.status_code == 403
    assert message.startswith("The user, group or application 'appid=")
    assert f";oid={vaults.object_id('reader')};iss=https://sts.windows.net/" in message
    assert "does not have secrets get permission on key vault 'policies;location=eastus'" in message


@pytest.mark.parametrize(
    ("method", "path", "permission", "body"),
    [
        ("GET", "/secrets/word", "get", None),
        ("GET", "/secrets", "list", None),
        ("GET", "/secrets/word/versions", "list", None),
        ("PUT", "/secrets/other", "set", {"value": "1"}),
        ("PATCH", "/secrets/word", "set", {"tags": {"a": "b"}}),
    ],
)
def test_each_request_takes_its_own_permission(
    vaults: Vaults, method: str, path: str, permission: str, body: Any
) -> None:
    every = {"get", "list", "set", "delete"}
    admin = vaults.policy("admin", "all")
    vaults.change("policies", accessPolicies=[admin, vaults.policy("guest", *(every - {permission}))])
    refused = vaults.data("policies", method, path, "guest", json=body)
    assert f"does not have secrets {permission} permission" in refused.json()["error"]["message"]
    vaults.change("policies", accessPolicies=[admin, vaults.policy("guest", permission.upper())])
    assert outcome(vaults.data("policies", method, path, "guest", json=body)) == "ok"


def test_policies_are_added_and_removed_one_by_one(vaults: Vaults) -> None:
    guest = vaults.policy("guest", "get", "list")
    for kind, permission, expected in (
        ("add", guest, "ok"),
        ("remove", vaults.policy("guest", "get"), "AccessDenied"),
        ("replace", vaults.policy("guest", "get"), "ok"),
    ):
        body = {"properties": {"accessPolicies": [permission]}}
        answer = vaults.arm("policies", "PUT", f"/accessPolicies/{kind}", body)
        assert answer.status_code == 200, answer.text
        assert vaults.outcome("policies", "guest") == expected
    assert vaults.outcome("policies") == "ok"


def test_a_vault_can_change_from_roles_to_policies_if_who_asks_may_assign_roles(vaults: Vaults) -> None:
    body = {"properties": {"enableRbacAuthorization": False}}
    refused = vaults.arm("roles", "PATCH", body=body, who="deputy")
    assert refused.status_code == 403
    assert "'Microsoft.Authorization/roleAssignments/write'" in refused.json()["error"]["message"]
    assert vaults.arm("roles", "PATCH", body=body).json()["properties"]["enableRbacAuthorization"] is False
    assert vaults.outcome("roles", "reader") == "AccessDenied"


def test_a_firewall_names_the_address_that_it_refuses(vaults: Vaults) -> None:
    acls = {"defaultAction": "Deny", "ipRules": [{"value": "198.51.100.20"}]}
    vaults.change("roles", networkAcls=acls)
    assert vaults.outcome("roles", "reader") == "ForbiddenByFirewall"
    message = vaults.data("roles", "GET", "/secrets/word").json()["error"]["message"]
    assert message.startswith("Client address is not authorized and caller is not a trusted service.")
    assert "Client address: 203.0.113.10" in message
    environment = vaults.sandbox.cloud.job_environment
    trust = ssl.create_default_context(cafile=environment["SSL_CERT_FILE"])
    with httpx.Client(proxy=environment["HTTPS_PROXY"], verify=trust, trust_env=False) as compute:
        assert vaults.outcome("roles", "reader", compute) == "ok"


def test_a_vault_without_public_access_says_so(vaults: Vaults) -> None:
    vaults.change("roles", publicNetworkAccess="Disabled")
    assert vaults.outcome("roles") == "ForbiddenByConnection"
    message = vaults.data("roles", "GET", "/secrets/word").json()["error"]["message"]
    assert message.startswith("Public network access is disabled")


def test_the_challenge_comes_before_the_firewall(vaults: Vaults) -> None:
    vaults.change("roles", networkAcls={"defaultAction": "Deny"})
    answer = vaults.sandbox.http.get("https://roles.vault.azure.net/secrets/word?api-version=7.4")
    assert answer.status_code == 401


def test_the_sdk_shows_the_reason(vaults: Vaults, monkeypatch: pytest.MonkeyPatch) -> None:
    from azure.core.credentials import AccessToken

    class Credential:
        def get_token(self, *scopes: str, **options: Any) -> AccessToken:
            token = vaults.sandbox.token("guest", "https://vault.azure.net")
            return AccessToken(token, int(vaults.sandbox.cloud.clock.time()) + 600)

    for name, value in vaults.sandbox.environment.items():
        monkeypatch.setenv(name, value)
    with (
        SecretClient("https://roles.vault.azure.net", Credential()) as client,
        pytest.raises(HttpResponseError, match="ForbiddenByRbac"),
    ):
        client.get_secret("word")


def test_a_vault_is_made_through_arm_and_keeps_its_policies(vaults: Vaults) -> None:
    body = {
        "location": "eastus",
        "properties": {
            "tenantId": vaults.sandbox.cloud.tenant_id,
            "sku": {"family": "A", "name": "standard"},
            "accessPolicies": [vaults.policy("admin", "get", "set")],
        },
    }
    made = vaults.arm("fresh", "PUT", body=body)
    assert made.status_code == 200, made.text
    assert made.json()["properties"]["enableRbacAuthorization"] is False
    assert outcome(vaults.data("fresh", "PUT", "/secrets/word", json={"value": "1"})) == "ok"
    body["properties"]["accessPolicies"] = []
    assert vaults.arm("fresh", "PUT", body=body).json()["properties"]["accessPolicies"] == []
    assert vaults.outcome("fresh") == "AccessDenied"


@pytest.mark.parametrize(
    "properties",
    [
        {"enableRbacAuthorization": "yes"},
        {"publicNetworkAccess": "Sometimes"},
        {"networkAcls": {"defaultAction": "Perhaps"}},
        {"accessPolicies": [{"permissions": {}}]},
        {"accessPolicies": "all"},
    ],
)
def test_what_cannot_be_is_refused(vaults: Vaults, properties: dict[str, Any]) -> None:
    before = vaults.arm("roles", "GET").json()
    assert vaults.arm("roles", "PATCH", body={"properties": properties}).status_code == 400
    assert vaults.arm("roles", "GET").json() == before
