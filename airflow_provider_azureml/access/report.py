# SPDX-License-Identifier: Apache-2.0
"""What a check of access found, as data: written by `access check --out FILE`, read by the page.

No member is a secret: ids, names, scopes, and sentences about them.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from airflow_provider_azureml.errors import ConfigurationError

FORMAT = 1
MAX_BYTES = 16 << 20
ALLOWED, CONDITIONAL, UNKNOWN, DENIED = VERDICTS = ("ALLOWED", "CONDITIONAL", "UNKNOWN", "DENIED")
"""From best to worst."""
SUBMITTER, RUN = "submitter", "run"
T = TypeVar("T")


@dataclass(frozen=True)
class GrantLine:
    """A role that an identity holds.

    :param through: the group that holds it, empty for the identity itself.
    :param state: `EXTRA` for one that no task needs, else empty.
    """

    role: str
    scope: str
    condition: str = ""
    through: str = ""
    assignment_id: str = ""
    state: str = ""


@dataclass(frozen=True)
class IdentityLine:
    """A principal, and all that it holds.

    :param name: unique in a report; tasks refer to it.
    :param kind: `application` or `managed identity`.
    """

    name: str
    kind: str = ""
    client_id: str = ""
    object_id: str = ""
    namespace: str = ""
    grants: tuple[GrantLine, ...] = ()


@dataclass(frozen=True)
class CheckLine:
    """One need of a task, and whether it is met.

    :param who: `submitter` or `run`.
    :param role: the least role that gives the action.
    :param verdict: one of VERDICTS.
    :param mend: a command or a step, where the verdict is not ALLOWED.
    """

    who: str
    action: str
    scope: str
    verdict: str
    reason: str = ""
    role: str = ""
    why: str = ""
    mend: str = ""
    data: bool = False


@dataclass(frozen=True)
class TaskLine:
    """One task: who submits, who runs, what was checked.

    :param job: name or path of its job definition.
    :param submitter: name of an IdentityLine; so is `run_identity`, empty where nothing runs in Azure.
    """

    dag_id: str
    task_id: str
    connection: str
    auth: str = ""
    job: str = ""
    namespace: str = ""
    submitter: str = ""
    run_identity: str = ""
    checks: tuple[CheckLine, ...] = ()

    @property
    def verdict(self) -> str:
        """The worst of the checks; UNKNOWN where nothing was checked."""
        return worst(check.verdict for check in self.checks)


@dataclass(frozen=True)
class Difference:
    """Where Azure and the manifest differ.

    :param kind: a state of `access check`: `MISSING`, `EXTRA`, `MISMATCH(field)`, `CROSSING`, `UNKNOWN`, `BY HAND`.
    :param subject: name of the identity, or DAG.TASK, that it is about; empty for neither.
    """

    kind: str
    subject: str
    text: str
    mend: str = ""


@dataclass(frozen=True)
class Report:
    """The whole.

    :param made_at: ISO 8601 with a zone.
    :param command: the command line that makes such a report again.
    """

    made_at: str
    command: str = ""
    deployment: str = ""
    identities: tuple[IdentityLine, ...] = ()
    tasks: tuple[TaskLine, ...] = ()
    differences: tuple[Difference, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def of(cls, content: object, where: str) -> Report:
        """Read JSON values; what a later version added is left out.

        :param where: what messages call it.
        :raises ConfigurationError: it is no report, or one of a later format.
        """
        if not isinstance(content, Mapping) or content.get("format") != FORMAT:
            found = content.get("format") if isinstance(content, Mapping) else None
            problem = f"is no report of format {FORMAT} (its field 'format' is {found!r})."
            raise ConfigurationError(where, problem, _MAKE_ANEW)
        try:
            return _read(cls, content)
        except (TypeError, ValueError) as error:
            raise ConfigurationError(where, f"is damaged: {error}.", _MAKE_ANEW) from error


_MAKE_ANEW = "Make it anew: airflow-azureml access check --out FILE."


def worst(verdicts: Iterable[str]) -> str:
    """The worst of some verdicts; UNKNOWN for none, and for a word that is no verdict."""
    found = [word if word in VERDICTS else UNKNOWN for word in verdicts]
    return max(found, key=VERDICTS.index, default=UNKNOWN)


def write(report: Report, path: Path) -> None:
    """Put the report into a file, whole or not at all: the page may be reading the one before it.

    Raises OSError.
    """
    text = json.dumps(report.to_dict(), indent=1)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).chmod(0o644)  # the web server may be another user; there is no secret in it
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def read(path: Path) -> Report:
    """The report in a file. Raises ConfigurationError, naming the file and the mend."""
    where = f"access report '{path}'"
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigurationError(where, f"is larger than {MAX_BYTES} bytes.", _MAKE_ANEW)
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigurationError(where, "does not exist.", _MAKE_ANEW) from error
    except OSError as error:
        mend = "Let the user that Airflow's API server runs as read it."
        raise ConfigurationError(where, f"cannot be read: {error.strerror}.", mend) from error
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(where, "is not JSON.", _MAKE_ANEW) from error
    return Report.of(content, where)


_LINES: Mapping[str, type] = {
    "grants": GrantLine,
    "identities": IdentityLine,
    "checks": CheckLine,
    "tasks": TaskLine,
    "differences": Difference,
}


def _read(kind: type[T], content: Any) -> T:
    """A record from its JSON values. Raises TypeError or ValueError."""
    if not isinstance(content, Mapping):
        raise ValueError(f"{content!r:.80} stands where a mapping should")
    hints = get_type_hints(kind)
    return kind(**{name: _value(name, hints[name], content[name]) for name in hints.keys() & content.keys()})


def _value(name: str, hint: Any, value: Any) -> Any:
    if name in _LINES:
        return tuple(_read(_LINES[name], item) for item in value)
    if not isinstance(value, hint):
        raise ValueError(f"field '{name}' is {value!r:.80}")
    return value
