# SPDX-License-Identifier: Apache-2.0
"""Every credential of ``azure-identity`` that the provider builds on, blocking and for asyncio.

Prints the claims of the tokens that each obtained, and what a wrong secret is answered with.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from azure import identity
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import aio

GIVEN: dict[str, str] = json.loads(os.environ["WIRE_TEST"])
TENANT, SCIENTIST, PREP = GIVEN["tenant"], GIVEN["scientist"], GIVEN["prep"]
SCOPE = "https://management.azure.com/.default"
EXCHANGE = "api://AzureADTokenExchange/.default"


def token_file() -> str:
    return Path(GIVEN["token_file"]).read_text()


def worker() -> str:
    return identity.ManagedIdentityCredential(client_id=GIVEN["worker"]).get_token(EXCHANGE).token


#: name -> how to make the credential from ``azure.identity`` or ``azure.identity.aio``
CREDENTIALS: dict[str, Callable[[Any], Any]] = {
    "ClientSecret": lambda m: m.ClientSecretCredential(TENANT, SCIENTIST, GIVEN["secret"]),
    "Certificate": lambda m: m.CertificateCredential(TENANT, SCIENTIST, GIVEN["certificate"]),
    "ClientAssertion": lambda m: m.ClientAssertionCredential(TENANT, SCIENTIST, token_file),
    "WorkloadIdentity": lambda m: m.WorkloadIdentityCredential(
        tenant_id=TENANT, client_id=SCIENTIST, token_file_path=GIVEN["token_file"]
    ),
    "ManagedIdentity": lambda m: m.ManagedIdentityCredential(client_id=GIVEN["worker"]),
    "ManagedIdentityAsFederated": lambda m: m.ClientAssertionCredential(TENANT, PREP, worker),
}


def claims(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    decoded: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return {name: decoded[name] for name in ("oid", "tid", "aud", "appid")}


async def asynchronous() -> dict[str, dict[str, Any]]:
    found = {}
    for name, make in CREDENTIALS.items():
        async with make(aio) as credential:
            found[name] = claims((await credential.get_token(SCOPE)).token)
    return found


def wrong_secret() -> str:
    try:
        identity.ClientSecretCredential(TENANT, SCIENTIST, "not the secret").get_token(SCOPE)
    except ClientAuthenticationError as error:
        return str(error)
    return "signed in"


blocking = {name: claims(make(identity).get_token(SCOPE).token) for name, make in CREDENTIALS.items()}
sys.stdout.write(json.dumps({"sync": blocking, "aio": asyncio.run(asynchronous()), "wrong": wrong_secret()}))
