# SPDX-License-Identifier: Apache-2.0
"""A growing log, read by range: no line twice, none lost, faults survived."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

import pytest

from airflow_provider_azureml.connection import CLOUDS
from airflow_provider_azureml.errors import DeniedError
from airflow_provider_azureml.naming import LOG_PLACE
from airflow_provider_azureml.rest.flow import Flow, Request, Response
from airflow_provider_azureml.rest.workspace import Workspace
from airflow_provider_azureml.triggers.log import LogTail, has_log, main_log

WORKSPACE = Workspace(CLOUDS["public"], "s", "g", "w")
LOG = "https://a.blob.core.windows.net/logs/user_logs/std_log.txt?sig=x"


class Service:
    """Answers a flow's requests with what the log holds at the moment."""

    def __init__(self) -> None:
        self.content = b""
        self.log_files: Mapping[str, str] = {"user_logs/std_log.txt": LOG}
        self.denied = 0
        self.tags: dict[str, str] = {}
        self.may_tag = True
        self.asked: list[str] = []
        self.broken_after = math.inf

    def run(self, flow: Flow[list[str]]) -> list[str]:
        try:
            request = next(flow)
            while True:
                assert isinstance(request, Request)
                request = flow.send(self.answer(request))
        except StopIteration as done:
            lines: list[str] = done.value
            return lines

    def answer(self, request: Request) -> Response:
        self.asked.append(request.operation)
        if request.method == "PATCH":
            self.tags |= request.json["tags"] if self.may_tag else {}  # type: ignore[index]
            return Response(200 if self.may_tag else 403)
        if request.url == LOG:
            return self.range(request.headers["Range"])
        if "discovery" in request.url:
            return Response(200, body=b'{"api": "https://eastus.api.azureml.ms"}')
        if request.url.split("?")[0].endswith("/details"):
            return Response(
                200, body=json.dumps({"logFiles": dict(self.log_files), "tags": self.tags}).encode()
            )
        body = {"id": "i", "properties": {"discoveryUrl": "https://eastus.api.azureml.ms/discovery"}}
        return Response(200, body=json.dumps(body).encode())

    def range(self, wanted: str) -> Response:
        if self.denied:
            self.denied -= 1
            return Response(403)
        start, end = (int(number) for number in wanted.removeprefix("bytes=").split("-"))
        if end > self.broken_after:
            return Response(503)
        found = self.content[start : end + 1]
        return Response(206, body=found) if found else Response(416)


def test_only_whole_lines_are_shown_and_each_once() -> None:
    service, tail, seen = Service(), LogTail("job"), []
    for piece in (b"one\ntw", b"o\n", b"", b"three"):
        service.content += piece
        seen.append(service.run(tail.read(WORKSPACE)))
    assert seen == [["one"], ["two"], [], []]
    assert service.run(tail.drain(WORKSPACE)) == ["three"]
    assert tail.offset == len(service.content)


def test_another_reader_goes_on_where_the_last_one_stopped() -> None:
    service, first = Service(), LogTail("job")
    service.content = b"one\ntwo\nunfinished"
    assert service.run(first.read(WORKSPACE)) == ["one", "two"]
    second = LogTail("job", first.offset)
    assert service.run(second.drain(WORKSPACE)) == ["unfinished"]


def test_a_character_cut_by_a_range_is_put_together_again() -> None:
    service, tail = Service(), LogTail("job")
    service.content = "né\n".encode()
    lines = [*service.run(tail.read(WORKSPACE, 2)), *service.run(tail.read(WORKSPACE, 2))]
    assert lines == ["né"]


def test_bytes_that_are_no_text_are_survived() -> None:
    service, tail = Service(), LogTail("job")
    service.content = b"\xff\xfe\n"
    assert service.run(tail.read(WORKSPACE)) == ["\ufffd\ufffd"]


def test_a_signature_that_ended_is_asked_for_again() -> None:
    service, tail = Service(), LogTail("job")
    service.content, service.denied = b"one\n", 1
    assert service.run(tail.read(WORKSPACE)) == []
    assert tail.problem
    assert service.run(tail.read(WORKSPACE)) == ["one"]


def test_no_log_yet_is_no_error() -> None:
    service, tail = Service(), LogTail("job")
    service.log_files = {}
    assert service.run(tail.drain(WORKSPACE)) == []


@pytest.mark.parametrize(
    "names, chosen",
    [
        (["user_logs/std_log.txt", "system_logs/x.log"], "user_logs/std_log.txt"),
        (
            ["user_logs/std_log_process_1.txt", "user_logs/std_log_process_00.txt"],
            "user_logs/std_log_process_00.txt",
        ),
        (["azureml-logs/70_driver_log.txt"], ""),
    ],
)
def test_the_log_of_the_first_process_is_the_one_to_show(names: list[str], chosen: str) -> None:
    assert main_log({name: name for name in names}) == chosen


def test_a_signature_that_ends_between_two_visits_costs_no_visit() -> None:
    service, tail = Service(), LogTail("job")
    service.content = b"one\n"
    assert service.run(tail.read(WORKSPACE)) == ["one"]
    service.content, service.denied = b"one\ntwo\n", 1
    assert service.run(tail.read(WORKSPACE)) == ["two"]


@pytest.mark.parametrize("anew", [b"", b"new\n", b"new and longer than before\n"])
def test_a_log_that_was_begun_anew_is_noticed_and_read_from_its_beginning(anew: bytes) -> None:
    service, tail = Service(), LogTail("job")
    service.content = b"an old line\nand another\n"
    service.run(tail.read(WORKSPACE))
    service.content = anew
    assert service.run(tail.read(WORKSPACE)) == ["(The log was begun anew.)", *anew.decode().splitlines()]


def test_a_line_without_end_is_shown_in_pieces_and_no_character_is_cut() -> None:
    service, tail, seen = Service(), LogTail("job"), list[str]()
    text = "é" * 100_000
    service.content = b"x" + text.encode()
    while tail.place < len(service.content):
        seen += service.run(tail.read(WORKSPACE))
    assert "".join(seen + tail.rest()) == "x" + text
    assert tail.offset == len(service.content)


def test_the_next_reader_of_the_same_try_goes_on_at_the_place_that_was_kept() -> None:
    service, first = Service(), LogTail("job", reader="2")
    service.content = b"one\ntwo\nunfinished"
    service.run(first.read(WORKSPACE))
    service.run(first.keep(WORKSPACE))  # type: ignore[arg-type]
    assert service.tags == {LOG_PLACE: "2:8"}
    lines = service.run(LogTail("job", reader="2").drain(WORKSPACE))
    assert lines == ["(What the log holds before byte 8 was shown earlier in this try.)", "unfinished"]


@pytest.mark.parametrize("tag", ["1:4", "2:", "2:x", "x", "2:-4"])
def test_the_place_of_another_try_or_of_nobody_is_passed_over(tag: str) -> None:
    service = Service()
    service.content, service.tags = b"one\n", {LOG_PLACE: tag}
    assert service.run(LogTail("job", reader="2").read(WORKSPACE)) == ["one"]


def test_a_place_is_kept_only_when_it_has_changed_and_never_by_who_has_no_name() -> None:
    service, named, nameless = Service(), LogTail("job", reader="1"), LogTail("job")
    service.content = b"one\n"
    for tail in (named, nameless):
        service.run(tail.keep(WORKSPACE))  # type: ignore[arg-type]
        service.run(tail.read(WORKSPACE))
        service.run(tail.keep(WORKSPACE))  # type: ignore[arg-type]
        service.run(tail.keep(WORKSPACE))  # type: ignore[arg-type]
    assert [operation.split()[0] for operation in service.asked].count("PATCH") == 1


def test_who_may_not_leave_a_place_says_so_once() -> None:
    service, tail = Service(), LogTail("job", reader="1")
    service.content, service.may_tag = b"one\n", False
    service.run(tail.read(WORKSPACE))
    with pytest.raises(DeniedError):
        service.run(tail.keep(WORKSPACE))  # type: ignore[arg-type]
    service.run(tail.keep(WORKSPACE))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "status, may_have_more",
    [("Queued", False), ("Preparing", False), ("Running", True), ("Odd", True), ("Completed", False)],
)
def test_a_living_job_has_a_log_once_its_command_has_begun(status: str, may_have_more: bool) -> None:
    assert has_log(status) is may_have_more


def test_what_was_read_of_an_end_is_shown_though_the_rest_does_not_come() -> None:
    service, tail = Service(), LogTail("job")
    service.content = b"x" * 60 + b"\n"
    service.content *= 3000
    service.broken_after = 1 << 16
    lines = service.run(tail.drain(WORKSPACE))
    assert len(lines) > 1000
    assert "503" in tail.problem
