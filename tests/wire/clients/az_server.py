# SPDX-License-Identifier: Apache-2.0
"""The unmodified Azure CLI, kept running: started once, it serves many commands (an own process of `az` for each
costs a second). Run by the interpreter of the CLI's own virtual environment: az_server.py SOCKET.

A request is a JSON list of arguments and ends with the sender's half of the connection; the answer is JSON:
`code`, `out`, `err`.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import socket
import sys
from typing import Any


def carried_out(words: list[str]) -> dict[str, Any]:
    """One command, as `az` itself runs it (azure/cli/__main__.py)."""
    from azure.cli.core import get_default_cli

    out, err = io.StringIO(), io.StringIO()
    logging.getLogger("cli").handlers.clear()  # each command brings a handler of its own
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = get_default_cli().invoke(words, out_file=out)
        except SystemExit as ended:
            code = ended.code
    return {"code": int(code or 0), "out": out.getvalue(), "err": err.getvalue()}


def main(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        while True:
            with server.accept()[0] as asked:
                words = json.loads(asked.makefile("rb").read())
                asked.sendall(json.dumps(carried_out(words)).encode())


if __name__ == "__main__":
    main(sys.argv[1])
