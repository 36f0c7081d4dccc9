# SPDX-License-Identifier: Apache-2.0
"""``python -m demo``: run the nightly pipeline once, leave it running, or show what it left as evidence."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from demo import airflow, azure, champion, connections, evidence, nightly, prerequisites, summary
from demo.airflow import Airflow
from demo.azure import Azure
from demo.layout import DemoFailed, Layout
from demo.processes import Processes


def main() -> int:
    """Exit code 0; 1 where anything failed; 130 where a person stopped it."""
    options = _options()
    lines = prerequisites.missing()
    if lines:
        print("\n".join(lines), file=sys.stderr)
        return 1
    layout = Layout.of(Path(__file__).resolve().parent.parent, options.state, options.seed)
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, _interrupt)
    try:
        return int(options.run(options, layout))
    except DemoFailed as error:
        print(f"\nFAILED: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    commands = parser.add_subparsers(required=True)
    run = commands.add_parser("run", help="one nightly run from start to end")
    run.add_argument("--plant-champion", type=float, metavar="MAE", help="register a model that good first")
    run.set_defaults(run=_run)
    up = commands.add_parser("up", help="start Azure and Airflow and leave them running")
    up.set_defaults(run=_up)
    shown = commands.add_parser("evidence", help="what the last run left in logs, as evidence")
    shown.set_defaults(run=lambda options, layout: evidence.show(layout))
    for command in (run, up, shown):
        command.add_argument("--state", type=Path, help="folder of everything it writes (default: .demo)")
        command.add_argument("--seed", type=Path, help="what Azure begins with (default: demo/seed.yaml)")
    return parser.parse_args()


def _run(options: argparse.Namespace, layout: Layout) -> int:
    began = time.monotonic()
    with _started(layout, schedules=False) as (processes, cloud, running):
        if options.plant_champion is not None:
            _say(f"Planted {champion.plant(cloud, options.plant_champion)}")
        run = nightly.trigger(running, processes, schedules=False)
        _say(f"Run {run.run_id} of {nightly.DAG}")
        nightly.follow(run, processes, _say)
        pipeline_seconds = time.time() - run.started_at
        report = summary.collect(run, cloud)
        report.pipeline_seconds = pipeline_seconds
        report.seconds = time.monotonic() - began
        report.peak_memory = processes.peak_memory
    report.write(layout.summary)
    _say(report.text())
    return 0


def _up(options: argparse.Namespace, layout: Layout) -> int:
    with _started(layout, schedules=True) as (processes, _, running):
        _say(f"Airflow   {running.url}  (user {airflow.USER}, password {running.password})")
        _say(f"Azure     source {layout.sandbox / 'env.sh'}  (then az, Python or any SDK)")
        _say("Ctrl-C stops both.")
        while True:
            processes.check()
            time.sleep(1)


@contextmanager
def _started(layout: Layout, *, schedules: bool) -> Iterator[tuple[Processes, Azure, Airflow]]:
    """The sandbox and Airflow, running; both are gone afterwards, whatever happens."""
    with layout.locked(), Processes(layout.logs) as processes:
        _say("Starting Azure (the sandbox) ...")
        cloud = azure.start(layout, processes)
        _say("Starting Airflow ...")
        environment = {**cloud.environment, **connections.variables(cloud)}
        yield processes, cloud, airflow.start(layout, processes, environment, schedules=schedules)


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
