# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from airflow_provider_azureml.clouds import CLOUDS, cloud_of, is_bare, shown
from airflow_provider_azureml.errors import ConfigurationError

OWN: dict[str, Any] = {**asdict(CLOUDS["china"]), "name": "own"}


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


def test_no_two_clouds_share_an_authority_an_audience_or_a_scope() -> None:
    for part in ("authority", "assertion_audience", "arm_scope", "ml_scope", "graph_scope", "vault_scope"):
        assert len({getattr(cloud, part) for cloud in CLOUDS.values()}) == len(CLOUDS), part


def test_nothing_means_the_public_cloud_and_a_word_means_that_one() -> None:
    assert cloud_of("f", None) == cloud_of("f", "") == CLOUDS["public"]
    assert cloud_of("f", "china") == CLOUDS["china"]


def test_a_cloud_of_ones_own_loses_its_trailing_slashes() -> None:
    assert cloud_of("f", OWN | {"authority": "https://login.own.example/"}).authority.endswith(".example")


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (
            "mars",
            "f: is not a cloud. Choose one of: public, usgovernment, china; or give an object with name",
        ),
        ({"name": "x"}, "f: is not a cloud"),
        (OWN | {"extra": "x"}, "f: is not a cloud"),
        (OWN | {"authority": "http://login.example"}, "f, 'authority': .* Give an address, like https://"),
        (OWN | {"graph": "graph.example"}, "f, 'graph'"),
        (OWN | {"vault_suffix": "https://vault.example"}, "f, 'vault_suffix': .* without a scheme"),
        (
            OWN | {"assertion_audience": 5},
            "f, 'assertion_audience': what was given is no endpoint. Give a text",
        ),
    ],
)
def test_a_wrong_endpoint_is_named_with_its_mend(value: object, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        cloud_of("f", value)


LAKE = "https://lake.dfs.core.windows.net"
LEAKY = [
    f"{LAKE}/raw?sv=2022&sig=TOPSECRET",
    f"{LAKE}/?sig=TOPSECRET",
    f"{LAKE}#TOPSECRET",
    f"{LAKE}:TOPSECRET",
    "https://user:TOPSECRET@lake.dfs.core.windows.net",
    "https://TOPSECRET@lake.dfs.core.windows.net",
    "https://[TOPSECRET?sig=1",
    "https://TOPSECRET\u2100@lake.dfs.core.windows.net",
]
"""Addresses with a secret in them, for `test_connection`, too."""


@pytest.mark.parametrize("url", LEAKY)
def test_an_address_that_may_hold_a_secret_is_not_bare_and_not_shown(url: str) -> None:
    assert not is_bare(url)
    assert shown(url) in (f"'{LAKE}'", "what was given")


def test_of_any_other_address_scheme_and_host_are_shown() -> None:
    for url in (LAKE, f"{LAKE}/", f"{LAKE}:8443/raw"):
        assert is_bare(url)
        assert shown(url) == f"'{LAKE}'"
    assert [shown(text) for text in ("TOPSECRET", "TOP:SECRET", "", 5)] == ["what was given"] * 4


@pytest.mark.parametrize("name", ["resource_manager", "authority", "ml_audience", "graph", "vault_suffix"])
@pytest.mark.parametrize("url", LEAKY)
def test_an_endpoint_with_a_secret_in_it_is_refused_and_not_shown(name: str, url: str) -> None:
    with pytest.raises(ConfigurationError, match=f"f, '{name}': .* is no endpoint") as caught:
        cloud_of("f", OWN | {name: url})
    assert "SECRET" not in str(caught.value)
