# SPDX-License-Identifier: Apache-2.0
"""Reading of YAML files of job definitions, safe against hostile or broken files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from airflow_provider_azureml.errors import ConfigurationError
from airflow_provider_azureml.spec.field import kind_of

MAX_BYTES = 1 << 20
MAX_DEPTH = 64
_SHRINK = "Make it smaller; is it a job definition at all?"
MAX_NODES = 100_000  # after aliases are expanded: 332 bytes of aliases can stand for 10^9 nodes


@dataclass(frozen=True)
class Document:
    """A definition and where it came from.

    :param name: what messages call it: the file's path, or `job`.
    :param folder: what relative paths in it are relative to; None for a dict, which has no place of its own.
    """

    name: str
    content: Mapping[str, Any]
    folder: Path | None

    def path(self, field: str, value: str) -> Path:
        """The local path that a field names; raises ConfigurationError when it does not exist."""
        path = Path(value).expanduser()
        if not path.is_absolute():
            if self.folder is None:
                raise ConfigurationError(
                    f"{self.name}: field '{field}'",
                    f"is the relative path '{value}', but a job given as a dict has no folder.",
                    "Write an absolute path, or keep the definition in a YAML file beside it.",
                )
            path = self.folder / path
        if not path.exists():
            raise ConfigurationError(
                f"{self.name}: field '{field}'",
                f"names '{path}', which does not exist.",
                "Correct the path; relative paths start at the folder of the YAML file.",
            )
        return path.resolve()


def load(job: str | Path | Mapping[str, Any]) -> Document:
    """The document of an operator's `job` parameter: a dict, or the path of a YAML file.

    :raises ConfigurationError: the file is absent, too large, not YAML, or nested beyond reason.
    """
    if isinstance(job, Mapping):
        return Document("job", plain(job, "job"), None)
    if not isinstance(job, (str, Path)):
        raise ConfigurationError("job", f"is {kind_of(job)}.", "Give a dict or the path of a YAML file.")
    path = Path(job).expanduser()
    content = read_yaml(path, f"job '{job}'")
    if not isinstance(content, dict):
        raise ConfigurationError(f"job '{job}'", f"is {kind_of(content)}.", "Write a mapping of fields.")
    return Document(str(job), content, path.resolve().parent)


def read_yaml(path: Path, where: str) -> Any:
    """The content of a YAML file, within the limits above.

    :raises ConfigurationError: as for :func:`load`.
    """
    return plain(parse_yaml(_read_text(path, where), where), where)


def _read_text(path: Path, where: str) -> str:
    if not path.is_file():
        raise ConfigurationError(
            where, "is no file.", f"Correct the path; '{path.absolute()}' was looked for."
        )
    if path.stat().st_size > MAX_BYTES:
        raise ConfigurationError(where, f"is larger than {MAX_BYTES} bytes.", _SHRINK)
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        problem = f"is not UTF-8 text (byte {error.start})."
        raise ConfigurationError(where, problem, "Save the file as UTF-8.") from error


def parse_yaml(text: str, where: str) -> Any:
    """YAML text as plain values; tags that would build objects are errors.

    :raises ConfigurationError: not YAML.
    """
    try:
        _refuse_depth(text, where)
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "the text cannot be read"
        raise ConfigurationError(
            where, f"is not valid YAML: {problem}{place}.", "Correct it there."
        ) from error
    except ValueError as error:  # `2024-99-99` looks like a date and is none
        raise ConfigurationError(where, f"is not valid YAML: {error}.", "Put the value in quotes.") from error


def _refuse_depth(text: str, where: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise ConfigurationError(where, f"is nested deeper than {MAX_DEPTH} levels.", _SHRINK)


def plain(content: Any, where: str) -> Any:
    """The content, after a walk that counts every node once per place where it stands."""
    budget = iter(range(MAX_NODES))
    pending: list[tuple[Any, int]] = [(content, 0)]
    while pending:
        node, depth = pending.pop()
        if next(budget, None) is None:
            raise ConfigurationError(where, f"holds more than {MAX_NODES} values, aliases expanded.", _SHRINK)
        if depth > MAX_DEPTH:
            raise ConfigurationError(where, f"is nested deeper than {MAX_DEPTH} levels.", _SHRINK)
        pending.extend((child, depth + 1) for child in _children(node))
    return content


def _children(node: Any) -> Iterator[Any]:
    if isinstance(node, Mapping):
        return iter(node.values())
    return iter(node) if isinstance(node, (list, tuple)) else iter(())
