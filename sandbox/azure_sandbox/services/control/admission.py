# SPDX-License-Identifier: Apache-2.0
"""Who may control the sandbox: whoever can read ``control.json``, which is its owner.

Loopback is no login: any process of any user reaches the port, and so does a web page in a browser.
"""

from __future__ import annotations

import hmac
import json
import os
from functools import partial

from starlette.requests import Request

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.errors import AzureError, render_arm
from azure_sandbox.kernel.operation import Caller, Need, Surface

PREFIX = "/_sandbox/"


def surface(token: str) -> Surface:
    """The control API's own surface: one host name, one prefix, one token per start."""
    return Surface("control", ("127.0.0.1",), partial(_admit, token), render_arm, _no_rbac, prefix=PREFIX)


def write_control_file(cloud: Cloud, token: str) -> None:
    """Write ``control.json`` (address and token), readable by its owner alone from the first byte."""
    fresh = cloud.data / "control.json.new"
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf8") as file:
        json.dump({"url": cloud.metadata_url + PREFIX.rstrip("/"), "token": token}, file)
    os.replace(fresh, cloud.data / "control.json")


def _admit(token: str, cloud: Cloud, request: Request) -> Caller:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(given.encode(), token.encode()):
        raise AzureError(401, "Unauthorized", "Send 'Authorization: Bearer' with the token of control.json.")
    return Caller("control")


def _no_rbac(caller: Caller, need: Need) -> AzureError:
    return AzureError(403, "Forbidden", "No action of Azure RBAC guards this address.")
