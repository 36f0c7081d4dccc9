# SPDX-License-Identifier: Apache-2.0
"""`audit show` and `audit verify`: their definitions. The work stands in `audit_report.py`."""

from __future__ import annotations

from airflow_provider_azureml.cli.command import Argument, Command

_PATH = Argument(
    ("--path",),
    "Folder of the audit log; as configured ([azureml] audit_path) when not given.",
    {"default": "", "metavar": "FOLDER"},
)
_MODULE = "airflow_provider_azureml.cli.audit_report"

COMMANDS = (
    Command(
        ("audit", "show"),
        "What one DAG run, or one job, did in Azure",
        f"{_MODULE}:show",
        (
            Argument(("run",), "Id of a DAG run, or name of an Azure ML job.", {"metavar": "RUN"}),
            Argument(("--dag-id",), "Only events of this DAG.", {"default": ""}),
            Argument(("--task-id",), "Only events of this task.", {"default": ""}),
            _PATH,
            Argument(("--json",), "Print a JSON array instead of a table.", {"action": "store_true"}),
        ),
        "One line per request that changed something or revealed a secret, in the order of time: who, what,\n"
        "and what came of it. Exit code 0: events were found; 1: there are none; 2: the log cannot be read.",
    ),
    Command(
        ("audit", "verify"),
        "Whether the audit log is as it was written",
        f"{_MODULE}:verify",
        (_PATH,),
        "Exit code 0: every chain is whole; 1: something was changed, removed, inserted or reordered;\n"
        "2: the log cannot be read.",
    ),
)
