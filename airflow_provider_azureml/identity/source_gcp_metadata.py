# SPDX-License-Identifier: Apache-2.0
"""Google's metadata server vouches for the service account of a machine, pod or Composer environment.

The federated credential's issuer is `https://accounts.google.com` and its subject the account's numeric
unique id, not its address (identity.md 1.2.4).
"""

from __future__ import annotations

import os
from urllib.parse import urlencode

from airflow_provider_azureml.connection import Settings
from airflow_provider_azureml.identity.assertion import Fetch, Kept, Mask, usable
from airflow_provider_azureml.identity.source_http import ask, fetched
from airflow_provider_azureml.rest.flow import Flow, Request

HOST_VARIABLE = "GCE_METADATA_HOST"
"""Names the metadata server where it is not the usual one, as for Google's own libraries."""
_HOST = "metadata.google.internal"
_PATH = "/computeMetadata/v1/instance/service-accounts/default/identity"


def assertion(settings: Settings, mask: Mask) -> Fetch:
    """Return a function that gives the account's identity token, kept until a minute before its end."""
    return Kept(lambda: fetched(settings, exchange(settings, mask)))


def host() -> str:
    """The metadata server of this machine."""
    return os.environ.get(HOST_VARIABLE) or _HOST


def exchange(settings: Settings, mask: Mask) -> Flow[str]:
    """Ask the metadata server for a token for Entra's exchange."""
    audience = settings.assertion_audience or settings.cloud.assertion_audience
    query = urlencode({"audience": audience, "format": "full"})
    request = Request("GET", f"http://{host()}{_PATH}?{query}", headers={"Metadata-Flavor": "Google"})
    source = f"Google's metadata server '{host()}'"
    answer = yield from ask(settings, request, source)
    token = answer.body.decode(errors="replace").strip()
    mask(token)
    return usable(token, source, audience)[0]
