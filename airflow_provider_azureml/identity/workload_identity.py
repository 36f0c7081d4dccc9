# SPDX-License-Identifier: Apache-2.0
"""A pod's service account, by the token file that Kubernetes projects and renews.

azure-identity's own WorkloadIdentityCredential caches the file for ten minutes and can send an
expired token (identity.md 1.1), so the file is read for every assertion here.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_azureml.connection import Settings
from airflow_provider_azureml.errors import ConfigurationError, DeniedError
from airflow_provider_azureml.identity.authority import authority_options
from airflow_provider_azureml.identity.claims import read_claims

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

FILE_VARIABLE = "AZURE_FEDERATED_TOKEN_FILE"
"""Set by the workload identity webhook in every labelled pod."""
_SOON = 10.0


def build(settings: Settings, mask: Callable[[str], None]) -> TokenCredential:
    """A credential that signs in with the content of the file."""
    from azure.identity import ClientAssertionCredential

    path = settings.assertion_file or os.environ.get(FILE_VARIABLE, "")
    if not path:
        raise ConfigurationError(
            f"connection '{settings.conn_id}', extra 'assertion_file'",
            f"is missing, and {FILE_VARIABLE} is not set here.",
            "Add it, or label the pod azure.workload.identity/use: 'true'.",
        )

    def assertion() -> str:
        return read_assertion(settings.conn_id, Path(path), mask)

    options = authority_options(settings.cloud)
    return ClientAssertionCredential(settings.tenant_id, settings.client_id, assertion, **options)


def read_assertion(
    conn_id: str, path: Path, mask: Callable[[str], None], clock: Callable[[], float] = time.time
) -> str:
    """Read the token now. Raises ConfigurationError for an unusable file, DeniedError when too old."""
    where = f"connection '{conn_id}', assertion file '{path}'"
    try:
        token = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a token"
        mend = "Check the path, the mount and the file's permissions."
        raise ConfigurationError(where, f"cannot be read: {reason}.", mend) from error
    mask(token)
    claims = read_claims(token)
    if not claims:
        raise ConfigurationError(where, "holds no JSON web token.", "Mount a projected token there.")
    left = float(claims.get("exp", 0)) - clock()
    if left < _SOON:
        message = (
            f"{where} expired {-left:.0f} s ago, and Kubernetes should have renewed it. "
            "Check that the path is the projected volume's (not a copy), and the clock."
        )
        raise DeniedError(401, "AssertionExpired", message)
    return token
