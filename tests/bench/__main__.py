# SPDX-License-Identifier: Apache-2.0
"""``make bench``: one line per figure - name, measured, unit, goal, ``ok`` or ``short`` - and what
it was compared to in the same run. Exits non-zero where one is short."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator

from tests.bench import demo_time, parse_cost, sandbox_load, submit_cost, triggerer
from tests.bench.figure import Figure

BENCHES = {
    "parse": parse_cost.figures,
    "sandbox": sandbox_load.figures,
    "submit": submit_cost.figures,
    "triggerer": triggerer.figures,
    "demo": demo_time.figures,
}


def measured(names: list[str]) -> Iterator[Figure]:
    for name in names or BENCHES:
        yield from BENCHES[name]()


def main() -> int:
    unknown = sorted(set(sys.argv[1:]) - set(BENCHES))
    if unknown:
        print(f"no bench {unknown[0]!r}; one of {', '.join(BENCHES)}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))  # so that what was started ends too
    short = 0
    for figure in measured(sys.argv[1:]):
        print(figure, flush=True)
        short += not figure.ok
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
