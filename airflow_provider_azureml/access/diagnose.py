# SPDX-License-Identifier: Apache-2.0
"""From the text of a refusal to its cause and its mend, by the table beside this file."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from airflow_provider_azureml.access.refusal import Row
from airflow_provider_azureml.access.roles import least_role
from airflow_provider_azureml.access.table import TABLE

ScopeOf = Callable[[str], str]


@dataclass(frozen=True)
class Finding:
    """What a refusal means.

    :param plane: where it was refused: Entra, ARM, data or vault.
    :param mend: a command or a step, to be read before it is run: `<...>` is for the reader to fill in.
    :param number: of the row in the table.
    :param told: what the text says of itself: `who`, `action`, `scope`, `app` and the like.
    :param remark: who it is about, where somebody looked.
    """

    cause: str
    plane: str
    mend: str
    number: int = 0
    told: Mapping[str, str] | None = None
    remark: str = ""

    def beside(self, text: str) -> str:
        """The text itself, and below it cause and mend."""
        about = f"\nWho: {self.remark}" if self.remark else ""
        return f"{text}\n\nWhy ({self.plane} plane): {self.cause}{about}\nMend: {self.mend}"


class _Known(dict[str, str]):
    """What the text told; what it did not tell is shown as a blank to fill in."""

    def __missing__(self, name: str) -> str:
        return {"who": "<object id>", "app": "<client id>"}.get(name, f"<{name}>")


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], Row], ...]:
    return tuple((re.compile(row.pattern, re.DOTALL), row) for row in TABLE)


def _unknown_scope(datastore: str) -> str:
    return ""


def diagnose(
    text: str,
    run_identity: str = "",
    scope_of: ScopeOf = _unknown_scope,
    facts: Mapping[str, str] | None = None,
) -> Finding | None:
    """The finding for the text of an error, None when the table knows none: then nothing is guessed.

    :param run_identity: object id or client id of the principal that the job ran as, where known.
    :param scope_of: ARM id of the container behind a datastore, empty when it is not to be had; asked
        only when the mend wants it.
    :param facts: what else is known, by the name of the blank: `client id`, `vault`, `secret`, `account`.
    """
    for pattern, row in _patterns():
        match = pattern.search(text)
        if match:
            told = {name: value for name, value in match.groupdict().items() if value}
            known = _Known(told, **_role_for(told.get("action", "")))
            filled = {**(facts or {}), **({"run identity": run_identity} if run_identity else {})}
            mend = _filled_in(row.mend.format_map(_quoted(known)), text, filled, scope_of)
            return Finding(row.cause.format_map(known), row.plane, mend, row.number, told)
    return None


def _role_for(action: str) -> dict[str, str]:
    """The least role for an action, as the blank `role`."""
    if not action:
        return {}
    is_data = action.startswith("Microsoft.KeyVault/") or "/blobs/" in action
    return {"role": least_role(action, is_data) or f"<a role with {action}>"}


def _quoted(known: Mapping[str, str]) -> _Known:
    """As a shell reads it: the name of a resource group may hold parentheses. Roles are quoted in the table."""
    return _Known({name: value if name == "role" else shlex.quote(value) for name, value in known.items()})


_DATASTORE = re.compile(r"azureml://\S*?datastores/([A-Za-z0-9_]+)/")


def _filled_in(mend: str, text: str, known: Mapping[str, str], scope_of: ScopeOf) -> str:
    """The mend with the blanks that the text, the job, or the workspace can fill."""
    datastore = _DATASTORE.search(text)
    if datastore and "<container>" in mend and "container" not in known:
        known_scope = scope_of(datastore[1])
        scope = shlex.quote(known_scope) if known_scope else f"<container of datastore {datastore[1]}>"
        mend = mend.replace("<container>", scope)
    for name, value in known.items():
        mend = mend.replace(f"<{name}>", shlex.quote(value))
    return mend
