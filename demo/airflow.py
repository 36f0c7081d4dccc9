# SPDX-License-Identifier: Apache-2.0
"""A real Airflow: four processes over SQLite, and its REST API."""

from __future__ import annotations

import base64
import json
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx

from demo.layout import DemoFailed, Layout, free_ports
from demo.processes import Processes, wait_for

MIGRATE_SECONDS = 180.0
START_SECONDS = 240.0
USER = "admin"
COMPONENTS = {
    "api-server": ["--workers", "1", "--host", "127.0.0.1", "--port"],
    "scheduler": [],
    "dag-processor": [],
    "triggerer": [],
}


def start(
    layout: Layout, processes: Processes, environment: Mapping[str, str], *, schedules: bool
) -> Airflow:
    """Bring the database up to date, start the components and wait until all are healthy.

    :param environment: what tasks need besides Airflow's own settings
    :param schedules: whether the clock starts runs too, as it does every night in production
    :raises DemoFailed: where one of them ends or does not become healthy
    """
    keys = _keys(layout.airflow)
    port, *log_ports = free_ports(3)
    settings = {**os.environ, **environment, **_settings(layout, keys, port, log_ports)}
    settings["AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE"] = str(schedules)
    airflow = layout.command("airflow")
    _migrate(layout.airflow, processes, [airflow, "db", "migrate"], settings)
    for component, arguments in COMPONENTS.items():
        more = [*arguments, str(port)] if arguments else []
        processes.start(f"airflow-{component}", [airflow, component, *more], settings)
    running = Airflow(f"http://127.0.0.1:{port}", keys["password"])
    wait_for("Airflow", running.healthy, processes, START_SECONDS)
    return running


def _migrate(home: Path, processes: Processes, command: list[str], settings: Mapping[str, str]) -> None:
    """Bring the database to this Airflow's schema; once per version, since it takes a while."""
    migrated, wanted = home / "migrated", version("apache-airflow")
    if migrated.exists() and migrated.read_text(encoding="utf8") == wanted:
        return
    processes.run("airflow-migrate", command, settings, MIGRATE_SECONDS)
    migrated.write_text(wanted, encoding="utf8")


def _keys(home: Path) -> dict[str, str]:
    """The keys of this Airflow, made at the first start and kept, readable by us alone."""
    home.mkdir(parents=True, exist_ok=True)
    path = home / "keys.json"
    if not path.exists():
        keys = {
            "fernet": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "jwt": secrets.token_urlsafe(48),
            "session": secrets.token_urlsafe(48),
            "password": secrets.token_urlsafe(12),
        }
        _write_private(path, keys)
    keys = json.loads(path.read_text(encoding="utf8"))
    _write_private(home / "passwords.json", {USER: keys["password"]})
    return dict(keys)


def _write_private(path: Path, content: Mapping[str, str]) -> None:
    path.touch(mode=0o600)
    path.write_text(json.dumps(content), encoding="utf8")


def _settings(layout: Layout, keys: Mapping[str, str], port: int, log_ports: list[int]) -> dict[str, str]:
    home, url = layout.airflow, f"http://127.0.0.1:{port}"
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(layout.dags),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__FERNET_KEY": keys["fernet"],
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__SECRET_KEY": keys["session"],
        "AIRFLOW__API_AUTH__JWT_SECRET": keys["jwt"],
        "AIRFLOW__LOGGING__NAMESPACE_LEVELS": "azure=WARNING",
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(log_ports[0]),
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(log_ports[1]),
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "30",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "AIRFLOW__AZUREML__DEPLOYMENT_ID": "demo",
    }


@dataclass(frozen=True)
class Airflow:
    """A running Airflow.

    :param url: of the API server and its pages
    :param password: of the user ``admin``
    """

    url: str
    password: str = field(repr=False)

    def healthy(self) -> bool:
        """Whether all four components report health."""
        try:
            parts = self._http.get("/api/v2/monitor/health").json()
        except (httpx.TransportError, ValueError):
            return False
        names = ("metadatabase", "scheduler", "triggerer", "dag_processor")
        return all((parts.get(name) or {}).get("status") == "healthy" for name in names)

    def close(self) -> None:
        """Close the connections to it."""
        self._http.close()

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """:raises DemoFailed: where the answer is not a success"""
        return self._call("GET", path, params=query)

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """:raises DemoFailed: where the answer is not a success"""
        return self._call("POST", path, json=body)

    def patch(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """:raises DemoFailed: where the answer is not a success"""
        return self._call("PATCH", path, json=body)

    def knows(self, dag_id: str) -> bool:
        """Whether the DAG was parsed.

        :raises DemoFailed: with the import error, where there is one
        """
        errors = self.get("/importErrors")["import_errors"]
        if errors:
            raise DemoFailed(f"{errors[0]['filename']} cannot be imported:\n{errors[0]['stack_trace']}")
        return self._request("GET", f"/dags/{dag_id}").is_success

    def _call(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        response = self._request(method, path, **arguments)
        if not response.is_success:
            raise DemoFailed(
                f"Airflow's {method} {path} answered {response.status_code}: {response.text[:2000]}"
            )
        return dict(response.json())

    def _request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """The API server answers late when two cores are busy: a lost answer is asked for again."""
        headers = {"Authorization": f"Bearer {self._token}"}
        for attempt in range(4):
            try:
                return self._http.request(method, "/api/v2" + path, headers=headers, **arguments)
            except httpx.TransportError as error:
                last = error
                time.sleep(1 + attempt)
        raise DemoFailed(f"Airflow's {method} {path} got no answer: {last}")

    @cached_property
    def _http(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, trust_env=False, timeout=30)

    @cached_property
    def _token(self) -> str:
        answer = self._http.post("/auth/token", json={"username": USER, "password": self.password})
        if not answer.is_success:
            raise DemoFailed(f"Airflow's login answered {answer.status_code}: {answer.text[:500]}")
        return str(answer.json()["access_token"])
