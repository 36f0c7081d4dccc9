# SPDX-License-Identifier: Apache-2.0
"""All commands. Whatever is imported here is paid for by each call of `airflow`: definitions only."""

from __future__ import annotations

from airflow_provider_azureml.cli import access, access_reap, audit, doctor, reap
from airflow_provider_azureml.cli.command import Command

GROUPS: dict[str, str] = {
    "access": "Which identity may do what: in a manifest, in Azure, and for the time of a run",
    "audit": "Who did what in Azure, as this provider wrote it down",
}
"""Help of the first words that have further words below them."""
COMMANDS: tuple[Command, ...] = (
    *access.COMMANDS,
    access_reap.COMMAND,
    *audit.COMMANDS,
    doctor.COMMAND,
    reap.COMMAND,
)
