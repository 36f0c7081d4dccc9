# SPDX-License-Identifier: Apache-2.0
"""A task's process that ends, or stands still, at a chosen request to Azure.

The transport of azure-core that a worker uses is wrapped; the triggerer's is another, and left alone.

`AZML_FAILPOINTS` holds one rule a line, `ACTION@PHASE:METHOD PATTERN`:

- ACTION: `exit137` (this process ends as by SIGKILL), `worker137` (first its parent, as a machine that
  is lost takes both), `pause` (it stands still until the file `N.go` appears);
- PHASE: `before` the request is sent, or `after` Azure has done what it asks and answered;
- PATTERN: a regular expression that the URL contains.

`AZML_FAILPOINTS_DIR` is a folder. Rule N (counted from 0) leaves `N.fired` there, with the id of the
process, and never fires again in any process.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

MODULE, TRANSPORT = "azure.core.pipeline.transport._requests_basic", "RequestsTransport"
RULE = re.compile(r"(exit137|worker137|pause)@(before|after):([A-Z]+) (.+)")
PAUSE_SECONDS = 300.0


@dataclass(frozen=True)
class Rule:
    """One failpoint, which fires once."""

    action: str
    phase: str
    method: str
    pattern: re.Pattern[str]
    mark: Path

    def strike(self, phase: str, request: Any) -> None:
        """Do it, where it is due."""
        if (phase, request.method) == (self.phase, self.method) and self.pattern.search(request.url):
            try:
                descriptor = os.open(self.mark, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
            except FileExistsError:
                return
            os.write(descriptor, str(os.getpid()).encode())
            os.close(descriptor)
            self._act()

    def _act(self) -> None:
        if self.action == "pause":
            deadline = time.monotonic() + PAUSE_SECONDS
            while not self.mark.with_suffix(".go").exists() and time.monotonic() < deadline:
                time.sleep(0.05)
            return
        if self.action == "worker137":
            os.kill(os.getppid(), signal.SIGKILL)
        os._exit(137)


def rules() -> list[Rule]:
    """The rules of this process's environment."""
    folder = Path(os.environ["AZML_FAILPOINTS_DIR"])
    found = []
    for number, line in enumerate(os.environ["AZML_FAILPOINTS"].splitlines()):
        match = RULE.fullmatch(line)
        if match is None:
            raise ValueError(f"AZML_FAILPOINTS: not a rule: {line!r}")
        action, phase, method, pattern = match.groups()
        found.append(Rule(action, phase, method, re.compile(pattern), folder / f"{number}.fired"))
    return found


def install() -> None:
    """Wrap the transport once somebody imports it: a process that never does pays nothing."""
    sys.meta_path.insert(0, _Finder(rules()))


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, known: Sequence[Rule]) -> None:
        self._rules = known

    def find_spec(self, name: str, path: Any, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if name != MODULE:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, self._rules)
        return spec


class _Loader(importlib.abc.Loader):
    def __init__(self, real: Any, known: Sequence[Rule]) -> None:
        self._real, self._rules = real, known

    def create_module(self, spec: Any) -> ModuleType | None:
        module: ModuleType | None = self._real.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        self._real.exec_module(module)
        transport = getattr(module, TRANSPORT)
        transport.send = _called(transport.send, self._rules)


def _called(send: Callable[..., Any], known: Sequence[Rule]) -> Callable[..., Any]:
    def struck(self: Any, request: Any, **options: Any) -> Any:
        _strike(known, "before", request)
        answer = send(self, request, **options)
        _strike(known, "after", request)
        return answer

    return struck


def _strike(known: Sequence[Rule], phase: str, request: Any) -> None:
    for rule in known:
        rule.strike(phase, request)
