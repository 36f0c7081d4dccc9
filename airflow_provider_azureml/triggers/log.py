# SPDX-License-Identifier: Apache-2.0
"""Reading a job's log while it grows, by byte range, from where the last reader stopped."""

from __future__ import annotations

import re
from collections.abc import Mapping

from airflow_provider_azureml.errors import DeniedError, NotFoundError
from airflow_provider_azureml.rest import run_history
from airflow_provider_azureml.rest.flow import Flow
from airflow_provider_azureml.rest.workspace import Workspace

MAX_READ = 1 << 18
"""Bytes per visit, so that one chatty job cannot hold up the others of a triggerer."""
MAX_DRAIN = 1 << 22
"""Bytes that are read once the job has ended; what is beyond stays in Studio."""
# The names that azure-ai-ml's `jobs.stream` follows: the only process, or the first of several.
_MAIN_LOG = re.compile(r"user_logs/std_log[\D]*[0]*(?:_ps)?\.txt$")


def main_log(log_files: Mapping[str, str]) -> str:
    """The signed address of the log a person wants to read, empty while there is none."""
    names = sorted(name for name in log_files if _MAIN_LOG.search(name))
    return log_files[names[0]] if names else ""


class LogTail:
    """One job's log. Faults of the log are never faults of the job: they show as `problem`.

    :param offset: bytes that earlier readers have already shown.
    """

    def __init__(self, name: str, offset: int = 0) -> None:
        self.name = name
        self.offset = offset
        self.problem = ""
        self._url = ""
        self._begun = b""

    def read(self, workspace: Workspace, limit: int = MAX_READ) -> Flow[list[str]]:
        """The whole lines that were written since; at most `limit` bytes of them."""
        try:
            url = self._url or (yield from self._address(workspace))
            if not url:
                return []
            chunk = yield from run_history.read_log(url, self.offset + len(self._begun), limit)
        except (DeniedError, NotFoundError) as error:  # the signature ended, or nothing was written yet
            self._url, self.problem = "", str(error)
            return []
        return self._lines(chunk.content)

    def drain(self, workspace: Workspace) -> Flow[list[str]]:
        """All that is left, the unfinished last line included, once the job has ended."""
        lines: list[str] = []
        start = self.offset
        while self.offset - start < MAX_DRAIN:
            before = self.offset + len(self._begun)
            lines += yield from self.read(workspace)
            if self.offset + len(self._begun) == before:
                break
        if self._begun:
            lines.append(self._begun.decode(errors="replace"))
            self.offset, self._begun = self.offset + len(self._begun), b""
        return lines

    def _address(self, workspace: Workspace) -> Flow[str]:
        details = yield from run_history.details(workspace, self.name)
        self._url = main_log(details.log_files)
        return self._url

    def _lines(self, content: bytes) -> list[str]:
        *whole, self._begun = (self._begun + content).split(b"\n")
        self.offset += sum(len(line) + 1 for line in whole)
        return [line.decode(errors="replace") for line in whole]
