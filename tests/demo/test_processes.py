# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from demo.layout import DemoFailed, Layout, free_ports
from demo.processes import Processes, wait_for

#: Writes its child's id, then ignores polite requests to end, and so does the child.
STUBBORN = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = os.fork()
if child == 0:
    os.setsid()
    time.sleep(600)
open(sys.argv[1], "w").write(str(child))
time.sleep(600)
"""


def until(path: Path) -> str:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if path.exists() and path.read_text():
            return path.read_text()
        time.sleep(0.02)
    raise AssertionError(f"{path} was not written")


def test_a_stubborn_process_and_its_child_in_another_session_are_gone_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("demo.processes.TERM_SECONDS", 0.3)
    with Processes(tmp_path) as processes:
        processes.start("stubborn", [sys.executable, "-c", STUBBORN, str(tmp_path / "child")], os.environ)
        child = psutil.Process(int(until(tmp_path / "child")))
    child_state = child.status() if child.is_running() else psutil.STATUS_ZOMBIE
    assert child_state == psutil.STATUS_ZOMBIE


def test_a_process_that_ends_by_itself_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes:
        processes.start(
            "server", [sys.executable, "-c", "print('port taken'); raise SystemExit(3)"], os.environ
        )
        with pytest.raises(DemoFailed, match=r"server ended with exit code 3.\n    \| port taken"):
            wait_for("The server", lambda: False, processes, 20)


def test_a_program_that_fails_is_reported_with_its_exit_code(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes, pytest.raises(DemoFailed, match="migrate failed with exit code 4"):
        processes.run("migrate", [sys.executable, "-c", "raise SystemExit(4)"], os.environ, 20)


def test_waiting_ends_with_the_name_of_what_was_not_ready(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes, pytest.raises(DemoFailed, match="Airflow was not ready after 0 s"):
        wait_for("Airflow", lambda: False, processes, 0)


def test_two_demos_in_one_folder_are_refused(tmp_path: Path) -> None:
    layout = Layout.of(tmp_path)
    with layout.locked(), pytest.raises(DemoFailed, match="Another demo runs"), layout.locked():
        pass


def test_free_ports_are_all_different() -> None:
    assert len(set(free_ports(20))) == 20


def test_an_interrupt_stops_everything(tmp_path: Path) -> None:
    script = f"""
import os, signal, sys, time
from pathlib import Path
from demo.processes import Processes
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests in the background ignores it
with Processes(Path({str(tmp_path)!r})) as processes:
    processes.start("sleeper", [sys.executable, "-c", {STUBBORN.replace("SIG_IGN", "SIG_DFL")!r}, {str(tmp_path / "child")!r}], os.environ)
    time.sleep(600)
"""
    root = str(Path(__file__).resolve().parents[2])
    demo = subprocess.Popen([sys.executable, "-c", script], cwd=root, stderr=subprocess.DEVNULL)
    child = psutil.Process(int(until(tmp_path / "child")))
    demo.send_signal(signal.SIGINT)
    demo.wait(20)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
