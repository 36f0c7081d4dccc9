# SPDX-License-Identifier: Apache-2.0
"""A client of the SDK as a user writes it; subscription, group and names come from the test."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from azure.ai.ml import MLClient
from azure.identity import WorkloadIdentityCredential

#: What the test says: subscription, group, workspace, run_client_id, unique.
GIVEN: dict[str, str] = json.loads(os.environ["WIRE_TEST"])


def connect() -> MLClient:
    credential = WorkloadIdentityCredential(authority="https://login.microsoftonline.com")
    return MLClient(credential, GIVEN["subscription"], GIVEN["group"], GIVEN["workspace"])


def report(**found: Any) -> None:
    """The last line of stdout is what the test reads."""
    sys.stdout.write(f"\n{json.dumps(found)}\n")
