# SPDX-License-Identifier: Apache-2.0
"""Data on disk. A data file is written once, then only grows, so that whoever is reading keeps
reading what was there; replacing a path's content means naming another data file.

Memory stays bounded whatever the size: bodies go to disk in pieces, answers come from it in pieces.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request

#: Bytes that are read or written at once; anything smaller is not worth a thread's time.
PIECE = 1 << 20


@dataclass(frozen=True)
class Written:
    """What a request's body became: a data file (``""`` for no bytes), its length, its MD5 digest."""

    data: str
    size: int
    md5: bytes


@dataclass(frozen=True)
class Slice:
    """Bytes of a data file: where content to be joined comes from."""

    data: str
    start: int
    size: int


class Disk:
    """Files below one directory, named by random ids, in 256 folders."""

    def __init__(self, root: Path) -> None:
        self._root = root
        for shard in range(256):
            (root / f"{shard:02x}").mkdir(parents=True, exist_ok=True)

    def new(self) -> str:
        return uuid.uuid4().hex

    def path(self, data: str) -> str:
        return f"{self._root}/{data[:2]}/{data}"

    def open_for_write(self, data: str) -> int:
        return os.open(self.path(data), os.O_RDWR | os.O_CREAT, 0o600)

    def write(self, data: str, content: bytes, offset: int = 0) -> None:
        descriptor = self.open_for_write(data)
        try:
            _write_all(descriptor, content, offset)
        finally:
            os.close(descriptor)

    async def receive(self, request: Request, data: str = "", offset: int = 0) -> Written:
        """Write a request's body to a new data file, or into one at an offset.

        A body that fails to arrive leaves no new file behind.
        """
        pieces = _pieces(request)
        first = await anext(pieces, b"")
        target = data or (self.new() if first else "")
        if not first:
            return Written(target, 0, hashlib.md5(usedforsecurity=False).digest())
        try:
            return await self._receive(target, offset, first, pieces)
        except BaseException:
            if not data:
                self.remove([target])
            raise

    async def _receive(self, data: str, offset: int, piece: bytes, rest: AsyncIterator[bytes]) -> Written:
        digest = hashlib.md5(usedforsecurity=False)
        descriptor = self.open_for_write(data)
        position = offset
        try:
            while piece:
                digest.update(piece)
                if len(piece) < PIECE:
                    _write_all(descriptor, piece, position)
                else:
                    await asyncio.to_thread(_write_all, descriptor, piece, position)
                position += len(piece)
                piece = await anext(rest, b"")
        finally:
            os.close(descriptor)
        return Written(data, position - offset, digest.digest())

    def read(self, data: str, start: int, size: int) -> bytes:
        """At most ``size`` bytes; none where the path has no data."""
        if not data or not size:
            return b""
        descriptor = os.open(self.path(data), os.O_RDONLY)
        try:
            return os.pread(descriptor, size, start)
        finally:
            os.close(descriptor)

    def open(self, data: str) -> int:
        return os.open(self.path(data), os.O_RDONLY)

    async def stream(self, descriptor: int, start: int, size: int) -> AsyncIterator[bytes]:
        """Bytes of an open data file, piece by piece; closes it."""
        try:
            while size > 0:
                piece = await asyncio.to_thread(os.pread, descriptor, min(PIECE, size), start)
                if not piece:
                    return
                start, size = start + len(piece), size - len(piece)
                yield piece
        finally:
            os.close(descriptor)

    async def join(self, slices: list[Slice]) -> str:
        """A new data file with these bytes, one after the other; ``""`` for none.

        The sources are opened before the first ``await``, so they may be removed meanwhile.
        """
        total = sum(part.size for part in slices)
        if not total:
            return ""
        data = self.new()
        with contextlib.ExitStack() as opened:
            target = self.open_for_write(data)
            opened.callback(os.close, target)
            sources = {part.data: -1 for part in slices if part.size}
            for name in sources:
                sources[name] = self.open(name)
                opened.callback(os.close, sources[name])
            parts = [(sources[part.data], part.start, part.size) for part in slices if part.size]
            if total < PIECE:
                _copy_all(target, parts)
            else:
                await asyncio.to_thread(_copy_all, target, parts)
        return data

    def remove(self, data: list[str]) -> None:
        for name in filter(None, data):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path(name))

    def sweep(self, in_use: set[str]) -> int:
        """Remove what no path names, left behind by a killed process; the count of files."""
        names = [entry.name for shard in os.scandir(self._root) for entry in os.scandir(shard.path)]
        orphans = [name for name in names if name not in in_use]
        self.remove(orphans)
        return len(orphans)


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    """The body in pieces of about ``PIECE`` bytes, never an empty one."""
    held: list[bytes] = []
    length = 0
    async for chunk in request.stream():
        if chunk:
            held.append(chunk)
            length += len(chunk)
        if length >= PIECE:
            yield b"".join(held)
            held, length = [], 0
    if length:
        yield b"".join(held)


def _write_all(descriptor: int, content: bytes, offset: int) -> None:
    view = memoryview(content)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written


def _copy_all(target: int, parts: list[tuple[int, int, int]]) -> None:
    offset = 0
    for source, start, size in parts:
        while size:
            piece = os.pread(source, min(PIECE, size), start)
            if not piece:
                raise EOFError("a data file is shorter than its record says")
            _write_all(target, piece, offset)
            start, size, offset = start + len(piece), size - len(piece), offset + len(piece)
