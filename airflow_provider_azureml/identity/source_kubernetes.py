# SPDX-License-Identifier: Apache-2.0
"""A pod's service account vouches, by the token file that Kubernetes projects and renews.

azure-identity's own WorkloadIdentityCredential caches the file for ten minutes and can send an
expired token (identity.md 1.1), so the file is read for every assertion here. On EKS and GKE it is a
projected volume of its own, with Entra's audience: the file that AWS uses has AWS's.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from airflow_provider_azureml.connection import Settings
from airflow_provider_azureml.identity.assertion import Fetch, Mask, Presented, usable

_RENEWAL = 0.2
"""Seconds after which a file that was read in the middle of its renewal is read again."""
_LITTLE = 60.0


def assertion(settings: Settings, mask: Mask) -> Fetch:
    """Return a function that reads the file now."""
    return lambda: read(settings, settings.assertion_file, mask)


def read(
    settings: Settings,
    path: str,
    mask: Mask,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """The token in the file. Raises ConfigurationError for no file, DeniedError for no good token.

    With less than a minute left it is read once more, since the kubelet may be replacing it just now.
    """
    token = _text(settings, path, mask)
    said = Presented.of(token)
    if said is None or said.expires_on - clock() < _LITTLE:
        sleep(_RENEWAL)
        token = _text(settings, path, mask)
    audience = settings.assertion_audience or settings.cloud.assertion_audience
    where = f"connection '{settings.conn_id}', assertion file '{path}'"
    return usable(token, where, audience, clock)[0]


def _text(settings: Settings, path: str, mask: Mask) -> str:
    try:
        token = Path(path).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a token"
        mend = "Check the path, the mount and the file's permissions."
        raise settings.error("assertion_file", f"'{path}' cannot be read: {reason}.", mend) from None
    mask(token)
    return token
