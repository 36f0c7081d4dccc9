# SPDX-License-Identifier: Apache-2.0
"""What the last run left behind, read from logs: proof that the work was real and the refusal Azure's."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from demo.layout import DemoFailed, Layout
from demo.nightly import DAG

HADOOP_AGENT = "Azure Blob FS"
LAKE_HOST = "nightlylake.dfs.core.windows.net"
_VERSIONS = re.compile(r"pandas (\d[\w.]*), scikit-learn (\d[\w.]*)")


@dataclass(frozen=True)
class Finding:
    """One claim, and what the logs say about it."""

    holds: bool
    claim: str
    seen: str


def show(layout: Layout) -> int:
    """Print every finding; exit code 1 where a claim does not hold.

    :raises DemoFailed: where there is no run to look at
    """
    if not layout.summary.exists():
        raise DemoFailed("There is no run yet: make demo")
    report = json.loads(layout.summary.read_text(encoding="utf8"))
    cloud = json.loads((layout.sandbox / "cloud.json").read_text(encoding="utf8"))
    principals: dict[str, dict[str, str]] = cloud["principals"]
    requests = list(_requests(layout, report["started_at"]))
    found = [
        _spark(requests, principals["run-prep"]["object_id"]),
        _refusal(requests, principals["run-train"]["object_id"]),
        _versions(layout, report["run_id"]),
    ]
    for finding in found:
        print(f"{'ok   ' if finding.holds else 'FAIL '}{finding.claim}\n       {finding.seen}")
    return 0 if all(finding.holds for finding in found) else 1


def _requests(layout: Layout, since: float) -> Iterator[dict[str, Any]]:
    """The sandbox's request log from a moment on (Unix time)."""
    with (layout.sandbox / "requests.jsonl").open(encoding="utf8") as lines:
        for line in lines:
            request = json.loads(line)
            if request["time"] >= since:
                yield request


def _spark(requests: list[dict[str, Any]], run_identity: str) -> Finding:
    mine = [
        request
        for request in requests
        if HADOOP_AGENT in request["user_agent"] and request["object_id"] == run_identity
    ]
    agent = mine[0]["user_agent"] if mine else "no such request"
    claim = f"Spark's ABFS driver reads and writes the lake as run-prep ({run_identity})"
    return Finding(bool(mine), claim, f"{len(mine)} requests, user agent {agent}")


def _refusal(requests: list[dict[str, Any]], run_identity: str) -> Finding:
    refused = [
        request
        for request in requests
        if request["status"] == 403
        and request["object_id"] == run_identity
        and request["path"].lstrip("/").startswith("features/")
    ]
    first = refused[0] if refused else {}
    seen = f"{first['method']} https://{first['host']}{first['path']} -> 403" if first else "no such request"
    return Finding(bool(refused), f"Writing to features as run-train ({run_identity}) is refused", seen)


def _versions(layout: Layout, run_id: str) -> Finding:
    folder = layout.airflow / "logs" / f"dag_id={DAG}" / f"run_id={run_id}" / "task_id=train"
    texts = (path.read_text(encoding="utf8", errors="replace") for path in sorted(folder.glob("*.log*")))
    printed = next((found for found in map(_VERSIONS.search, texts) if found), None)
    ours = (_ours("pandas"), _ours("scikit-learn"))
    claim = "The training job ran in an environment of its own"
    if printed is None:
        return Finding(False, claim, f"its log names no versions ({folder})")
    job = printed.groups()
    seen = f"the job: pandas {job[0]}, scikit-learn {job[1]}; .venv: pandas {ours[0]}, scikit-learn {ours[1]}"
    return Finding(job[0] != ours[0] and job[1] != ours[1], claim, seen)


def _ours(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"
