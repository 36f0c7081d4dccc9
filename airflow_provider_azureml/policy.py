# SPDX-License-Identifier: Apache-2.0
"""The cluster policy of namespaces: a DAG that crosses them is an import error. Never registered by itself.

    # airflow_local_settings.py, on every machine that parses DAG files or runs tasks
    from airflow_provider_azureml.policy import dag_policy

It reads `[azureml] namespaces`. Airflow imports this file while it starts: nothing of Airflow is
imported here before a DAG is looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_azureml.access.namespace import Namespaces, Use

__all__ = ["dag_policy"]

_CONNECTION = "azureml_conn_id"


def dag_policy(dag: Any) -> None:
    """Airflow's hook of this name. Raises AirflowClusterPolicyViolation, or ConfigurationError as one."""
    from airflow.exceptions import AirflowClusterPolicyViolation

    from airflow_provider_azureml.errors import ConfigurationError
    from airflow_provider_azureml.hooks.namespace import configured_namespaces

    try:
        spaces = configured_namespaces()
    except ConfigurationError as error:  # without its rules no DAG is let through
        raise AirflowClusterPolicyViolation(f"No DAG can be checked. {error}") from error
    found = crossings(dag, spaces)
    if found:
        head = f"DAG '{dag.dag_id}' crosses the namespaces of this Airflow ([azureml] namespaces):"
        raise AirflowClusterPolicyViolation("\n- ".join([head, *found]))


def crossings(dag: Any, spaces: Namespaces) -> list[str]:
    """Everything in a DAG that crosses namespaces, in the order of its tasks."""
    from airflow_provider_azureml.access.namespace import violations
    from airflow_provider_azureml.hooks.namespace import subject_of

    if not spaces:
        return []
    return [text for task in dag.tasks for text in violations(subject_of(task), uses_of(task), spaces)]


def uses_of(task: Any) -> list[Use]:
    """What an operator says of itself: texts with a template in them are left to the moment of execution."""
    found = [*_connections(task), *_queue(task), *_service_accounts(task), *_places(task)]
    return [use for use in dict.fromkeys(found) if "{{" not in use.value and "{%" not in use.value]


def _arguments(task: Any) -> dict[str, Any]:
    """The attributes of an operator; of a mapped one, which does not exist yet, its arguments."""
    partial = getattr(task, "partial_kwargs", None)
    if partial is None:
        return dict(vars(task))
    mapped = getattr(getattr(task, "expand_input", None), "value", None)
    return {**partial, **(mapped if isinstance(mapped, Mapping) else {})}


def _connections(task: Any) -> Iterator[Use]:
    from airflow_provider_azureml.access.namespace import Use

    for name, value in _arguments(task).items():
        if name == "conn_id" or name.endswith("_conn_id"):
            for each in _texts(value):
                yield Use("connections", each, name, is_ours=name == _CONNECTION)


def _queue(task: Any) -> Iterator[Use]:
    from airflow_provider_azureml.access.namespace import Use

    queue = getattr(task, "queue", None)
    if isinstance(queue, str) and queue:
        yield Use("queues", queue, "queue")


def _service_accounts(task: Any) -> Iterator[Use]:
    """Of the pod that runs the task (KubernetesExecutor), and of the pod that it makes (KubernetesPodOperator)."""
    from airflow_provider_azureml.access.namespace import Use

    config = getattr(task, "executor_config", None)
    pod = config.get("pod_override") if isinstance(config, Mapping) else None
    field = "executor_config pod_override.service_account_name"
    for each in _texts(_member(_member(pod, "spec"), "service_account_name")):
        yield Use("service_accounts", each, field)
    for each in _texts(_arguments(task).get("service_account_name")):
        yield Use("service_accounts", each, "service_account_name")


def _member(value: Any, name: str) -> Any:
    """Of a model of the Kubernetes client, or of its serialized form."""
    if isinstance(value, Mapping):
        camel = name.split("_")[0] + "".join(part.title() for part in name.split("_")[1:])
        return value.get(name, value.get(camel))
    return getattr(value, name, None)


def _places(task: Any) -> Iterator[Use]:
    """Compute, datastores, containers and workspaces that a job's definition and arguments name."""
    from airflow_provider_azureml.access.namespace import Use
    from airflow_provider_azureml.spec.place import places

    arguments = _arguments(task)
    if _CONNECTION not in arguments:
        return
    content = [arguments.get(name) for name in ("inputs", "outputs")]
    for place in places([_definition(task, arguments.get("job")), *content]):
        yield Use(place.kind, place.name, f"job's {place.kind.rstrip('s')}")


def _definition(task: Any, job: Any) -> Any:
    """The content of a job definition; a file that cannot be read is the operator's to complain about."""
    from airflow_provider_azureml.errors import ConfigurationError
    from airflow_provider_azureml.spec.document import load

    if not isinstance(job, (str, Path)) or "{{" in str(job):
        return job
    try:
        return load(Path(str(task.dag.fileloc)).parent / job).content
    except ConfigurationError:
        return None


def _texts(value: Any) -> list[str]:
    """A text, or the texts of a mapped argument."""
    values = value if isinstance(value, (list, tuple)) else [value]
    return [each for each in values if isinstance(each, str) and each]
