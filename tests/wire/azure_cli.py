# SPDX-License-Identifier: Apache-2.0
"""A program `az` for scripts: it hands its arguments to one running Azure CLI (clients/az_server.py)."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.wire.conftest import ROOT

SERVER = Path(__file__).parent / "clients" / "az_server.py"
CLIENT = """\
#!{python} -SE
import json, socket, sys
with socket.socket(socket.AF_UNIX) as asked:
    asked.connect({path!r})
    asked.sendall(json.dumps(sys.argv[1:]).encode())
    asked.shutdown(socket.SHUT_WR)
    answer = json.loads(asked.makefile("rb").read())
sys.stdout.write(answer["out"])
sys.stderr.write(answer["err"])
sys.exit(answer["code"])
"""


@contextmanager
def running(folder: Path, environment: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """The environment of a script whose `az` this is."""
    az = Path(os.environ.get("AZURE_CLI", str(ROOT / ".venv-az" / "bin" / "az")))
    path, programs = folder / "az.socket", folder / "bin"
    programs.mkdir()
    program = programs / "az"
    program.write_text(CLIENT.format(python=sys.executable, path=str(path)))
    program.chmod(0o755)
    given = {
        **environment,
        "AZURE_CONFIG_DIR": str(folder / "config"),
        "AZURE_CORE_COLLECT_TELEMETRY": "0",
        "AZURE_CORE_INSTANCE_DISCOVERY": "false",
        "AZURE_CORE_NO_COLOR": "1",
    }
    given.pop("PYTHONPATH", None)
    with (folder / "az.log").open("wb") as log:
        process = subprocess.Popen([str(az.parent / "python"), str(SERVER), str(path)], env=given, stderr=log)
    try:
        deadline = time.monotonic() + 60
        while not path.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the Azure CLI did not start:\n{(folder / 'az.log').read_text()[-3000:]}")
            time.sleep(0.05)
        yield {**given, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    finally:
        process.terminate()
        process.wait(10)
