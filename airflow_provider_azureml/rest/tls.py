# SPDX-License-Identifier: Apache-2.0
"""Whom HTTPS trusts: the same variables in a worker and in a triggerer.

requests, under the sync driver, Azure's SDKs and azure-identity, reads REQUESTS_CA_BUNDLE, then CURL_CA_BUNDLE,
and neither of OpenSSL's variables. aiohttp, under the async driver, reads SSL_CERT_FILE and SSL_CERT_DIR, and
neither of the others. Behind a proxy that opens TLS a task would submit its job, and its trigger never read a
status. So each is told here what only the other one reads; the variables of requests come first.
"""

from __future__ import annotations

import os
import ssl
from functools import lru_cache
from typing import Any

from airflow_provider_azureml.errors import ConfigurationError

OF_REQUESTS = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
OF_OPENSSL = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_MEND = "Name a file of PEM certificates, or a folder that `openssl rehash` has prepared."


def sync_options() -> dict[str, Any]:
    """Options of azure-core's `RequestsTransport`, and of every client that hands them on to it.

    Empty where requests finds the bundle by itself, or its own is the one to take. What one of OpenSSL's
    variables names and is not there counts for nothing, as it does for OpenSSL.

    :raises ConfigurationError: a variable of requests names nothing.
    """
    if _of_requests():
        return {}
    named = (os.environ.get(name, "") for name in OF_OPENSSL)
    found = next((path for path in named if path and os.path.exists(path)), "")
    return {"connection_verify": found} if found else {}


def async_context() -> ssl.SSLContext | None:
    """What aiohttp shall verify with; None where its own context is right.

    It is made once per bundle and process, which takes some 20 ms: azure-core would make one per request.

    :raises ConfigurationError: a variable of requests names nothing, or no certificates.
    """
    found = _of_requests()
    if not found:
        return None
    name, path = found
    try:
        return _context(path, os.stat(path).st_mtime_ns)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigurationError(name, f"'{path}' cannot be read as certificates: {error}.", _MEND) from error


def _of_requests() -> tuple[str, str] | None:
    """The variable that requests goes by, and its path."""
    for name in OF_REQUESTS:
        if path := os.environ.get(name):
            if not os.path.exists(path):
                raise ConfigurationError(name, f"'{path}' does not exist.", _MEND)
            return name, path
    return None


@lru_cache(maxsize=4)
def _context(path: str, changed_at: int) -> ssl.SSLContext:
    """As aiohttp makes its own (`connector.py`), of this bundle alone.

    :param changed_at: nanoseconds; a bundle that was replaced is read again by the next session.
    """
    is_folder = os.path.isdir(path)
    context = ssl.create_default_context(
        cafile=None if is_folder else path, capath=path if is_folder else None
    )
    context.set_alpn_protocols(("http/1.1",))
    return context
