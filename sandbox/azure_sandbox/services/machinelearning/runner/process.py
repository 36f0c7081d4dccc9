# SPDX-License-Identifier: Apache-2.0
"""A subprocess with its own process group, whose output lands in one file, without secrets."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

_TAIL = 8_192
_GRACE = 5.0
_POLL = 0.1


class Process:
    """One command of the runner.

    :param output: file that stdout and stderr are appended to, in the order they arrive
    :param secrets: texts that are replaced by ``***`` on their way into the file
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        folder: Path,
        environment: dict[str, str],
        output: Path,
        secrets: Sequence[str] = (),
    ) -> None:
        self._output = output
        self._secrets = [secret.encode() for secret in secrets if secret]
        self._lock = threading.Lock()
        self._stderr = b""
        self._popen = subprocess.Popen(
            list(command),
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._pumps = [
            threading.Thread(target=self._pump, args=(pipe, keep), daemon=True)
            for pipe, keep in ((self._popen.stdout, False), (self._popen.stderr, True))
        ]
        for pump in self._pumps:
            pump.start()

    @property
    def id(self) -> int:
        return self._popen.pid

    async def finished(self, each_second: Callable[[], None] | None = None) -> int:
        """The exit status, 128 + n after signal n; on cancellation the whole group is ended first.

        :param each_second: called about once a second while the process runs
        """
        ticks = 0
        try:
            while self._popen.poll() is None:
                await asyncio.sleep(_POLL)
                ticks += 1
                if each_second and ticks % round(1 / _POLL) == 0:
                    each_second()
        finally:
            # Also after a normal end: what the command left in the background ends with it.
            await self._end_group()
        status = self._popen.returncode
        return status if status >= 0 else 128 - status

    def stderr_tail(self) -> str:
        """The end of what the process wrote to stderr."""
        return self._stderr.decode("utf8", "replace").strip()

    async def _end_group(self) -> None:
        try:
            if self._popen.poll() is None:
                _signal_group(self._popen.pid, signal.SIGTERM)
                for _ in range(round(_GRACE / _POLL)):
                    if self._popen.poll() is not None:
                        break
                    await asyncio.sleep(_POLL)
        finally:
            # Without another await: a second cancellation must not leave a process behind.
            _signal_group(self._popen.pid, signal.SIGKILL)
            self._popen.wait()
            for pump in self._pumps:
                pump.join(_GRACE)

    def _pump(self, pipe: IO[bytes], keep: bool) -> None:
        held = b""
        while chunk := os.read(pipe.fileno(), 65_536):
            ready, held = _redacted(held + chunk, self._secrets)
            self._write(ready, keep)
        self._write(held, keep)
        pipe.close()

    def _write(self, content: bytes, keep: bool) -> None:
        with self._lock, self._output.open("ab") as file:
            file.write(content)
            if keep:
                self._stderr = (self._stderr + content)[-_TAIL:]


def end_orphan(process_id: int, marker: str) -> None:
    """End the group of a process that an earlier sandbox started.

    :param marker: ``NAME=value`` that must stand in its environment: process ids are reused
    """
    try:
        environment = Path(f"/proc/{process_id}/environ").read_bytes()
    except OSError:
        return
    if marker.encode() in environment.split(b"\0"):
        _signal_group(process_id, signal.SIGKILL)


def _signal_group(process_id: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process_id, number)


def _redacted(content: bytes, secrets: list[bytes]) -> tuple[bytes, bytes]:
    """What may be written, and what must wait since it could be the beginning of a secret."""
    for secret in secrets:
        content = content.replace(secret, b"***")
    held = max((_overlap(content, secret) for secret in secrets), default=0)
    return (content[:-held], content[-held:]) if held else (content, b"")


def _overlap(content: bytes, secret: bytes) -> int:
    longest = min(len(content), len(secret) - 1)
    return next((size for size in range(longest, 0, -1) if content.endswith(secret[:size])), 0)
