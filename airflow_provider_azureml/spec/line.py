# SPDX-License-Identifier: Apache-2.0
"""Which line of a YAML text a value stands in, for messages."""

from __future__ import annotations

import yaml

Path = tuple[str | int, ...]


def lines_of(text: str) -> dict[Path, int]:
    """Path of each value -> its line, counted from 1; of a text that was parsed without an error before."""
    found: dict[Path, int] = {}
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    pending: list[tuple[Path, yaml.Node | None]] = [((), root)]
    seen: set[int] = set()
    while pending:
        path, node = pending.pop()
        if node is None or id(node) in seen:  # an alias stands for what was seen
            continue
        seen.add(id(node))
        found.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            for key, value in reversed(node.value):
                inner = (*path, key.value)
                found[inner] = key.start_mark.line + 1
                pending.append((inner, value))
        elif isinstance(node, yaml.SequenceNode):
            pending += [((*path, number), item) for number, item in reversed(list(enumerate(node.value)))]
    return found
