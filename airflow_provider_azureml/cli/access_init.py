# SPDX-License-Identifier: Apache-2.0
"""The work of `access init`."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from airflow_provider_azureml.cli.access_hook import reading_hook
from airflow_provider_azureml.cli.command import FOUND, OK
from airflow_provider_azureml.cli.table import say
from airflow_provider_azureml.errors import ConfigurationError

HEADER = """\
# yaml-language-server: $schema=access.schema.json
# Written by `airflow-azureml access init` from {dags}; yours from here on (docs/how-to/access.md).
# Completion in editors: airflow-azureml access schema > access.schema.json
"""


def init(given: Namespace) -> int:
    """Write the manifest; FOUND when lines are left for a person."""
    import yaml

    from airflow_provider_azureml.access.manifest import load

    target = Path(given.manifest)
    if target.exists() and not given.force:
        raise ConfigurationError("--manifest", f"'{target}' exists.", "Give another file, or --force.")
    content, problems = inferred(Path(given.dags), target, given.conn_id, given.namespace)
    load(content, str(target))
    text = yaml.safe_dump(content, sort_keys=False, width=110, allow_unicode=True)
    target.write_text(HEADER.format(dags=given.dags) + text, encoding="utf-8")
    left = [(name, line) for name, each in content["identities"].items() for line in each.get("by_hand", ())]
    say(f"{target}: {len(content['identities'])} identities, {len(left)} line(s) left for a person")
    for name, line in left:
        say(f"  {name}: {line}")
    for file, problem in problems.items():
        say(f"  {file} cannot be imported: {(problem.strip().splitlines() or [''])[-1]}")
    return FOUND if left or problems else OK


def inferred(
    dags: Path, target: Path, conn_id: str, namespace: str
) -> tuple[dict[str, Any], Mapping[str, str]]:
    """The content, and the DAG files that could not be imported."""
    from airflow_provider_azureml.hooks.dag_folder import read
    from airflow_provider_azureml.hooks.inference import Inference

    hook = reading_hook(conn_id)
    folder = read(dags)
    return Inference(folder, hook).manifest(target, namespace), folder.problems
