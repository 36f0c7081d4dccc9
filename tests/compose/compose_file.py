# SPDX-License-Identifier: Apache-2.0
"""``docker-compose.yaml`` as a list of services, and the one mapping from containers to local processes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
COMPOSE_FILE = REPOSITORY / "docker-compose.yaml"


@dataclass(frozen=True)
class Service:
    """What Compose would start, as written in the file (``$$`` is Compose's escape for ``$``)."""

    name: str
    command: list[str]
    environment: dict[str, str]
    depends_on: dict[str, str]
    health: list[str] | None

    @property
    def ends(self) -> bool:
        """A service without a health check does its work and ends."""
        return self.health is None


def read_services(path: Path = COMPOSE_FILE) -> list[Service]:
    document = yaml.safe_load(path.read_text(encoding="utf8"))
    return [_service(name, entry) for name, entry in document["services"].items()]


def _service(name: str, entry: dict[str, Any]) -> Service:
    return Service(
        name,
        shlex.split(entry["command"].replace("$$", "$")),
        {key: str(value) for key, value in entry.get("environment", {}).items()},
        {key: value["condition"] for key, value in entry.get("depends_on", {}).items()},
        _health(entry.get("healthcheck")),
    )


def _health(entry: dict[str, Any] | None) -> list[str] | None:
    if entry is None:
        return None
    kind, *rest = (word.replace("$$", "$") for word in entry["test"])
    return ["sh", "-c", *rest] if kind == "CMD-SHELL" else rest


class Translation:
    """Container paths and ports -> this machine's. Nothing else of a service is changed."""

    def __init__(self, paths: Mapping[str, Path], ports: Mapping[int, int]) -> None:
        self._table = {path: str(local) for path, local in paths.items()}
        self._table |= {str(port): str(local) for port, local in ports.items()}
        # A whole path, not the beginning of a longer name; a port as a word of its own.
        words = [rf"{re.escape(path)}(?=[/:\"')\s]|$)" for path in sorted(paths, key=len, reverse=True)]
        words += [rf"\b{port}\b" for port in ports]
        self._pattern = re.compile("|".join(words))

    def text(self, text: str) -> str:
        return self._pattern.sub(lambda match: self._table[match.group()], text)

    def words(self, words: list[str]) -> list[str]:
        return [self.text(word) for word in words]

    def environment(self, environment: Mapping[str, str]) -> dict[str, str]:
        return {name: self.text(value) for name, value in environment.items()}
