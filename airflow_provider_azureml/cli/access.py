# SPDX-License-Identifier: Apache-2.0
"""`access ...`: their definitions. The work stands in `access_*.py` beside this file."""

from __future__ import annotations

from airflow_provider_azureml.cli.command import Argument, Command

FORMATS = ("az", "arm", "bicep", "terraform")
_CONN = Argument(
    ("--conn-id",),
    "Connection to read with: Reader on the subscription, and Application.Read.All of Microsoft Graph.",
    {"default": "azureml_default"},
)
_MANIFEST = Argument(
    ("--manifest",), "The manifest (default: access.yaml).", {"default": "access.yaml", "metavar": "FILE"}
)
_DAGS = Argument(("dags",), "Folder of DAG files, or one file.", {"metavar": "DAGS"})
_JSON = Argument(("--json",), "Print a JSON array instead of a table.", {"action": "store_true"})
_MODULE = "airflow_provider_azureml.cli"

COMMANDS = (
    Command(
        ("access", "init"),
        "Write a first access manifest from a DAG folder and its job definitions",
        f"{_MODULE}.access_init:init",
        (
            _DAGS,
            _MANIFEST,
            Argument(
                ("--namespace",),
                "Namespace of all identities.",
                {"default": "", "choices": ["", "ml", "batch"], "metavar": "ml|batch"},
            ),
            Argument(("--force",), "Overwrite the file when it exists.", {"action": "store_true"}),
            _CONN,
        ),
        "Parses the DAGs as Airflow does, in a process of its own, compiles each job definition with its\n"
        "task's arguments, and asks Azure for the names behind ids. What it cannot infer, it leaves to a\n"
        "person under 'by_hand': what @task code does with hooks, paths that only exist at run time.\n"
        "Nothing in Azure is changed. Exit code 0: written; 1: written, and lines are left for a person;\n"
        "2: not written.",
    ),
    Command(
        ("access", "plan"),
        "What each identity needs, inferred from DAGs and job definitions",
        f"{_MODULE}.access_plan:plan",
        (_DAGS, _JSON, _CONN),
        "One line per thing needed: whose, the least role that gives it, where, and what asks for it.\n"
        "Exit code 0: all was understood; 1: something was not, and is said; 2: no look.",
    ),
    Command(
        ("access", "check"),
        "Compare the manifest with Entra, ARM and the data plane, read-only",
        f"{_MODULE}.access_check:check",
        (
            _MANIFEST,
            Argument(
                ("--dags",),
                "Also compare with what these DAGs need; without it, with what the manifest's jobs need.",
                {"default": "", "metavar": "DAGS"},
            ),
            Argument(("--all",), "Print what is as declared, too.", {"action": "store_true"}),
            Argument(
                ("--out",),
                "Also write the report that the page in Airflow's UI shows ([azureml] access_report).",
                {"default": "", "metavar": "FILE"},
            ),
            _JSON,
            _CONN,
        ),
        "One line per finding: MISSING, EXTRA, MISMATCH(field), CROSSING (roles in two namespaces), UNKNOWN\n"
        "(with the reason), BY HAND; and whether Azure allows it: ALLOWED, DENIED, CONDITIONAL, UNKNOWN.\n"
        "Exit code 0: all is as declared; 1: findings; 2: it could not look.",
    ),
    Command(
        ("access", "export"),
        "Write out what the manifest asks for, for Azure",
        f"{_MODULE}.access_export:export",
        (
            _MANIFEST,
            Argument(
                ("--format",),
                "az: a script of Azure CLI commands; arm: a deployment template; bicep, terraform.",
                {"default": "az", "choices": list(FORMATS)},
            ),
        ),
        "Custom roles, identities, federated credentials and role assignments, in an order that works, and\n"
        "again and again with the same result. Reads nothing, changes nothing: it prints.",
    ),
    Command(
        ("access", "schema"),
        "Print the manifest's JSON schema, for editors",
        f"{_MODULE}.access_schema:schema",
        (),
        "airflow-azureml access schema > access.schema.json, beside the manifest, whose first line then is:\n"
        "# yaml-language-server: $schema=access.schema.json",
    ),
)
