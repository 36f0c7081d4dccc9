# SPDX-License-Identifier: Apache-2.0
"""``docker-compose.yaml`` as a document: valid, safe to publish, and the same as what it stands for."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from azure_sandbox.gateway.certificates import Certificates
from azure_sandbox.gateway.environment import client_environment
from tests.compose.compose_file import COMPOSE_FILE, REPOSITORY, Translation, read_services

DOCUMENT: dict[str, Any] = yaml.safe_load(COMPOSE_FILE.read_text(encoding="utf8"))
SERVICES: dict[str, dict[str, Any]] = DOCUMENT["services"]
ENDING = {"secrets", "init", "example"}
#: Of what `azure-sandbox env` prints: Airflow runs no JVM and no Node, and reads no CA for them.
NOT_FOR_AIRFLOW = {"JAVA_TOOL_OPTIONS", "NODE_EXTRA_CA_CERTS"}


def validate(path: Path) -> subprocess.CompletedProcess[str]:
    """Against the Compose specification's schema, as check-jsonschema ships it."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_the_file_is_valid_under_the_schema_of_the_compose_specification():
    done = validate(COMPOSE_FILE)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "wrong",
    [{"restrat": "always"}, {"depends_on": {"redis": {"condition": "healthy"}}}, {"ports": "8080:8080"}],
)
def test_the_schema_refuses_a_service_with_a_mistake(wrong, tmp_path):
    broken = tmp_path / "docker-compose.yaml"
    broken.write_text(yaml.safe_dump({"services": {"one": {"image": "redis", **wrong}}}))
    assert "Schema validation errors" in validate(broken).stdout


def test_every_service_that_stays_has_a_health_check_and_is_restarted():
    staying = SERVICES.keys() - ENDING
    assert {
        name for name in staying if SERVICES[name]["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")
    } == staying
    assert {name for name in staying if SERVICES[name]["restart"] == "unless-stopped"} == staying


def test_a_service_that_ends_has_no_health_check_and_is_not_restarted():
    assert {name for name, service in SERVICES.items() if "healthcheck" not in service} == ENDING
    assert {name for name in ENDING if SERVICES[name]["restart"] == "no"} == ENDING


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_waits_for_what_a_dependency_really_becomes(name):
    for dependency, wanted in SERVICES[name].get("depends_on", {}).items():
        ends = dependency in ENDING
        expected = "service_completed_successfully" if ends else "service_healthy"
        assert wanted["condition"] == expected, dependency


def test_services_share_the_network_of_the_sandbox_which_binds_loopback_only():
    networks = {name: service.get("network_mode") for name, service in SERVICES.items()}
    assert networks.pop("sandbox") is None
    assert networks.pop("secrets") == "none"
    assert set(networks.values()) == {"service:sandbox"}


def test_only_the_api_server_is_published_and_only_to_this_machine():
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"sandbox": ["127.0.0.1:8080:8080"]}
    listening = {n: s["command"] for n, s in SERVICES.items() if "0.0.0.0" in s["command"]}
    assert set(listening) == {"api-server"}


def test_there_are_two_triggerers_and_a_celery_worker():
    commands = [service["command"] for service in SERVICES.values()]
    assert sum(command.startswith("airflow triggerer") for command in commands) == 2
    assert sum(command.startswith("airflow celery worker") for command in commands) == 1
    assert SERVICES["scheduler"]["environment"]["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"


def test_no_secret_is_written_in_the_file():
    secretive = re.compile("password|secret|fernet|token|sql_alchemy_conn|broker_url|result_backend", re.I)
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if secretive.search(name):
                assert re.fullmatch(r"(cat )?/secrets/[a-z]+/[a-z_.]+", value), name
    assert not re.search(r"://[^/\s]*:[^/\s]*@", COMPOSE_FILE.read_text(encoding="utf8"))


def test_a_service_mounts_its_own_secrets_and_nobody_elses():
    mounted = {
        name: {volume.split(":")[0] for volume in service["volumes"] if "-secrets:" in volume}
        for name, service in SERVICES.items()
    }
    assert mounted.pop("secrets") == {"airflow-secrets", "postgres-secrets", "redis-secrets"}
    assert mounted.pop("postgres") == {"postgres-secrets"}
    assert mounted.pop("redis") == {"redis-secrets"}
    assert mounted.pop("sandbox") == set()
    assert set(map(frozenset, mounted.values())) == {frozenset({"airflow-secrets"})}


def test_every_named_volume_is_declared_and_used():
    used = {volume.split(":")[0] for service in SERVICES.values() for volume in service["volumes"]}
    assert {volume for volume in used if not volume.startswith(".")} == set(DOCUMENT["volumes"])
    assert all((REPOSITORY / volume).is_dir() for volume in used if volume.startswith("."))


def test_airflow_reaches_the_sandbox_by_what_azure_sandbox_env_prints(tmp_path):
    printed = client_environment(Certificates(tmp_path / "pki", ["login.microsoftonline.com"]), 8899, 8444)
    wanted = {k: v.replace(str(tmp_path), "/sandbox") for k, v in printed.items() if k not in NOT_FOR_AIRFLOW}
    for name in ("scheduler", "worker", "triggerer-1", "triggerer-2", "dag-processor", "api-server"):
        environment = SERVICES[name]["environment"]
        assert {key: environment.get(key) for key in wanted} == wanted, name


def test_the_image_holds_the_airflow_that_is_tested_here():
    pinned = re.search(r"^apache-airflow==(\S+)$", (REPOSITORY / "constraints.txt").read_text(), re.M)
    assert pinned is not None
    assert f"apache/airflow:{pinned[1]}-python3.11" in (REPOSITORY / "deploy" / "Dockerfile").read_text()


def test_every_file_that_a_command_names_exists_in_the_repository():
    places = {"/opt/deploy": REPOSITORY / "deploy", "/opt/example": REPOSITORY}
    translation = Translation(places, {})
    words = [w for s in read_services() for w in [*s.command, *(s.health or [])] if w.startswith("/opt/")]
    assert len(words) >= 6
    assert [word for word in words if not Path(translation.text(word)).is_file()] == []


def test_a_translation_replaces_whole_paths_and_whole_ports_only():
    translation = Translation({"/data": Path("/tmp/d"), "/data/more": Path("/tmp/m")}, {8080: 40001})
    text = "--dir /data --log /data/more/x /database 18080 http://127.0.0.1:8080/a -p 8080"
    assert (
        translation.text(text)
        == "--dir /tmp/d --log /tmp/m/x /database 18080 http://127.0.0.1:40001/a -p 40001"
    )
