# SPDX-License-Identifier: Apache-2.0
"""The work of `access export`."""

from __future__ import annotations

import sys
from argparse import Namespace
from importlib import import_module
from pathlib import Path

from airflow_provider_azureml.access.export import Export
from airflow_provider_azureml.cli.command import OK

_WRITERS = {
    "az": "export_az:script",
    "arm": "export_arm:template",
    "bicep": "export_bicep:module",
    "terraform": "export_terraform:configuration",
}


def export(given: Namespace) -> int:
    """Print it. Raises ConfigurationError for a manifest that is not sound."""
    from airflow_provider_azureml.hooks.manifest_file import load

    module, _, name = _WRITERS[given.format].partition(":")
    write = getattr(import_module(f"airflow_provider_azureml.access.{module}"), name)
    sys.stdout.write(write(Export.of(load(Path(given.manifest)))))
    return OK
