# SPDX-License-Identifier: Apache-2.0
"""Reading a job's log while it grows, by byte range, from where the last reader stopped."""

from __future__ import annotations

import re
from codecs import getincrementaldecoder
from collections.abc import Mapping

from airflow_provider_azureml.errors import DeniedError, NotFoundError, ServiceError
from airflow_provider_azureml.naming import LOG_PLACE
from airflow_provider_azureml.rest import run_history
from airflow_provider_azureml.rest.flow import Flow
from airflow_provider_azureml.rest.job import TERMINAL
from airflow_provider_azureml.rest.workspace import Workspace

MAX_READ = 1 << 16
"""Bytes per request: so many lines may be shown at a stroke without stopping the event loop."""
MAX_DRAIN = 1 << 22
"""Bytes that are read once the job has ended; what is beyond stays in Studio."""
LONGEST_LINE = 1 << 16
"""Bytes after which a line is shown though it has not ended."""
_BEFORE_LOG = frozenset({"NotStarted", "Queued", "Preparing", "Provisioning", "Starting"}) | TERMINAL
# The names that azure-ai-ml's `jobs.stream` follows: the only process, or the first of several.
_MAIN_LOG = re.compile(r"user_logs/std_log[\D]*[0]*(?:_ps)?\.txt$")


def has_log(status: str) -> bool:
    """Whether a look at the log of a living job may find something new: its command has begun."""
    return status not in _BEFORE_LOG


def main_log(log_files: Mapping[str, str]) -> str:
    """The signed address of the log a person wants to read, empty while there is none."""
    names = sorted(name for name in log_files if _MAIN_LOG.search(name))
    return log_files[names[0]] if names else ""


class LogTail:
    """One job's log. Faults of the log are never faults of the job: they show as `problem`.

    Each request begins one byte before the place, so that a log which was begun anew is noticed.

    :param offset: bytes that earlier readers have already shown.
    :param reader: whose place is kept on the run, and found there by the next of that name; empty for none.
    """

    def __init__(self, name: str, offset: int = 0, reader: str = "") -> None:
        self.name = name
        self.offset = offset
        self.problem = ""
        self._reader = reader
        self._kept: int | None = None
        self._url = ""
        self._begun = b""
        self._before = b""

    def read(self, workspace: Workspace, limit: int = MAX_READ) -> Flow[list[str]]:
        """The whole lines that were written since; at most `limit` bytes of them."""
        if self._url:
            try:
                return (yield from self._next(limit))
            except (DeniedError, NotFoundError):  # the signature has ended, or the file was moved
                self._url = ""
        told = yield from self._ask(workspace)
        if not self._url:
            return told
        try:
            return told + (yield from self._next(limit))
        except (DeniedError, NotFoundError) as error:  # or nothing was written yet
            self._url, self.problem = "", str(error)
            return told

    def drain(self, workspace: Workspace) -> Flow[list[str]]:
        """All that is left, the unfinished last line included, once the job has ended."""
        lines: list[str] = []
        start = self.offset
        while self.offset - start < MAX_DRAIN:
            before = self.place
            try:
                lines += yield from self.read(workspace)
            except ServiceError as error:  # what was read is shown
                self.problem = str(error)
            if self.place == before:
                break
        return lines + self.rest()

    def rest(self) -> list[str]:
        """The unfinished last line, once there is nothing more to come."""
        left, self._begun = self._begun, b""
        self.offset += len(left)
        return [left.decode(errors="replace")] if left else []

    @property
    def place(self) -> int:
        """Bytes that were read; the beginning of the next line is among them, and not among `offset`."""
        return self.offset + len(self._begun)

    def keep(self, workspace: Workspace) -> Flow[None]:
        """Leave on the run how much was shown; raises ServiceError, and is not tried again once denied."""
        shown = self.offset
        if not self._reader or self._kept is None or shown == self._kept:
            return
        try:
            yield from run_history.set_tags(workspace, self.name, {LOG_PLACE: f"{self._reader}:{shown}"})
        except DeniedError:
            self._reader = ""
            raise
        self._kept = shown

    def _ask(self, workspace: Workspace) -> Flow[list[str]]:
        """The address of the log, and the first time our place in it; returns what there is to tell."""
        details = yield from run_history.details(workspace, self.name)
        self._url = main_log(details.log_files)
        if self._kept is not None:
            return []
        self._kept = self._kept_on(details.tags)
        if self._kept <= self.offset:
            return []
        self.offset = self._kept
        return [f"(What the log holds before byte {self.offset} was shown earlier in this try.)"]

    def _kept_on(self, tags: Mapping[str, str]) -> int:
        reader, _, offset = tags.get(LOG_PLACE, "").rpartition(":")
        return int(offset) if self._reader and reader == self._reader and offset.isdecimal() else 0

    def _next(self, limit: int) -> Flow[list[str]]:
        overlap = 1 if self.place else 0
        chunk = yield from run_history.read_log(self._url, self.place - overlap, limit + overlap)
        self.problem = ""
        if not overlap or (chunk.content and self._before in (b"", chunk.content[:1])):
            self._before = chunk.content[-1:]
            return self._lines(chunk.content[overlap:])
        self.offset, self._begun = 0, b""
        chunk = yield from run_history.read_log(self._url, 0, limit)
        self._before = chunk.content[-1:]
        return ["(The log was begun anew.)", *self._lines(chunk.content)]

    def _lines(self, content: bytes) -> list[str]:
        *whole, self._begun = (self._begun + content).split(b"\n")
        self.offset += sum(len(line) + 1 for line in whole)
        lines = [line.decode(errors="replace") for line in whole]
        if len(self._begun) >= LONGEST_LINE:
            decoder = getincrementaldecoder("utf-8")(errors="replace")
            lines.append(decoder.decode(self._begun))
            unread = decoder.getstate()[0]  # a character that was cut
            self.offset += len(self._begun) - len(unread)
            self._begun = unread
        return lines
