# SPDX-License-Identifier: Apache-2.0
"""Showing a log beside the watching; the whole of it in virtual time is tests/reliability/test_logs.py."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from airflow_provider_azureml.rest.flow import Flow, Request
from airflow_provider_azureml.triggers.log import MAX_DRAIN, LogTail
from airflow_provider_azureml.triggers.reader import FEE, KEEPING, LAST, MAX_VISIT, RATE, VISITORS, LogReader
from tests.unit.canned import BROKEN, DENIED, CannedHook
from tests.unit.virtual_time import in_virtual_time, now

LOG = "https://a.blob.core.windows.net/c/std_log.txt?sig=x"
PLACE = "/runs/job"


class Azure(CannedHook):
    """One job with a log; each request takes a moment."""

    def __init__(self, content: bytes = b"") -> None:
        super().__init__()
        self.content = content
        self.moment = 0.0
        self.on("GET", "/runs/job/details", {"logFiles": {"user_logs/std_log.txt": LOG}, "tags": {}})
        self.on("GET", "std_log.txt", self.range).on("PATCH", PLACE, {})

    def range(self, request: Request) -> tuple[int, bytes]:
        start, end = (int(number) for number in request.headers["Range"].removeprefix("bytes=").split("-"))
        found = self.content[start : end + 1]
        return (206, found) if found else (416, b"")

    async def arun(self, flow: Flow[Any], retry: Any = None) -> Any:
        await asyncio.sleep(self.moment)
        return self.run(flow)


class Task:
    """A task's log."""

    def __init__(self, azure: Azure, reader: str = "1") -> None:
        self.azure = azure
        self.lines: list[str] = []
        self.warnings: list[str] = []
        self.pause = 0.0
        self.tail = LogTail("job", reader=reader)
        self.reader = LogReader(azure, "aml", self.tail, self.say)  # type: ignore[arg-type]

    async def say(self, level: int, lines: Sequence[str]) -> None:
        await asyncio.sleep(self.pause)
        (self.warnings if level == logging.WARNING else self.lines).extend(lines)

    async def visit(self) -> None:
        self.reader.visit(self.azure.workspace, 0.0)
        assert self.reader._visit
        await self.reader._visit


async def test_a_visit_shows_what_is_new_and_leaves_its_place() -> None:
    task = Task(Azure(b"one\ntw"))
    await task.visit()
    task.azure.content = b"one\ntwo\n"
    await task.visit()
    await task.visit()
    assert task.lines == ["one", "two"]
    assert [each.json for each in task.azure.asked("PATCH", PLACE)] == [
        {"tags": {"airflow.log": "1:4"}},
        {"tags": {"airflow.log": "1:8"}},
    ]


async def test_a_visit_that_is_under_way_is_not_made_twice() -> None:
    task = Task(Azure(b"one\n"))
    task.azure.moment = 0.02
    for _ in range(5):
        task.reader.visit(task.azure.workspace, 0.0)
    await asyncio.sleep(0.2)
    assert len(task.azure.asked("GET", "std_log.txt")) == 1


async def test_the_end_of_a_log_is_shown_with_its_unfinished_line() -> None:
    task = Task(Azure(b"one\nlast"))
    await task.reader.finish(task.azure.workspace)
    assert task.lines == ["one", "last"]
    assert task.tail.offset == 8


async def test_an_end_that_is_too_long_is_cut_and_says_so() -> None:
    line = b"0123456789" * 100 + b"\n"
    count = MAX_DRAIN // len(line) * 2
    task = Task(Azure(line * count))
    await task.reader.finish(task.azure.workspace)
    assert task.lines[-1].startswith("(The log goes on behind byte ")
    assert MAX_DRAIN // len(line) - 1 <= len(task.lines) < count


@in_virtual_time
async def test_a_store_that_hangs_is_left_and_the_end_is_said_to_be_missing() -> None:
    task = Task(Azure(b"one\n"))
    task.azure.moment = 3600.0
    await task.reader.finish(task.azure.workspace)
    assert "The end of the log is missing here" in task.warnings[0]
    assert now() <= LAST + KEEPING


async def test_a_fault_is_a_warning_once_and_ends_nothing() -> None:
    task = Task(Azure(b"one\n"))
    task.azure.on("GET", "/runs/job/details", DENIED)
    await task.visit()
    await task.visit()
    assert len(task.warnings) == 1
    assert "AuthorizationFailed" in task.warnings[0]


async def test_a_throttled_store_is_left_alone_by_all_readers_of_the_connection() -> None:
    first, second = Task(Azure(b"one\n")), Task(Azure(b"one\n"))
    first.azure.on("GET", "/runs/job/details", BROKEN)
    await first.visit()
    assert first.reader._gate is second.reader._gate
    assert first.reader._gate.faults == 1


async def test_a_place_that_may_not_be_left_is_a_warning_and_the_log_goes_on() -> None:
    task = Task(Azure(b"one\n"))
    task.azure.on("PATCH", PLACE, DENIED)
    await task.visit()
    task.azure.content += b"two\n"
    await task.visit()
    assert task.lines == ["one", "two"]
    assert len(task.warnings) == 1
    assert len(task.azure.asked("PATCH", PLACE)) == 1


async def test_a_trigger_that_is_taken_away_while_lines_are_shown_shows_them_and_leaves_its_place() -> None:
    task = Task(Azure(b"one\ntwo\n"))
    task.pause = 0.05
    task.reader.visit(task.azure.workspace, 0.0)
    while not task.azure.asked("GET", "std_log.txt"):
        await asyncio.sleep(0.001)
    await task.reader.close()
    assert task.lines == ["one", "two"]
    assert task.azure.asked("PATCH", PLACE)[0].json == {"tags": {"airflow.log": "1:8"}}


async def test_closing_without_a_visit_is_nothing() -> None:
    await Task(Azure()).reader.close()


@in_virtual_time
async def test_visits_to_all_logs_are_paid_for_from_one_purse() -> None:
    tasks = [Task(Azure(b"x" * 49 + b"\n")) for _ in range(50)]
    await asyncio.gather(*(task.visit() for task in tasks))
    assert (50 - VISITORS) * FEE / RATE <= now() <= 50 * FEE / RATE + 0.1


@in_virtual_time
async def test_a_chatty_job_pays_for_its_bytes() -> None:
    task = Task(Azure(b"x" * 63 + b"\n"))
    task.azure.content *= MAX_VISIT // 64 * 2
    await task.visit()
    assert task.tail.place == MAX_VISIT
    quiet = Task(Azure(b"one\n"))
    await quiet.visit()
    assert now() >= (MAX_VISIT - FEE) / RATE
