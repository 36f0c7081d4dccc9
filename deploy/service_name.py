# SPDX-License-Identifier: Apache-2.0
"""Airflow's ``[core] hostname_callable``: services that share a network namespace share its host name too."""

from __future__ import annotations

import os


def service_name() -> str:
    """The service's name in ``docker-compose.yaml``; Airflow's jobs and task instances carry it."""
    return os.environ["SERVICE_NAME"]
