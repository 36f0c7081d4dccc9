# SPDX-License-Identifier: Apache-2.0
"""Submit the same jobs with the unmodified `azure-ai-ml`: a script of `submit_cost.py`, in an environment of its own."""

from __future__ import annotations

import uuid

from tests.bench.submit_steps import GIVEN, report, step

with step("import"):
    from azure.ai.ml import MLClient, load_job
    from azure.identity import ManagedIdentityCredential


def main() -> None:
    """Entry."""
    credential = ManagedIdentityCredential(client_id=GIVEN["client_id"])
    client = MLClient(credential, GIVEN["subscription"], GIVEN["group"], GIVEN["workspace"])

    def submit(path: str) -> None:
        job = load_job(path)
        job.name = f"sdk-{uuid.uuid4()}"
        client.jobs.create_or_update(job)

    with step("cold"):
        submit(GIVEN["local"])
    for _ in range(GIVEN["times"]):
        with step("local"):
            submit(GIVEN["local"])
        with step("registered"):
            submit(GIVEN["registered"])
    report()


if __name__ == "__main__":
    main()
