# SPDX-License-Identifier: Apache-2.0
"""Spark against a lake that refuses: hadoop-azure's own words. A stale key always, the rest in `make soak`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from sandbox.tests.services.machinelearning.lab import Lab

PROGRAM = b"""
import sys
from pyspark.sql import SparkSession
print("ROWS", SparkSession.builder.getOrCreate().read.text(sys.argv[1]).count())
"""


def _keyed(lab: Lab) -> str:
    secrets = {"secretsType": "AccountKey", "key": lab.key("vault0")}
    return lab.store("spark", credentials={"credentialsType": "AccountKey", "secrets": secrets})


def _stale(lab: Lab) -> str:
    uri = _keyed(lab)
    lab.account_action("vault0", "regenerateKey", {"keyName": "key1"})
    return uri


def _without_keys(lab: Lab) -> str:
    uri = _keyed(lab)
    lab.account("vault0", allowSharedKeyAccess=False)
    return uri


def _walled(lab: Lab) -> str:
    lab.account("vault0", publicNetworkAccess="Disabled")
    return lab.store("spark")


STALE = (_stale, "Server failed to authenticate the request. Make sure the value of Authorization header")
OTHERS = [
    (_without_keys, "Key based authentication is not permitted on this storage account."),
    (_walled, "This request is not authorized to perform this operation."),
]
CASES = [STALE, *(OTHERS if os.environ.get("RELIABILITY_SOAK") == "1" else [])]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("broken", "text"), CASES, ids=lambda it: getattr(it, "__name__", ""))
def test_spark_says_why_the_lake_refuses(lab: Lab, broken: Callable[[Lab], str], text: str) -> None:
    lab.lake.ensure_container("wsstore", "code")
    lab.lake.write("wsstore", "code", "read/main.py", PROGRAM)
    code = {"properties": {"codeUri": "https://wsstore.blob.core.windows.net/code/read"}}
    name = f"spark{broken.__name__}"
    body: dict[str, Any] = {
        "jobType": "Spark",
        "codeId": lab.arm("PUT", "/codes/read/versions/1", code).json()["id"],
        "entry": {"sparkJobEntryType": "SparkJobPythonEntry", "file": "main.py"},
        "args": "${{inputs.in}}",
        "resources": {"instanceType": "standard_e4s_v3", "runtimeVersion": "3.4"},
        "inputs": {"in": {"jobInputType": "uri_folder", "uri": broken(lab), "mode": "Direct"}},
        "identity": lab.managed("runner"),
    }
    assert lab.arm("PUT", f"/jobs/{name}", {"properties": body}).status_code == 201
    assert lab.wait(name, seconds=280)["status"] == "Failed"
    log = lab.log(name)
    assert text in log, log
    assert lab.arm("POST", "/datastores/spark/listSecrets").json().get("key", "no key") not in log
