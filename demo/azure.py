# SPDX-License-Identifier: Apache-2.0
"""The local Azure of the demo: its process, and the questions that the demo asks it over HTTP."""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx

from demo.layout import DemoFailed, Layout
from demo.processes import Processes, wait_for

START_SECONDS = 60.0
ARM = "https://management.azure.com"
_JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True)
class Azure:
    """What ``cloud.json`` says, and ARM as one of its principals."""

    description: Mapping[str, Any]

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs in its environment to reach this Azure."""
        return dict(self.description["environment"])

    @property
    def tenant_id(self) -> str:
        return str(self.description["tenant_id"])

    @property
    def subscription_id(self) -> str:
        return str(self.description["subscription_id"])

    @property
    def principals(self) -> dict[str, dict[str, str]]:
        """Name -> ``object_id`` and ``client_id``."""
        return dict(self.description["principals"])

    def client_id(self, name: str) -> str:
        return self.principals[name]["client_id"]

    def token_file(self, account: str) -> Path:
        """Where the token of a Kubernetes service account of namespace ``airflow`` is projected to."""
        return Path(self.description["service_account_tokens"]) / "airflow" / account / "token"

    @property
    def workspace(self) -> str:
        """ARM id of the demo's workspace."""
        group = f"/subscriptions/{self.subscription_id}/resourceGroups/nightly"
        return f"{group}/providers/Microsoft.MachineLearningServices/workspaces/nightly"

    def arm(self, principal: str) -> Arm:
        """ARM as an application that the service account of the same name vouches for."""
        return Arm(self, principal)

    def close(self) -> None:
        """Close the connections to it."""
        self.http.close()

    @cached_property
    def http(self) -> httpx.Client:
        """A client that goes through the sandbox's proxy and trusts its certificates, nothing else."""
        environment = self.environment
        trust = ssl.create_default_context(cafile=environment["SSL_CERT_FILE"])
        return httpx.Client(proxy=environment["HTTPS_PROXY"], verify=trust, trust_env=False, timeout=30)


class Arm:
    """A few requests to ARM, with a token of one principal."""

    def __init__(self, azure: Azure, principal: str) -> None:
        self._azure = azure
        self._principal = principal

    @cached_property
    def _token(self) -> str:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._azure.client_id(self._principal),
            "scope": f"{ARM}/.default",
            "client_assertion_type": _JWT_BEARER,
            "client_assertion": self._azure.token_file(self._principal).read_text(encoding="utf8").strip(),
        }
        address = f"https://login.microsoftonline.com/{self._azure.tenant_id}/oauth2/v2.0/token"
        return str(_checked(self._azure.http.post(address, data=form))["access_token"])

    def get(
        self, path: str, query: Mapping[str, str], missing: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """The answer; ``missing``, where it is given, stands for a 404.

        :raises DemoFailed: with Azure's own words, where the answer is not a success
        """
        response = self._azure.http.get(ARM + path, params=query, headers=self._headers)
        if response.status_code == 404 and missing is not None:
            return missing
        return _checked(response)

    def put(self, path: str, query: Mapping[str, str], body: Mapping[str, Any]) -> dict[str, Any]:
        """:raises DemoFailed: with Azure's own words, where the answer is not a success"""
        return _checked(self._azure.http.put(ARM + path, params=query, json=body, headers=self._headers))

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"}


def _checked(response: httpx.Response) -> dict[str, Any]:
    if not response.is_success:
        where = f"{response.request.method} {response.request.url.copy_with(query=None)}"
        raise DemoFailed(f"{where} answered {response.status_code}: {response.text[:2000]}")
    return dict(response.json())


def start(layout: Layout, processes: Processes) -> Azure:
    """Start the sandbox on free ports and read what it holds.

    :raises DemoFailed: where it does not start
    """
    described = layout.sandbox / "cloud.json"
    described.unlink(missing_ok=True)  # that of the last run names ports of the last run
    command = [*layout.sandbox_command, "serve", "--data", str(layout.sandbox), "--seed", str(layout.seed)]
    processes.start("sandbox", [*command, "--proxy-port", "0", "--metadata-port", "0"], without_proxy())
    wait_for("The sandbox", described.exists, processes, START_SECONDS)
    return Azure(json.loads(described.read_text(encoding="utf8")))


def without_proxy() -> dict[str, str]:
    """Our own environment. The sandbox fetches packages: it must not be a client of itself."""
    return dict(os.environ)
