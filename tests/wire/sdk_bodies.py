# SPDX-License-Identifier: Apache-2.0
"""Print the requests that the unmodified `azure-ai-ml` would send for each job definition named on stdin.

Run with the interpreter of the SDK's own virtual environment, never with Airflow's. Reads a JSON list
of YAML paths; writes a JSON list of `{"job": body, "environment": body or null}`. No socket is opened:
the SDK is given a transport that records and answers.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Any

import jwt
from azure.ai.ml import MLClient, load_job
from azure.core.credentials import AccessToken
from azure.core.pipeline.transport import HttpTransport
from azure.core.rest._http_response_impl import HttpResponseImpl

SUBSCRIPTION, GROUP, WORKSPACE = "00000000-0000-0000-0000-000000000001", "rg-ml", "ws-ml"
WORKSPACE_ID = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}"
    f"/providers/Microsoft.MachineLearningServices/workspaces/{WORKSPACE}"
)
CODE_ID = f"{WORKSPACE_ID}/codes/known/versions/1"


class Credential:
    """A credential whose token the SDK decodes (for user_identity) and nobody checks."""

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        claims = {"aud": "https://ml.azure.com", "tid": SUBSCRIPTION, "exp": int(time.time()) + 3600}
        return AccessToken(jwt.encode(claims, "k" * 32, algorithm="HS256"), claims["exp"])


class Recorded(HttpResponseImpl):  # type: ignore[misc]
    """An answer that is already read."""

    def __init__(self, request: Any, status: int, document: Any) -> None:
        super().__init__(
            request=request,
            internal_response=None,
            status_code=status,
            reason="OK",
            content_type="application/json",
            headers={"Content-Type": "application/json"},
            stream_download_generator=None,
        )
        self._content = json.dumps(document).encode()
        self._is_closed = self._is_stream_consumed = True

    def body(self) -> bytes:
        return self._content

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__


class Recorder(HttpTransport):  # type: ignore[misc]
    """Keeps every PUT and answers as a workspace would that already knows the code."""

    def __init__(self) -> None:
        self.puts: dict[str, Any] = {}

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""

    def open(self) -> None:
        """Nothing to open."""

    def close(self) -> None:
        """Nothing to close."""

    def send(self, request: Any, **_: Any) -> Recorded:
        path = request.url.split("?")[0].removeprefix("https://management.azure.com")
        if request.method == "PUT":
            content = request.content if hasattr(request, "content") else request.body
            content = json.loads(content)
            self.puts[path.split("/workspaces/")[1].split("/")[1]] = content
            return Recorded(request, 201, {"id": path, "name": path.rsplit("/", 1)[1], **content})
        if "/codes/" in path:
            version = {
                "id": CODE_ID,
                "name": "1",
                "properties": {"codeUri": "https://x/y", "isAnonymous": True},
            }
            return Recorded(request, 200, {"value": [version]} if path.endswith("/versions") else version)
        return Recorded(request, 404, {"error": {"code": "NotFound", "message": path}})


def bodies(path: str) -> dict[str, Any]:
    """What the SDK sends for one definition."""
    recorder = Recorder()
    client = MLClient(Credential(), SUBSCRIPTION, GROUP, WORKSPACE, transport=recorder)
    job = load_job(path)
    job.name = "name"
    try:
        client.jobs.create_or_update(job)
    except (AttributeError, TypeError, KeyError):
        if "jobs" not in recorder.puts:  # reading our terse answer back is not what is under test
            raise
    return {"job": recorder.puts["jobs"], "environment": recorder.puts.get("environments")}


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    json.dump([bodies(path) for path in json.load(sys.stdin)], sys.stdout)
