# SPDX-License-Identifier: Apache-2.0
"""Writes ``docs/reference`` from the code, so that it cannot fall behind it.

``python docs/generate_reference.py`` writes; ``tests/contracts/test_docs.py`` compares.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from airflow_provider_azureml import connection, form
from airflow_provider_azureml.access.schema import manifest_schema, resolved
from airflow_provider_azureml.cli.command import Command
from airflow_provider_azureml.cli.commands import COMMANDS
from airflow_provider_azureml.provider_info import get_provider_info
from airflow_provider_azureml.ways import SOURCES, WAYS, Way, way_of

HERE = Path(__file__).parent / "reference"
NOTE = "<!-- Written by docs/generate_reference.py; do not edit. -->\n\n"
OPERATORS = {
    "operators.job": "AzureMLRunJobOperator",
    "operators.grant": "AzureMLGrantAccessOperator AzureMLRevokeAccessOperator AzureMLGrantReaperOperator",
    "operators.model": "AzureMLRegisterModelOperator",
    "operators.reaper": "AzureMLReaperOperator",
    "operators.rotation": "AzureMLRotateSecretOperator",
    "sensors.job": "AzureMLJobSensor AzureMLChildJobSensor",
    "sensors.compute": "AzureMLComputeSensor",
    "sensors.asset": "AzureMLModelSensor AzureMLDataSensor",
}


def pages() -> dict[str, str]:
    """File name -> content."""
    return {
        "command-line.md": _command_line(),
        "configuration.md": _configuration(),
        "connection.md": _connection(),
        "manifest.md": _manifest(),
        "operators.md": _operators(),
    }


def _command_line() -> str:
    head = (
        f"# The command line\n\n{NOTE}`airflow-azureml` comes with the package; from Airflow 3.2 on, `airflow azureml` "
        "is the same. Both read the same\n`airflow.cfg` and environment as Airflow.\n\n"
    )
    return head + "\n".join(_command(command) for command in COMMANDS)


def _command(command: Command) -> str:
    rows = [f"| `{', '.join(argument.flags)}` | {argument.help} |" for argument in command.arguments]
    table = "| argument | meaning |\n|---|---|\n" + "\n".join(rows) + "\n"
    prose = command.description or command.help
    return (
        f"## airflow-azureml {' '.join(command.words)}\n{command.help}.\n\n{prose}\n\n{table if rows else ''}"
    )


def _shown(default: str) -> str:
    return f"`{default}`" if default else ""


def _configuration() -> str:
    rows = [
        f"| `{name}` | `AIRFLOW__AZUREML__{name.upper()}` | {_shown(option['default'])} | {option['description']} |"
        for name, option in get_provider_info()["config"]["azureml"]["options"].items()
    ]
    head = (
        f"# Settings\n\n{NOTE}In `airflow.cfg`, section `[azureml]`, or in the environment of every Airflow process.\n\n"
        "| setting | environment variable | default | meaning |\n|---|---|---|---|\n"
    )
    return head + "\n".join(rows) + "\n"


def _connection() -> str:
    rows = [f"| `{name}` | {field.label} | {field.description} |" for name, field in form.form().items()]
    head = (
        f"# The connection\n\n{NOTE}Type `{connection.CONN_TYPE}`. All fields are extras, but for the one secret, "
        "which is the connection's password: a client secret,\na certificate's password or Okta's key. A field that is "
        "unknown, or that the chosen `auth` does not use, is an error that names\nit. How to set up each way: "
        "[how-to/sign-in.md](../how-to/sign-in.md).\n\n"
        + _ways()
        + "\n| extra | label | meaning |\n|---|---|---|\n"
    )
    return head + "\n".join(rows) + "\n"


def _ways() -> str:
    named = {f"`{auth}`": way for auth, way in WAYS.items() if auth != "federated"}
    named |= {f"`federated`, `{source}`": way_of("federated", source) for source in SOURCES}
    rows = [
        f"| {name} | {_list(way.needs)} | {_choice(way)} | {_list(way.may_have)} |"
        for name, way in named.items()
    ]
    head = "| `auth`, `federated_source` | needs | and one of | may have |\n|---|---|---|---|\n"
    return head + "\n".join(rows) + "\n"


def _list(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(set(names) - {"federated_source"}))


def _choice(way: Way) -> str:
    return "; ".join(" + ".join(f"`{name}`" for name in group) for group in way.one_of)


def _manifest() -> str:
    head = (
        f"# The access manifest\n\n{NOTE}A YAML file, `access.yaml`. How to work with it: "
        "[docs/how-to/access.md](../how-to/access.md). Its schema, for editors:\n`airflow-azureml access schema`. "
        "An unknown field is an error that names file, line, field and mend.\n\n"
    )
    schema = manifest_schema()
    sections = [("The file", schema), *((f"`{name}`", part) for name, part in schema["$defs"].items())]
    tables = [_fields(title, part) for title, part in sections]
    return head + "\n".join(table for table in tables if table)


def _fields(title: str, part: Mapping[str, Any]) -> str:
    """The table of one kind of mapping, or of the entries of one kind of list; empty for anything else."""
    part = part.get("items", part) if part.get("type") == "array" else part
    rows = [
        f"| `{name}` | {_kind(field)} | {'yes' if name in part.get('required', ()) else ''} "
        f"| {resolved(field)['description']} |"
        for name, field in part.get("properties", {}).items()
    ]
    head = f"## {title}\n| field | form | required | meaning |\n|---|---|---|---|\n"
    return head + "\n".join(rows) + "\n" if rows else ""


def _kind(field: Mapping[str, Any]) -> str:
    """What stands in a field, with the name of the section that says more."""
    part = resolved(field)
    if "const" in part:
        return f"`{part['const']}`"
    if "enum" in part:
        return ", ".join(f"`{word}`" for word in part["enum"])
    name = str(field.get("$ref", "")).removeprefix("#/$defs/")
    if part.get("type") == "array":
        inner = _kind(part["items"]) if "properties" not in part["items"] else f"`{name}`"
        return f"list of {inner}"
    other = part.get("additionalProperties")
    if isinstance(other, Mapping):
        return f"name: {_kind(other)}"
    return (
        f"`{name}`"
        if name and part.get("type") != "string"
        else "text"
        if part["type"] == "string"
        else part["type"]
    )


def _operators() -> str:
    sections = [_section(module, name) for module, names in OPERATORS.items() for name in names.split()]
    return f"# Operators and sensors\n\n{NOTE}" + "\n".join(sections)


def _section(module: str, name: str) -> str:
    kind = getattr(importlib.import_module(f"airflow_provider_azureml.{module}"), name)
    text = inspect.cleandoc(kind.__doc__ or "")
    prose, *parameters = re.split(r"^:param ", text, flags=re.MULTILINE)
    rows = [_row(parameter, kind) for parameter in parameters]
    table = "| parameter | default | meaning |\n|---|---|---|\n" + "\n".join(rows)
    return f"## {name}\n`airflow_provider_azureml.{module}`\n\n{prose.strip()}\n\n{table}\n"


def _row(parameter: str, kind: type) -> str:
    name, _, meaning = parameter.partition(":")
    default = _default(name, kind)
    shown = "" if default is inspect.Parameter.empty else f"`{default!r}`"
    return f"| `{name}` | {shown} | {' '.join(meaning.split())} |"


def _default(name: str, kind: type) -> object:
    """Of the nearest class that has the parameter by name."""
    for base in kind.__mro__:
        parameters = inspect.signature(base.__init__).parameters
        if name in parameters:
            return parameters[name].default
    raise LookupError(f"{kind.__name__} documents {name!r}, which none of its classes takes")


def main() -> None:
    HERE.mkdir(exist_ok=True)
    for name, content in pages().items():
        (HERE / name).write_text(content, encoding="utf8")


if __name__ == "__main__":
    main()
