# SPDX-License-Identifier: Apache-2.0
"""Running sandboxes as fixtures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from azure_sandbox.kernel.clock import Clock
from azure_sandbox.testing import Sandbox, serving
from sandbox.tests.identity_seed import IDENTITY_SEED
from sandbox.tests.outside_seed import OUTSIDE_SEED


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Sandbox]]:
    """``serve(seed, clock=None)`` starts a sandbox that lives as long as the test."""
    with ExitStack() as stack:

        def start(seed: dict[str, Any], clock: Clock | None = None) -> Sandbox:
            return stack.enter_context(serving(tmp_path / "cloud", seed, clock))

        yield start


@pytest.fixture(scope="session")
def identities(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One sandbox for all tests of the identity services that neither move the clock nor switch things off."""
    with serving(tmp_path_factory.mktemp("identities"), IDENTITY_SEED) as sandbox:
        yield sandbox


@pytest.fixture
def as_client(identities: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """The same, and this process as an unmodified SDK's: proxy and trust in the environment."""
    for name, value in identities.environment.items():
        monkeypatch.setenv(name, value)
    return identities


@pytest.fixture(scope="session")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One sandbox with issuers outside of Azure, for tests that do not move the clock."""
    with serving(tmp_path_factory.mktemp("outside"), OUTSIDE_SEED) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def serve_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Sandbox]]:
    """``serve`` for a module's tests to share: starting a sandbox costs more than most of them."""
    with ExitStack() as stack:

        def start(seed: dict[str, Any], clock: Clock | None = None) -> Sandbox:
            return stack.enter_context(serving(tmp_path_factory.mktemp("cloud"), seed, clock))

        yield start
