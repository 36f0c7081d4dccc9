# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from airflow_provider_azureml.connection import CLOUDS, Cloud, Settings, parse
from airflow_provider_azureml.errors import ConfigurationError
from airflow_provider_azureml.form import form
from airflow_provider_azureml.ways import SOURCES, WAYS
from tests.unit.test_clouds import LEAKY

GUID = "11111111-2222-3333-4444-555555555555"
OTHER = "99999999-2222-3333-4444-555555555555"
WORKSPACE = {"subscription_id": GUID, "resource_group": "rg", "workspace_name": "ws"}
VAULT = {
    "credential_vault_url": "https://v.vault.azure.net/",
    "credential_name": "train",
    "credential_reader_client_id": OTHER,
}
APP = {"tenant_id": GUID, "client_id": GUID}
RESOURCE = (
    f"/subscriptions/{GUID}/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i"
)
OKTA = {
    "auth": "federated",
    **APP,
    "federated_source": "okta",
    "issuer_url": "https://org.okta.com/oauth2/aus1",
    "source_client_id": "0oa1",
    "source_scope": "azure",
}
COGNITO = {
    "cognito_pool_id": f"eu-west-1:{GUID}",
    "cognito_provider": "airflow",
    "cognito_login": "train",
}
GOOD: dict[str, tuple[dict[str, Any], str | None]] = {
    "secret in the connection": ({"auth": "client_secret", **APP}, "s3cret"),
    "secret in Key Vault": ({"auth": "client_secret", **APP, **VAULT}, None),
    "managed identity": ({"auth": "managed_identity", "client_id": GUID}, None),
    "system identity": ({"auth": "managed_identity", "client_id": "system"}, None),
    "managed identity by object id": ({"auth": "managed_identity", "object_id": GUID}, None),
    "managed identity by resource id": ({"auth": "managed_identity", "resource_id": RESOURCE}, None),
    "workload identity": ({"auth": "workload_identity", **APP}, None),
    "workload identity with file": ({"auth": "workload_identity", **APP, "assertion_file": "/t"}, None),
    "managed identity vouches": (
        {"auth": "federated", **APP, "federated_source": "managed_identity", "source_client_id": OTHER},
        None,
    ),
    "Kubernetes vouches": (
        {"auth": "federated", **APP, "federated_source": "kubernetes", "assertion_file": "/t"},
        None,
    ),
    "Okta vouches": (OKTA, "s3cret"),
    "Okta vouches, key in a file": ({**OKTA, "source_key_file": "/k"}, None),
    "Okta vouches, key in Key Vault": ({**OKTA, **VAULT}, None),
    "AWS STS vouches": (
        {"auth": "federated", **APP, "federated_source": "aws_sts", "aws_region": "eu-west-1"},
        None,
    ),
    "Cognito vouches": (
        {"auth": "federated", **APP, "federated_source": "cognito", "aws_region": "eu-west-1", **COGNITO},
        None,
    ),
    "GCP vouches": ({"auth": "federated", **APP, "federated_source": "gcp_metadata"}, None),
    "certificate in a file": ({"auth": "certificate", **APP, "certificate_file": "/c"}, "s3cret"),
    "certificate in Key Vault": ({"auth": "certificate", **APP, **VAULT}, None),
    "Azure CLI": ({"auth": "azure_cli"}, None),
    "default": ({"auth": "default"}, None),
}


#: Of several fields of which one is needed, the message names the first.
NAMED_INSTEAD = {"source_key_file": "password", "object_id": "client_id", "resource_id": "client_id"}


def read(extra: dict[str, Any], password: str | None = None, **main: Any) -> Settings:
    values = {"conn_type": "azureml", "login": None, "host": None, **main}
    return parse("c1", values["conn_type"], values["login"], password, values["host"], extra)


@pytest.mark.parametrize("name", GOOD)
def test_each_way_of_signing_in_can_be_written_down(name: str) -> None:
    extra, password = GOOD[name]
    settings = read({**extra, **WORKSPACE}, password)
    assert settings.auth == extra["auth"]
    assert settings.cloud == CLOUDS["public"]
    assert settings.workspace_name == "ws"
    assert settings.password == (password or "")


@pytest.mark.parametrize("name", GOOD)
def test_each_needed_field_is_missed_by_name(name: str) -> None:
    extra, password = GOOD[name]
    optional = set() if "Kubernetes" in name else {"assertion_file"}
    for field in sorted(extra.keys() - optional):
        rest = {key: value for key, value in extra.items() if key != field}
        named = NAMED_INSTEAD.get(field, field)
        with pytest.raises(ConfigurationError, match=rf"{named}\b.* is missing"):
            read(rest, password)


@pytest.mark.parametrize(
    ("extra", "password", "problem"),
    [
        ({"auth": "magic"}, None, r"'auth': 'magic' is unknown. Choose one of: workload_identity, fed"),
        (
            {"auth": "managed_identity", "client_id": GUID, "tenant_id": GUID},
            None,
            "'tenant_id'.*not used by",
        ),
        ({"auth": "managed_identity", "client_id": GUID}, "s3cret", "password: is not used by"),
        (
            {"auth": "workload_identity", **APP, "source_client_id": GUID},
            None,
            "choose auth federated with federated_source managed_identity",
        ),
        ({"auth": "workload_identity", **APP, "tennant_id": GUID}, None, "Did you mean 'tenant_id'"),
        ({"auth": "workload_identity", **APP, "zzz": "1"}, None, "'zzz': is unknown. Remove it."),
        ({"auth": "workload_identity", **APP, "conn_id": "x"}, None, "'conn_id': is unknown"),
        ({"auth": "client_secret", **APP, "client_secret": "s3cret"}, None, "password field"),
        ({"auth": "client_secret", **APP, **VAULT}, "s3cret", "exclude each other"),
        (
            {"auth": "client_secret", **APP},
            None,
            "password: is missing. Give it, or instead: credential_vault_url",
        ),
        ({"auth": "workload_identity", "tenant_id": GUID, "client_id": "me"}, None, "'me' is not a GUID"),
        ({"auth": "workload_identity", "tenant_id": GUID, "client_id": "system"}, None, "not a GUID"),
        ({"auth": "workload_identity", **APP, "cloud": "mars"}, None, "'cloud': is not a cloud"),
        ({"auth": "workload_identity", **APP, "cloud": {"name": "x"}}, None, "'cloud': is not a cloud"),
        ({"auth": "workload_identity", **APP, "resource_group": 5}, None, "'resource_group': is a int"),
        ({"auth": "workload_identity", **APP, "vault_url": "http://v.vault.azure.net"}, None, "'vault_url'"),
        (
            {"auth": "workload_identity", **APP, "vault_url": "https://v.evil.net"},
            None,
            "not a host of cloud",
        ),
        (
            {"auth": "workload_identity", **APP, "account_url": "https://a.dfs.core.windows.net/raw"},
            None,
            "net' carries more than a host: a path, .* Give it like https://<account>.dfs.core.windows.net",
        ),
        (
            {"auth": "federated", **APP, "federated_source": "dex", "source_client_id": GUID},
            None,
            "'dex' is unknown. Choose one of: kubernetes, managed_identity, okta",
        ),
        (
            {"auth": "federated", **APP, "federated_source": "managed_identity", "source_client_id": "0oa1"},
            None,
            "'source_client_id': '0oa1' is not a GUID",
        ),
        (
            {"auth": "managed_identity", "client_id": GUID, "object_id": OTHER},
            None,
            "'client_id': and 'object_id' exclude each other. Remove one",
        ),
        ({"auth": "managed_identity"}, None, "is missing. Give it, or instead: object_id; or: resource_id"),
        (
            {"auth": "managed_identity", "resource_id": "mi"},
            None,
            "'mi' is not a user-assigned identity's id",
        ),
        ({"auth": "managed_identity", "object_id": "system"}, None, "'system' is not a GUID"),
        (OKTA | {"issuer_url": "https://org.okta.com"}, "s3cret", "is not a custom authorization server"),
        (OKTA | {"source_key_file": "/k"}, "s3cret", "password: and 'source_key_file' exclude each other"),
        (
            {"auth": "federated", **APP, "federated_source": "aws_sts", "aws_region": "aws-global"},
            None,
            "'aws_region': 'aws-global' is not a region. Give one like eu-west-1",
        ),
        (
            {"auth": "certificate", **APP, "certificate_file": "/c", "send_certificate_chain": "yes"},
            None,
            "'send_certificate_chain': 'yes' is neither true nor false",
        ),
        ({"auth": "certificate", **APP, "certificate_file": "/c", **VAULT}, None, "exclude each other"),
        ({"auth": "certificate", **APP, "private_key": "s3cret"}, None, "must not stand in the extras"),
        ({"auth": "azure_cli", "client_id": GUID}, None, "'client_id': is not used by auth 'azure_cli'"),
        ({"auth": "default", "client_id": GUID}, None, "'client_id': is not used by auth 'default'"),
        ({"auth": "default"}, "s3cret", "password: is not used by auth 'default'"),
        ({"auth": "azure_cli", "tenant_id": "a/b"}, None, "'a/b' is not a tenant's id or domain"),
    ],
)
def test_a_wrong_field_is_named_with_its_mend(
    extra: dict[str, Any], password: str | None, problem: str
) -> None:
    with pytest.raises(ConfigurationError, match=problem) as caught:
        read(extra, password)
    assert "connection 'c1'" in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert caught.value.mend


@pytest.mark.parametrize("name", ["account_url", "vault_url", "credential_vault_url", "issuer_url"])
@pytest.mark.parametrize("url", LEAKY)
def test_an_address_with_a_secret_in_it_is_refused_and_not_shown(name: str, url: str) -> None:
    with pytest.raises(ConfigurationError, match=f"extra '{name}': .* Give it like https://") as caught:
        read({**OKTA, **VAULT, name: url})
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    ("main", "problem"),
    [
        ({"login": GUID}, "login: is not used. Put the client id into the extra 'client_id'"),
        ({"host": "h"}, "host: is not used"),
        ({"conn_type": "azure"}, "type: 'azure' is not Azure ML's"),
    ],
)
def test_airflows_own_fields_are_not_a_second_place(main: dict[str, str], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        read({"auth": "managed_identity", "client_id": GUID}, **main)


def test_blank_fields_of_the_form_count_as_not_given() -> None:
    blanks = {name: None for name in form()} | {"send_certificate_chain": False, "aws_tags": "false"}
    settings = read({**blanks, "auth": "managed_identity", "client_id": GUID, "tenant_id": ""})
    assert settings == read({"auth": "managed_identity", "client_id": GUID})


def test_secrets_do_not_show_in_the_settings() -> None:
    assert "s3cret" not in repr(read({"auth": "client_secret", **APP}, "s3cret"))


def test_a_flag_is_what_it_says_as_json_and_as_text() -> None:
    way = {"auth": "certificate", **APP, "certificate_file": "/c"}
    assert read(way | {"send_certificate_chain": True}).send_certificate_chain is True
    assert read(way | {"send_certificate_chain": "True"}).send_certificate_chain is True
    assert read(way | {"send_certificate_chain": "false"}).send_certificate_chain is False


def test_a_cloud_of_ones_own_is_used_by_its_address() -> None:
    own = {item.name: "own.example" for item in fields(Cloud)}
    for name in ("resource_manager", "authority", "ml_audience", "graph"):
        own[name] = f"https://{name.replace('_', '-')}.example/"
    settings = read({"auth": "workload_identity", **APP, "cloud": own, "vault_url": "https://v.own.example"})
    assert settings.cloud.arm_scope == "https://resource-manager.example/.default"


def test_every_way_and_every_source_is_written_down_here() -> None:
    assert {extra["auth"] for extra, _ in GOOD.values()} == set(WAYS)
    assert {extra["federated_source"] for extra, _ in GOOD.values() if "federated_source" in extra} == set(
        SOURCES
    )


def test_a_hook_that_needs_more_asks_for_it_by_name() -> None:
    with pytest.raises(ConfigurationError, match="extra 'account_url': is missing"):
        read({"auth": "managed_identity", "client_id": GUID}).require("client_id", "account_url")


def test_a_secret_in_the_wrong_field_is_not_shown_in_the_error() -> None:
    secret = "Abc8Q~not-a-real-secret-but-as-long-as-one"
    given = {"auth": "client_secret", "tenant_id": GUID, "client_id": secret}
    with pytest.raises(ConfigurationError) as refused:
        parse("c", "azureml", None, "s3cret", None, given)
    assert f"'Abc...' ({len(secret)} characters) is not a GUID" in str(refused.value)
    assert secret[3:] not in str(refused.value)
