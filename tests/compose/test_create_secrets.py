# SPDX-License-Identifier: Apache-2.0
"""``deploy/create_secrets.py``: made once, kept, and given to nobody who does not need them."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.compose.compose_file import REPOSITORY, read_services

PROGRAM = REPOSITORY / "deploy" / "create_secrets.py"


def create(directory: Path) -> str:
    """Run it as the service does; what it printed."""
    command = [
        sys.executable,
        str(PROGRAM),
        str(directory),
        "--postgres",
        "127.0.0.1:5432",
        "--redis",
        "127.0.0.1:6379",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    return done.stdout + done.stderr


@pytest.fixture
def made(tmp_path: Path) -> dict[str, str]:
    create(tmp_path)
    return content(tmp_path)


def content(directory: Path) -> dict[str, str]:
    return {str(p.relative_to(directory)): p.read_text() for p in sorted(directory.rglob("*")) if p.is_file()}


def test_every_secret_that_the_compose_file_reads_is_made(made):
    environments = " ".join(v for s in read_services() for v in s.environment.values())
    commands = " ".join(w for s in read_services() for w in [*s.command, *(s.health or [])])
    read = set(re.findall(r"/secrets/([a-z]+/[a-z_.]+)", f"{environments} {commands}"))
    assert read == made.keys()


def test_a_second_run_changes_nothing_and_neither_prints_anything(tmp_path):
    assert create(tmp_path) == ""
    first = content(tmp_path)
    assert create(tmp_path) == ""
    assert content(tmp_path) == first


def test_two_deployments_share_no_secret(tmp_path, made):
    create(tmp_path / "other")
    assert set(content(tmp_path / "other").values()).isdisjoint(made.values())


def test_the_database_and_redis_see_only_their_own_password(made):
    assert made["postgres/password"] in made["airflow/sql_alchemy_conn"]
    assert made["redis/password"] in made["airflow/redis_url"]
    assert made["redis/redis.conf"] == f"requirepass {made['redis/password']}\n"
    elsewhere = {name for name, text in made.items() if made["postgres/password"] in text}
    assert elsewhere == {"postgres/password", "airflow/sql_alchemy_conn"}


def test_the_fernet_key_is_one(made):
    assert len(base64.urlsafe_b64decode(made["airflow/fernet_key"])) == 32


def test_the_login_has_a_password_of_its_own(made):
    password = json.loads(made["airflow/passwords.json"])["admin"]
    assert len(password) >= 40


def test_airflows_secrets_are_not_for_everybody(tmp_path):
    create(tmp_path)
    modes = {p.name: p.stat().st_mode & 0o777 for p in (tmp_path / "airflow").iterdir()}
    assert modes.pop("passwords.json") == 0o660
    assert set(modes.values()) == {0o440}
