# SPDX-License-Identifier: Apache-2.0
"""Whether a job's image may be pulled. It is not run: the environment's packages are."""

from __future__ import annotations

import re

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.ports import Registries
from azure_sandbox.services.machinelearning.records import JobFailure

_IMAGE = re.compile(r"(?:https?://)?([a-z0-9]+)\.azurecr\.io/(.+)", re.IGNORECASE)


def check_image(cloud: Cloud, image: str, puller: str) -> None:
    """
    :param puller: object id of who pulls; empty for nobody
    :raises JobFailure: where the image is of a container registry that refuses, in Azure ML's words with
        Docker's own reason
    """
    named = _IMAGE.fullmatch(image)
    if named is None:
        return
    allowed = cloud.port(Registries).may_pull(named[1], puller)
    if allowed:
        return
    host = f"{named[1].lower()}.azurecr.io"
    why = (
        f"Get https://{host}/v2/: dial tcp: lookup {host}: no such host"
        if allowed is None
        else "unauthorized: authentication required, visit https://aka.ms/acr/authorization for more information."
    )
    raise JobFailure(
        f"Failed to pull Docker image {image}. This error may occur because the compute could not authenticate "
        "with the Docker registry to pull the image. If using ACR please ensure the ACR has Admin user enabled "
        "or a Managed Identity with AcrPull access to the ACR is assigned to the compute. Error response from "
        f"daemon: {why}",
        inner="ImagePullError",
    )
