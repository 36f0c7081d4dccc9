# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import logging
import subprocess
import sys

import pytest

from airflow_provider_azureml import compat
from airflow_provider_azureml.errors import ServiceError

HEAVY = ("azure", "aiohttp", "requests", "msal", "wtforms", "flask_appbuilder", "pathspec")
MODULES = (
    "airflow_provider_azureml.hooks.azureml",
    "airflow_provider_azureml.hooks.lake",
    "airflow_provider_azureml.hooks.keyvault",
    "airflow_provider_azureml.operators.rotation",
)


def test_everything_that_compat_promises_is_there() -> None:
    assert [name for name in compat.__all__ if getattr(compat, name, None) is None] == []


def test_importing_our_modules_loads_nothing_of_azure() -> None:
    code = (
        f"import sys, {', '.join(MODULES)}\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules and 'airflow_provider' not in name])"
    )
    alone = "import sys, airflow.sdk, airflow.triggers.base\n" + code.splitlines()[-1]
    ours, without = (
        subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True).stdout
        for text in (code, alone)
    )
    assert ours == without


def test_a_masked_secret_is_not_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    from airflow.sdk._shared.secrets_masker import redact

    compat.mask_secret("planted-secret-value")
    logging.getLogger("x").warning("planted-secret-value")
    assert redact("before planted-secret-value after") == "before *** after"


async def test_a_connection_is_read_without_blocking_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_C1", '{"conn_type": "azureml", "host": "h"}')
    assert (await compat.aget_connection("c1")).host == "h"


async def test_a_connection_that_airflow_does_not_give_is_an_error_that_can_be_waited_out() -> None:
    with pytest.raises(ServiceError) as caught:
        await compat.aget_connection("nowhere")
    assert (caught.value.code, "'nowhere'" in caught.value.message) == ("NoConnection", True)


@pytest.mark.parametrize(
    "problem", [compat.AirflowException("no"), ConnectionResetError("gone"), EOFError("gone")]
)
async def test_an_airflow_that_is_away_is_the_same_error(
    monkeypatch: pytest.MonkeyPatch, problem: Exception
) -> None:
    async def away(conn_id: str) -> None:
        raise problem

    monkeypatch.setattr(compat.BaseHook, "aget_connection", away)
    with pytest.raises(ServiceError, match="NoConnection") as caught:
        await compat.aget_connection("c1")
    assert caught.value.__cause__ is problem
