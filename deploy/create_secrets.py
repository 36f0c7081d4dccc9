# SPDX-License-Identifier: Apache-2.0
"""Make this deployment's secrets, once: ``create_secrets.py DIRECTORY --postgres HOST:PORT --redis HOST:PORT``.

Each reader has a directory (in ``docker-compose.yaml`` a volume) of its own, so that the database
does not see Airflow's keys and Redis does not see the database's password. What is there already
is kept: a second run changes nothing. Standard library only, for it runs before everything else.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="make the secrets of a team deployment, once")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--postgres", required=True, metavar="HOST:PORT")
    parser.add_argument("--redis", required=True, metavar="HOST:PORT")
    options = parser.parse_args(arguments)
    create(options.directory, options.postgres, options.redis)
    return 0


def create(directory: Path, postgres: str, redis: str) -> None:
    """Write what is missing below ``directory``; nothing is printed."""
    database = _keep(directory / "postgres" / "password", _password, 0o444)
    broker = _keep(directory / "redis" / "password", _password, 0o444)
    _keep(directory / "redis" / "redis.conf", lambda: f"requirepass {broker}\n", 0o444)
    airflow = directory / "airflow"
    for name in ("fernet_key", "jwt_secret", "api_secret_key"):
        _keep(airflow / name, _key, 0o440)
    _keep(airflow / "sql_alchemy_conn", lambda: f"postgresql://airflow:{database}@{postgres}/airflow", 0o440)
    _keep(airflow / "redis_url", lambda: f"redis://:{broker}@{redis}/0", 0o440)
    # Airflow opens this one for writing.
    _keep(airflow / "passwords.json", lambda: json.dumps({"admin": _password()}) + "\n", 0o660)


def _keep(path: Path, make: Callable[[], str], mode: int) -> str:
    """The file's text; made first, with all of its bytes or not at all, where it is missing."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(path.name + ".new")
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf8") as file:
            file.write(make())
        fresh.chmod(mode)
        fresh.replace(path)
    return path.read_text(encoding="utf8")


def _password() -> str:
    """Safe inside a URL and inside ``redis.conf``."""
    return secrets.token_urlsafe(32)


def _key() -> str:
    """32 random bytes as Fernet wants them: URL-safe Base64 with padding."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode("ascii")


if __name__ == "__main__":
    sys.exit(main())
