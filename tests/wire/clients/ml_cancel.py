# SPDX-License-Identifier: Apache-2.0
"""A job that would sleep for ten minutes is cancelled; a job that fails is streamed."""

from __future__ import annotations

import contextlib
import io
import time

from azure.ai.ml import command
from azure.ai.ml.entities import Environment, ManagedIdentityConfiguration
from azure.ai.ml.exceptions import JobException
from azure.core.exceptions import HttpResponseError
from ml_client import GIVEN, connect, report

ml = connect()


def submit(name: str, line: str) -> str:
    job = ml.jobs.create_or_update(
        command(
            name=f"{name}-{GIVEN['unique']}",
            command=line,
            environment=Environment(image="mcr.microsoft.com/azureml/openmpi5.0-ubuntu24.04"),
            identity=ManagedIdentityConfiguration(client_id=GIVEN["run_client_id"]),
        )
    )
    return str(job.name)


sleeper, failing = submit("sleep", "echo asleep; sleep 600"), submit("fail", "echo on its way; exit 3")
deadline = time.monotonic() + 60
while ml.jobs.get(sleeper).status != "Running" and time.monotonic() < deadline:
    time.sleep(0.3)
running = ml.jobs.get(sleeper).status
ml.jobs.begin_cancel(sleeper).result()
while ml.jobs.get(sleeper).status == "CancelRequested" and time.monotonic() < deadline:
    time.sleep(0.3)

failure = missing = ""
try:
    with contextlib.redirect_stdout(io.StringIO()):
        ml.jobs.stream(failing)
except JobException as error:
    failure = str(error)
try:
    ml.jobs.get("no-such-job")
except HttpResponseError as error:
    missing = f"{error.status_code} {error.error.code}"
report(
    running=running,
    cancelled=ml.jobs.get(sleeper).status,
    failed=ml.jobs.get(failing).status,
    failure=failure,
    missing=missing,
)
