# SPDX-License-Identifier: Apache-2.0
"""All that Airflow reads about this provider (schema: `airflow/provider_info.schema.json`)."""

from __future__ import annotations

from typing import Any

from airflow_provider_azureml import __version__, connection, form

PACKAGE = "airflow_provider_azureml"
INTEGRATION = "Azure Machine Learning"
HOOK = f"{PACKAGE}.hooks.azureml.AzureMLHook"
MODULES = {
    "hooks": ("azureml", "keyvault", "lake"),
    "operators": ("grant", "job", "model", "reaper", "rotation"),
    "sensors": ("asset", "compute", "job"),
    "triggers": ("asset", "child", "compute", "job", "moment", "probe"),
}


def get_provider_info() -> dict[str, Any]:
    """The answer to Airflow's entry point `apache_airflow_provider`."""
    return {
        "package-name": "airflow-provider-azureml",
        "name": INTEGRATION,
        "description": "Spark data prep and Azure Machine Learning training, with an identity per task.",
        "versions": [__version__],
        "integrations": [
            {
                "integration-name": INTEGRATION,
                "external-doc-url": "https://learn.microsoft.com/azure/machine-learning/",
                "tags": ["azure"],
            }
        ],
        **{kind: _modules(kind) for kind in MODULES},
        "connection-types": [_connection_type()],
        "extra-links": [f"{PACKAGE}.links.AzureMLStudioLink"],
        "config": {"azureml": _config()},
        "cli": [f"{PACKAGE}.cli.airflow_group.get_commands"],
    }


def _modules(kind: str) -> list[dict[str, Any]]:
    names = [f"{PACKAGE}.{kind}.{name}" for name in MODULES[kind]]
    return [{"integration-name": INTEGRATION, "python-modules": names}]


def _connection_type() -> dict[str, Any]:
    """The connection form. Airflow 3.2 and later read it here, without importing the hook."""
    fields = {
        name: {"label": field.label, "description": field.description, "schema": dict(field.schema)}
        for name, field in form.form().items()
    }
    return {
        "connection-type": connection.CONN_TYPE,
        "hook-class-name": HOOK,
        "hook-name": INTEGRATION,
        "ui-field-behaviour": {
            "hidden-fields": list(form.HIDDEN_FIELDS),
            "relabeling": dict(form.RELABELING),
            "placeholders": {},
        },
        "conn-fields": fields,
    }


def _config() -> dict[str, Any]:
    return {
        "description": "Settings of the Azure Machine Learning provider.",
        "options": {name: _option(**option) for name, option in OPTIONS.items()},
    }


def _option(description: str, example: str, default: str = "") -> dict[str, Any]:
    return {
        "description": description,
        "version_added": "0.1.0",
        "type": "string",
        "example": example,
        "default": default,
    }


OPTIONS: dict[str, dict[str, str]] = {
    "deployment_id": {
        "description": "A short name of this Airflow that no other Airflow uses in the same workspaces. Names of "
        "jobs derive from it, so that a retry finds its job; changed while jobs run, those are "
        "not found again.",
        "example": "prod",
    },
    "audit": {
        "description": "What happens when a request that changes something in Azure, or reveals a secret, cannot "
        "be written to the audit log first. required: it is not sent, and the task fails (a retry "
        "may succeed); a cancel is always sent. best_effort: it is sent, and the task's log says "
        "that a record is missing. off: nothing is recorded.",
        "example": "best_effort",
        "default": "required",
    },
    "audit_path": {
        "description": "Folder of the audit log, on a disk that outlives the process (in a pod: a volume). "
        "Empty: the folder azureml-audit in [logging] base_log_folder.",
        "example": "/var/log/airflow/azureml-audit",
    },
    "namespaces": {
        "description": "Which tasks may use which connections, queues, workspaces, compute, datastores, "
        "containers and service accounts: a YAML or JSON document, or the absolute path of one. "
        "Kept when a task runs; a DAG that crosses namespaces is an import error where the "
        "cluster policy airflow_provider_azureml.policy.dag_policy is installed. Empty: no "
        "namespaces.",
        "example": "/etc/airflow/namespaces.yaml",
    },
    "access_report": {
        "description": "File that 'airflow-azureml access check --out FILE' writes, and that the page "
        "Azure ML access shows. Airflow's API server has to be able to read it.",
        "example": "/var/lib/airflow/azureml-access.json",
    },
    "broker_conn_id": {
        "description": "Connection of the broker: the identity that grants roles for the time of a run "
        "(AzureMLGrantAccessOperator, access='grant'), and that sees who holds which (access='verify'). "
        "Empty: nobody grants, and verify sees what the submitter itself may see.",
        "example": "azureml_broker",
    },
    "grant_wait": {
        "description": "Seconds that pass after a grant of access='grant' before the job is submitted: a run "
        "identity cannot be tried out from here, and Azure takes up to ten minutes to heed a grant.",
        "example": "300",
        "default": "120",
    },
    "lease_container": {
        "description": "Container, in the storage account of the broker's account_url, that holds who "
        "needs which grant just now. It must exist.",
        "example": "airflow-leases",
        "default": "airflow-leases",
    },
}
"""Section `[azureml]` of airflow.cfg."""
