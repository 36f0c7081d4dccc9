# SPDX-License-Identifier: Apache-2.0
"""From the text of a refusal to its cause and its mend, by the table beside this file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from airflow_provider_azureml.access.table import TABLE, Row


@dataclass(frozen=True)
class Finding:
    """What a refusal means.

    :param plane: where it was refused: Entra, ARM, data or vault.
    :param mend: a command or a step, to be read before it is run: `<...>` is for the reader to fill in.
    """

    cause: str
    plane: str
    mend: str


class _Known(dict[str, str]):
    """What the text told; what it did not tell is shown as a blank to fill in."""

    def __missing__(self, name: str) -> str:
        return {"who": "<object id>", "app": "<client id>"}.get(name, f"<{name}>")


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], Row], ...]:
    return tuple((re.compile(row.pattern, re.DOTALL), row) for row in TABLE)


def diagnose(text: str, run_identity: str = "") -> Finding | None:
    """The finding for the text of an error, None when the table knows none: then nothing is guessed.

    :param run_identity: object id or client id of the principal that the job ran as, where known.
    """
    for pattern, row in _patterns():
        match = pattern.search(text)
        if match:
            known = _Known({name: value for name, value in match.groupdict().items() if value})
            mend = row.mend.format_map(known)
            return Finding(row.cause.format_map(known), row.plane, _filled_in(mend, text, run_identity))
    return None


_DATASTORE = re.compile(r"azureml://\S*?datastores/([A-Za-z0-9_]+)/")


def _filled_in(mend: str, text: str, run_identity: str) -> str:
    """The mend with the blanks that the text, or the job, can fill."""
    datastore = _DATASTORE.search(text)
    if datastore:
        mend = mend.replace("<container>", f"<container of datastore {datastore[1]}>")
    return mend.replace("<run identity>", run_identity) if run_identity else mend


def explain(text: str, run_identity: str = "") -> str:
    """The text itself, and below it cause and mend where they are known."""
    finding = diagnose(text, run_identity)
    if finding is None:
        return text
    return f"{text}\n\nWhy ({finding.plane} plane): {finding.cause}\nMend: {finding.mend}"
