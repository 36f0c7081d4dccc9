# SPDX-License-Identifier: Apache-2.0
"""The region's own host: discovery, run history, artifacts, MLflow.

Besides Entra tokens the region accepts a run token: signed by the same issuer, good for one
workspace, and for writing to one run and its children only (see :func:`may_write`).
"""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.errors import AzureError
from azure_sandbox.kernel.operation import Caller, Need, Surface, bearer_for, by_role
from azure_sandbox.kernel.surfaces import authorization_failed
from azure_sandbox.services.machinelearning.records import Json, Run, Workspace

RUN_TOKEN_LIFETIME = 7 * 86_400.0

_MLFLOW_CODES = {
    400: "INVALID_PARAMETER_VALUE",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "RESOURCE_DOES_NOT_EXIST",
    409: "RESOURCE_ALREADY_EXISTS",
}


def run_token(cloud: Cloud, workspace: Workspace, run: Run) -> str:
    """AZUREML_RUN_TOKEN: seven days, and no Entra principal behind it."""
    now = cloud.clock.time()
    claims = {
        "aud": cloud.azure.ml_audience,
        "oid": f"run:{run.name}",
        "tid": cloud.tenant_id,
        "iat": int(now),
        "nbf": int(now),
        "exp": int(now + RUN_TOKEN_LIFETIME),
        "runid": run.name,
        "rootrunid": run.root or run.name,
        "scope": workspace.scope,
    }
    return cloud.entra.sign(claims)


def may_write(caller: Caller, run: Run) -> None:
    """A run token writes to its own run and to what belongs to the same root, nothing else.

    :raises AzureError: 403
    """
    if caller.kind != "run" or caller.claims["rootrunid"] in (run.name, run.root):
        return
    raise AzureError(
        403, "UserError", f"The run token of {caller.claims['runid']} may not write to {run.name}."
    )


def _unauthorized(why: str) -> AzureError:
    text = {"missing": "Authorization header is missing."}.get(
        why, f"Bearer token not provided or invalid: {why}."
    )
    return AzureError(401, "UserError", text, headers={"WWW-Authenticate": "Bearer"})


_entra = bearer_for(lambda azure: [*azure.management_audiences, azure.ml_audience], _unauthorized)


def _authenticate(cloud: Cloud, request: Request) -> Caller:
    caller = _entra(cloud, request)
    if "runid" not in caller.claims:
        return caller
    area = re.escape(str(caller.claims["scope"]))
    if not re.match(rf"/(history|mlflow|datastore)/v\d\.\d{area}/", request.scope["path"], re.IGNORECASE):
        raise _unauthorized("the run token is for another workspace")
    return Caller("run", "", "", caller.claims)


def _render(error: AzureError, request: Request) -> Response:
    """Run history nests the error and tells where and when; MLflow has its own shape."""
    if request.scope["path"].lower().startswith("/mlflow/"):
        code = _MLFLOW_CODES.get(error.status, "INTERNAL_ERROR")
        plain = {"error_code": code, "message": error.message}
        return JSONResponse(plain, error.status, headers=error.headers)
    content: Json = {
        "error": {
            "code": error.code,
            "message": error.message,
            "details": [],
            "innerError": None,
            **error.body,
        },
        "correlation": {"operation": None, "request": None},
        "componentName": "run-history",
    }
    return JSONResponse(content, error.status, headers=error.headers)


def _permits(cloud: Cloud, caller: Caller, need: Need) -> bool:
    # A run token holds no role: it was confined to its workspace on entry, writes by may_write.
    return caller.kind == "run" or by_role(cloud, caller, need)


REGION = Surface(
    "azureml-region",
    ("{region}.$region", "{workspace_guid}.workspace.{region}.$region"),
    _authenticate,
    _render,
    authorization_failed,
    _permits,
)
