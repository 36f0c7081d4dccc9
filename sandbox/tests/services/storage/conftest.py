# SPDX-License-Identifier: Apache-2.0
"""One sandbox per module, and a container of its own for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from azure_sandbox.kernel.cloud import stable_guid
from sandbox.tests.services.storage.storage_cloud import ROLES, StorageCloud, grant, seed


@pytest.fixture(scope="module")
def storage(serve_module: Callable[..., Any]) -> Iterator[StorageCloud]:
    """The sandbox, with the environment that leads the SDKs to it."""
    sandbox = serve_module(seed())
    for role in ROLES:
        grant(sandbox, role, role, sandbox.cloud.group_scope("rg"))
    with pytest.MonkeyPatch.context() as environment:
        for name, value in sandbox.environment.items():
            environment.setenv(name, value)
        environment.delenv("SSL_CERT_DIR", raising=False)
        yield StorageCloud(sandbox)


@pytest.fixture
def filesystem(storage: StorageCloud, request: pytest.FixtureRequest) -> Iterator[str]:
    """A container of the test's own."""
    name = "t" + stable_guid(request.node.nodeid)
    assert storage.send("PUT", f"dfs:/{name}?resource=filesystem").status_code == 201
    yield name
    storage.send("DELETE", f"dfs:/{name}?resource=filesystem")
