# SPDX-License-Identifier: Apache-2.0
"""The work of `access schema`."""

from __future__ import annotations

import sys
from argparse import Namespace

from airflow_provider_azureml.access.schema import schema_text
from airflow_provider_azureml.cli.command import OK


def schema(given: Namespace) -> int:
    """Print it."""
    sys.stdout.write(schema_text())
    return OK
