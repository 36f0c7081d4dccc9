# SPDX-License-Identifier: Apache-2.0
"""Give Airflow the example's connections and variables, through its REST API; what exists is kept.

They name identities of the sandbox and hold no secret. Through the API this is one second; each
``airflow connections import`` would load all of Airflow first.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from demo.airflow import USER, Airflow
from demo.azure import Azure
from demo.connections import connections, variables

_VARIABLE = "AIRFLOW_VAR_"


def main() -> int:
    parser = argparse.ArgumentParser(description="load the example's connections and variables")
    parser.add_argument("--cloud", type=Path, required=True, help="the sandbox's cloud.json")
    parser.add_argument("--airflow", required=True, metavar="URL", help="of the api-server")
    options = parser.parse_args()
    azure = Azure(json.loads(options.cloud.read_text(encoding="utf8")))
    passwords = json.loads(Path(os.environ["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"]).read_text())
    load(Airflow(options.airflow, passwords[USER]), azure)
    return 0


def load(airflow: Airflow, azure: Azure) -> None:
    """:raises demo.layout.DemoFailed: where Airflow refuses one of them"""
    _create(airflow, "/connections", [_connection(*item) for item in connections(azure).items()])
    settings = [(name, value) for name, value in variables(azure).items() if name.startswith(_VARIABLE)]
    _create(airflow, "/variables", [_variable(*item) for item in settings])


def _connection(name: str, content: dict[str, Any]) -> dict[str, Any]:
    extra = json.dumps(content["extra"])
    return {"connection_id": name, "conn_type": content["conn_type"], "extra": extra}


def _variable(name: str, value: str) -> dict[str, Any]:
    return {"key": name.removeprefix(_VARIABLE).lower(), "value": value}


def _create(airflow: Airflow, path: str, entities: list[dict[str, Any]]) -> None:
    action = {"action": "create", "action_on_existence": "skip", "entities": entities}
    airflow.patch(path, {"actions": [action]})


if __name__ == "__main__":
    sys.exit(main())
