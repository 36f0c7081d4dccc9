# SPDX-License-Identifier: Apache-2.0
"""A growing log, read by range: no line twice, none lost, faults survived."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from airflow_provider_azureml.connection import CLOUDS
from airflow_provider_azureml.rest.flow import Flow, Request, Response
from airflow_provider_azureml.rest.workspace import Workspace
from airflow_provider_azureml.triggers.log import LogTail, main_log

WORKSPACE = Workspace(CLOUDS["public"], "s", "g", "w")
LOG = "https://a.blob.core.windows.net/logs/user_logs/std_log.txt?sig=x"


class Service:
    """Answers a flow's requests with what the log holds at the moment."""

    def __init__(self) -> None:
        self.content = b""
        self.log_files: Mapping[str, str] = {"user_logs/std_log.txt": LOG}
        self.denied = 0

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
        import json

        if request.url == LOG:
            return self.range(request.headers["Range"])
        if "discovery" in request.url:
            return Response(200, body=b'{"api": "https://eastus.api.azureml.ms"}')
        if request.url.split("?")[0].endswith("/details"):
            return Response(200, body=json.dumps({"logFiles": dict(self.log_files)}).encode())
        body = {"id": "i", "properties": {"discoveryUrl": "https://eastus.api.azureml.ms/discovery"}}
        return Response(200, body=json.dumps(body).encode())

    def range(self, wanted: str) -> Response:
        if self.denied:
            self.denied -= 1
            return Response(403)
        start, end = (int(number) for number in wanted.removeprefix("bytes=").split("-"))
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
