# SPDX-License-Identifier: Apache-2.0
"""Where a running job gets tokens of its run identity: the MSI endpoint of its machine.

Two spellings of one thing: ``MSI_ENDPOINT`` with the ``secret`` header, as azure-identity's
AzureMLCredential asks, and an address with the secret in its path, because hadoop-azure's
MsiTokenProvider sends no header of ours.
"""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from azure_sandbox.kernel.errors import AzureError, bad_request
from azure_sandbox.kernel.operation import PUBLIC, Call, Operation
from azure_sandbox.kernel.ports import Directory
from azure_sandbox.kernel.surfaces import METADATA
from azure_sandbox.services.machinelearning.runner.readers import Reader
from azure_sandbox.services.machinelearning.service import MachineLearning


def operations(service: MachineLearning) -> list[Operation]:
    routes = _Routes(service)
    # PUBLIC: the job's own secret is the login.
    return [
        Operation(METADATA, "GET", "/machinelearning/msi/token", routes.with_header, PUBLIC),
        Operation(METADATA, "GET", "/machinelearning/msi/{secret}/token", routes.with_path, PUBLIC),
    ]


class _Routes:
    def __init__(self, service: MachineLearning) -> None:
        self._service = service

    async def with_header(self, call: Call) -> Response:
        return self._token(call, call.headers.get("secret", ""))

    async def with_path(self, call: Call) -> Response:
        return self._token(call, call.params["secret"])

    def _token(self, call: Call, secret: str) -> Response:
        reader = self._service.supervisor.secrets.reader(secret)
        if reader is None:
            raise AzureError(401, "unauthorized", "The secret is not that of a running job.")
        resource = call.query.get("resource", "")
        if not resource:
            raise bad_request("invalid_request", "The query parameter 'resource' is required.")
        directory = call.cloud.port(Directory)
        client_id = call.query.get("clientid") or call.query.get("client_id") or ""
        identity = _chosen(directory, reader, client_id)
        own = directory.app_id_of(identity)
        try:
            token, expires = directory.token(identity, resource.rstrip("/"))
        except KeyError:
            raise bad_request("invalid_request", "Identity not found") from None
        now = call.cloud.clock.time()
        return JSONResponse(
            {
                "access_token": token,
                "client_id": own,
                "expires_in": str(int(expires - now)),
                "expires_on": str(int(expires)),
                "not_before": str(int(now)),
                "resource": resource,
                "token_type": "Bearer",
            }
        )


def _chosen(directory: Directory, reader: Reader, client_id: str) -> str:
    """The object id of the identity that a job's code asks for; its run identity where it names none.

    :raises AzureError: 400 as the machine's metadata service words it
    """
    known = {item.client_id.lower(): item.principal_id for item in reader.machine}
    if reader.principal:
        known.setdefault(directory.app_id_of(reader.principal).lower(), reader.principal)
    if not client_id and len(reader.machine) > 1:
        raise bad_request(
            "invalid_request",
            "Multiple user assigned identities exist, please specify the clientId / resourceId of the "
            "identity in the token request",
        )
    found = known.get(client_id.lower()) if client_id else reader.principal
    if not found:
        raise bad_request("invalid_request", f"Identity not found: {client_id or 'the job has none'}.")
    return found
