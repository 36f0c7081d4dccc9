# SPDX-License-Identifier: Apache-2.0
"""What became of jobs, by the sandbox's ledger of effects: the only oracle of these tests."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

CANCEL_TAG = "airflow.cancel"


@dataclass
class Story:
    """One job, from its making to its end. `reasons`: what our cancels wrote on it, in their order."""

    name: str
    status: str
    reasons: list[str] = field(default_factory=list)
    cancels: int = 0
    has_ended: bool = False

    def __str__(self) -> str:
        if self.reasons:
            return f"{self.status} ({', '.join(self.reasons)})"
        return f"{self.status} ({self.cancels} cancels of nobody)" if self.cancels else self.status


class Ledger:
    """The control API of a running sandbox.

    :param folder: the sandbox's data, where it wrote `control.json`.
    """

    def __init__(self, folder: Path) -> None:
        control = json.loads((folder / "control.json").read_text(encoding="utf8"))
        headers = {"Authorization": f"Bearer {control['token']}"}
        self._lock = threading.Lock()
        self._rows: list[dict[str, Any]] = []
        self._requests = folder / "requests.jsonl"
        self._http = httpx.Client(base_url=control["url"], headers=headers, trust_env=False, timeout=60)

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def fault(self, rule: Mapping[str, Any]) -> None:
        """Add a rule that makes the sandbox fail."""
        assert self._http.post("/faults", json=rule).status_code == 201

    def rows(self, prefix: str) -> list[dict[str, Any]]:
        """The rows of all jobs whose name begins so."""
        with self._lock:
            since = self._rows[-1]["sequence"] if self._rows else 0
            answer = self._http.get("/ledger", params={"kind": "job", "since": since})
            self._rows += answer.json()["value"]
            return [row for row in self._rows if _name(row).startswith(prefix)]

    def stories(self, prefix: str) -> list[Story]:
        """The jobs whose name begins so, in the order of their making."""
        stories: dict[str, Story] = {}
        for row in self.rows(prefix):
            _tell(stories, row)
        return list(stories.values())

    def refused_puts(self, prefix: str) -> int:
        """How many PUTs of these jobs Azure refused, because the name was taken by another body."""
        lines = self._requests.read_text(encoding="utf8").splitlines()
        puts = [json.loads(line) for line in lines if f"/jobs/{prefix}" in line and '"PUT"' in line]
        return sum(put["status"] in (400, 409) for put in puts)

    def most_active(self, prefix: str) -> int:
        """How many of these jobs were active at the same time, at most."""
        active: set[str] = set()
        most = 0
        for row in self.rows(prefix):
            if row["effect"] == "created":
                active.add(_name(row))
            elif row["effect"] == "ended":
                active.discard(_name(row))
            most = max(most, len(active))
        return most


def _tell(stories: dict[str, Story], row: Mapping[str, Any]) -> None:
    name, after = _name(row), row["after"] or {}
    story = stories.setdefault(name, Story(name, "unknown"))
    story.status = after.get("status", story.status)
    if row["effect"] == "cancel-requested":
        story.cancels += 1
    if row["effect"] == "ended":
        story.has_ended = True
    reason = (after.get("tags") or {}).get(CANCEL_TAG)
    if reason and reason not in story.reasons:
        story.reasons.append(reason)


def _name(row: Mapping[str, Any]) -> str:
    return str(row["subject"]).rsplit("/", 1)[1]
