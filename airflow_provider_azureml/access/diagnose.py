# SPDX-License-Identifier: Apache-2.0
"""From the text of a refusal to its cause and its mend, by the table beside this file."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from airflow_provider_azureml.access.table import TABLE, Row

ScopeOf = Callable[[str], str]


@dataclass(frozen=True)
class Finding:
    """What a refusal means.

    :param plane: where it was refused: Entra, ARM, data or vault.
    :param mend: a command or a step, to be read before it is run: `<...>` is for the reader to fill in.
    """

    cause: str
    plane: str
    mend: str

    def beside(self, text: str) -> str:
        """The text itself, and below it cause and mend."""
        return f"{text}\n\nWhy ({self.plane} plane): {self.cause}\nMend: {self.mend}"


class _Known(dict[str, str]):
    """What the text told; what it did not tell is shown as a blank to fill in."""

    def __missing__(self, name: str) -> str:
        return {"who": "<object id>", "app": "<client id>"}.get(name, f"<{name}>")


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], Row], ...]:
    return tuple((re.compile(row.pattern, re.DOTALL), row) for row in TABLE)


def _unknown_scope(datastore: str) -> str:
    return ""


def diagnose(text: str, run_identity: str = "", scope_of: ScopeOf = _unknown_scope) -> Finding | None:
    """The finding for the text of an error, None when the table knows none: then nothing is guessed.

    :param run_identity: object id or client id of the principal that the job ran as, where known.
    :param scope_of: ARM id of the container behind a datastore, empty when it is not to be had; asked
        only when the mend wants it.
    """
    for pattern, row in _patterns():
        match = pattern.search(text)
        if match:
            known = _Known({name: value for name, value in match.groupdict().items() if value})
            mend = row.mend.format_map(known)
            return Finding(
                row.cause.format_map(known), row.plane, _filled_in(mend, text, run_identity, scope_of)
            )
    return None


_DATASTORE = re.compile(r"azureml://\S*?datastores/([A-Za-z0-9_]+)/")


def _filled_in(mend: str, text: str, run_identity: str, scope_of: ScopeOf) -> str:
    """The mend with the blanks that the text, the job, or the workspace can fill."""
    datastore = _DATASTORE.search(text)
    if datastore and "<container>" in mend:
        scope = scope_of(datastore[1]) or f"<container of datastore {datastore[1]}>"
        mend = mend.replace("<container>", scope)
    return mend.replace("<run identity>", run_identity) if run_identity else mend
