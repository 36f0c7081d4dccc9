# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from airflow_provider_azureml import connection
from airflow_provider_azureml.connection import CLOUDS, Cloud, Settings, parse
from airflow_provider_azureml.errors import ConfigurationError

GUID = "11111111-2222-3333-4444-555555555555"
OTHER = "99999999-2222-3333-4444-555555555555"
WORKSPACE = {"subscription_id": GUID, "resource_group": "rg", "workspace_name": "ws"}
VAULT = {
    "credential_vault_url": "https://v.vault.azure.net/",
    "credential_name": "train",
    "credential_reader_client_id": OTHER,
}
APP = {"tenant_id": GUID, "client_id": GUID}
GOOD: dict[str, tuple[dict[str, Any], str | None]] = {
    "secret in the connection": ({"auth": "client_secret", **APP}, "s3cret"),
    "secret in Key Vault": ({"auth": "client_secret", **APP, **VAULT}, None),
    "managed identity": ({"auth": "managed_identity", "client_id": GUID}, None),
    "system identity": ({"auth": "managed_identity", "client_id": "system"}, None),
    "workload identity": ({"auth": "workload_identity", **APP}, None),
    "workload identity with file": ({"auth": "workload_identity", **APP, "assertion_file": "/t"}, None),
    "federated": (
        {"auth": "federated", **APP, "federated_source": "managed_identity", "source_client_id": OTHER},
        None,
    ),
}


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
    assert settings.client_secret == (password or "")


@pytest.mark.parametrize("name", GOOD)
def test_each_needed_field_is_missed_by_name(name: str) -> None:
    extra, password = GOOD[name]
    optional = {"assertion_file"}
    for field in sorted(extra.keys() - optional):
        rest = {key: value for key, value in extra.items() if key != field}
        with pytest.raises(ConfigurationError, match=f"'{field}'.* is missing"):
            read(rest, password)


@pytest.mark.parametrize(
    ("extra", "password", "problem"),
    [
        ({"auth": "magic"}, None, r"'auth': 'magic' is unknown. Choose one of: client_secret, managed"),
        (
            {"auth": "managed_identity", "client_id": GUID, "tenant_id": GUID},
            None,
            "'tenant_id'.*not used by",
        ),
        ({"auth": "managed_identity", "client_id": GUID}, "s3cret", "password: is not used by"),
        ({"auth": "workload_identity", **APP, "source_client_id": GUID}, None, "choose auth federated"),
        ({"auth": "workload_identity", **APP, "tennant_id": GUID}, None, "Did you mean 'tenant_id'"),
        ({"auth": "workload_identity", **APP, "zzz": "1"}, None, "'zzz': is unknown. Remove it."),
        ({"auth": "workload_identity", **APP, "conn_id": "x"}, None, "'conn_id': is unknown"),
        ({"auth": "client_secret", **APP, "client_secret": "s3cret"}, None, "password field"),
        ({"auth": "client_secret", **APP, **VAULT}, "s3cret", "exclude each other"),
        ({"auth": "client_secret", **APP}, None, "password: is missing. Set it, or refer to Key Vault"),
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
            "https://<account>.dfs.core.windows.net",
        ),
        (
            {"auth": "federated", **APP, "federated_source": "okta", "source_client_id": GUID},
            None,
            "'okta' is unknown",
        ),
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
    blanks = {name: None for name in connection.form()}
    settings = read({**blanks, "auth": "managed_identity", "client_id": GUID, "tenant_id": ""})
    assert settings == read({"auth": "managed_identity", "client_id": GUID})


def test_secrets_do_not_show_in_the_settings() -> None:
    assert "s3cret" not in repr(read({"auth": "client_secret", **APP}, "s3cret"))


def test_a_cloud_of_ones_own_has_all_its_endpoints_written_out() -> None:
    own = {item.name: f"https://{item.name}.example" for item in fields(Cloud)}
    settings = read({"auth": "workload_identity", **APP, "cloud": own})
    assert settings.cloud.arm_scope == "https://resource_manager.example/.default"


def test_a_hook_that_needs_more_asks_for_it_by_name() -> None:
    with pytest.raises(ConfigurationError, match="extra 'account_url': is missing"):
        read({"auth": "managed_identity", "client_id": GUID}).require("client_id", "account_url")


def test_the_form_offers_exactly_the_fields_that_are_read() -> None:
    readable = {item.name for item in fields(Settings)} - {"conn_id", "client_secret"}
    assert set(connection.form()) == readable


def test_no_field_that_is_not_secret_has_a_name_that_airflow_blacks_out() -> None:
    from airflow.sdk._shared.secrets_masker import DEFAULT_SENSITIVE_FIELDS

    for name in connection.form():
        assert not any(word in name for word in DEFAULT_SENSITIVE_FIELDS), name


@pytest.mark.parametrize("name", CLOUDS)
def test_each_cloud_trusts_its_own_hosts_and_none_of_the_others(name: str) -> None:
    own = CLOUDS[name]
    hosts = {
        cloud.name: [
            cloud.resource_manager,
            cloud.graph,
            f"https://a.dfs.{cloud.storage_suffix}",
            f"https://v.{cloud.vault_suffix}",
            f"https://r.{cloud.region_suffix}",
        ]
        for cloud in CLOUDS.values()
    }
    for cloud, urls in hosts.items():
        assert [own.trusts(url + "/x") for url in urls] == [cloud == name] * len(urls)
