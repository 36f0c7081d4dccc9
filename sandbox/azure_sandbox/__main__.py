# SPDX-License-Identifier: Apache-2.0
"""The command line: ``azure-sandbox serve`` and ``azure-sandbox env``."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from pathlib import Path

import uvloop

from azure_sandbox.kernel import seed
from azure_sandbox.kernel.clouds import CLOUDS
from azure_sandbox.server import running


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0, or 2 with one line on stderr that says what to mend."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except (seed.InvalidSeed, OSError) as error:
        print(f"azure-sandbox: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="azure-sandbox", description="A local Azure that says no.")
    commands = parser.add_subparsers(required=True)
    serve = commands.add_parser("serve", help="run the sandbox until interrupted (loopback only)")
    serve.add_argument("--data", type=Path, default=Path(".sandbox"), help="directory of all state")
    serve.add_argument("--seed", type=Path, required=True, help="YAML file that says what exists")
    serve.add_argument("--cloud", choices=sorted(CLOUDS), help="which Azure; the seed says it otherwise")
    serve.add_argument("--proxy-port", type=int, default=8899, help="CONNECT proxy; 0 picks one")
    serve.add_argument("--metadata-port", type=int, default=8444, help="instance metadata; 0 picks one")
    serve.add_argument(
        "--throttle", action="store_true", help="limit requests as Azure Resource Manager does"
    )
    serve.set_defaults(run=_serve)
    env = commands.add_parser("env", help="print the shell lines that point clients to a sandbox")
    env.add_argument("--data", type=Path, default=Path(".sandbox"), help="directory of all state")
    env.set_defaults(run=_env)
    return parser


def _serve(options: argparse.Namespace) -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    document = seed.load(options.seed)
    if options.cloud:
        document["cloud"] = options.cloud
    uvloop.run(_serve_until_interrupted(options, document))
    return 0


async def _serve_until_interrupted(options: argparse.Namespace, document: seed.Seed) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    ports = {"proxy_port": options.proxy_port, "metadata_port": options.metadata_port}
    async with running(options.data, document, **ports) as sandbox:
        if options.throttle:
            sandbox.cloud.throttle.set({"preset": "azure"})
        proxy, metadata = sandbox.gateway.proxy_port, sandbox.gateway.metadata_port
        print(f"azure-sandbox: proxy 127.0.0.1:{proxy}, metadata 127.0.0.1:{metadata}", flush=True)
        print(f"azure-sandbox: clients: source {sandbox.cloud.data / 'env.sh'}", flush=True)
        await stop.wait()


def _env(options: argparse.Namespace) -> int:
    print((options.data / "env.sh").read_text(encoding="utf8"), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
