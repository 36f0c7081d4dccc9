# SPDX-License-Identifier: Apache-2.0
"""Who really mounts: asked by an operator whose job was refused, with one request at most."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from airflow_provider_azureml.access.facts import Compute, Principal, WorkspaceFacts
from airflow_provider_azureml.access.run_identity import Runner, asked_identity, runner_of
from airflow_provider_azureml.access.step import steps_of
from airflow_provider_azureml.access.survey import compute_record
from airflow_provider_azureml.checks.running import described
from airflow_provider_azureml.errors import AzureMLError
from airflow_provider_azureml.hooks.azureml import AzureMLHook
from airflow_provider_azureml.rest import resource
from airflow_provider_azureml.rest.flow import briefly

_STORE = re.compile(r"azureml://\S*?datastores/(\w+)/")


def who_mounts(hook: AzureMLHook, properties: Mapping[str, Any], text: str) -> Runner:
    """The principal behind a refused mount; with a doubt where it cannot be told.

    :param properties: of the job's REST body.
    :param text: the refusal, which names the datastore: of a pipeline's steps, the one that uses it counts.
    """
    body = _step(properties, text)
    kind, named = asked_identity(body)
    computes, unread = _computes(hook, body)
    facts = WorkspaceFacts(
        hook.workspace.path,
        attached=(Principal("", named, ""),) if named else (),
        computes=computes,
        submitter=_submitter(hook) if kind in ("", "user") else None,
        unread=unread,
    )
    return runner_of(body, facts)


def _step(properties: Mapping[str, Any], text: str) -> Mapping[str, Any]:
    store = _STORE.search(text)
    steps = steps_of(properties)
    for step in steps:
        uris = [str(each.get("uri") or "") for each in (*step.inputs.values(), *step.outputs.values())]
        if store and any(f"datastores/{store[1]}/" in uri for uri in uris):
            return step.body
    return steps[0].body if steps else properties


def _computes(hook: AzureMLHook, body: Mapping[str, Any]) -> tuple[dict[str, Compute] | None, dict[str, str]]:
    """The job's own compute target; none where it is serverless."""
    name = str(body.get("computeId") or "").rstrip("/").rpartition("/")[2].removeprefix("azureml:")
    if not name:
        return {}, {}
    path = f"{hook.workspace.path}/computes/{name}"
    try:
        found = compute_record(hook.run(briefly(resource.get(hook.workspace.cloud, path))))
    except AzureMLError as error:
        return None, {"computes": f"compute {name} cannot be read ({getattr(error, 'status', error)})"}
    return {name: found}, {}


def _submitter(hook: AzureMLHook) -> Principal | None:
    try:
        who = hook.identity()
    except AzureMLError:
        return None
    return Principal(who.object_id, who.app_id)


def sentence(runner: Runner, doctor: str) -> str:
    """Who it is, for a person.

    :param doctor: the command that tells more.
    """
    if runner.principal is None:
        return f"{runner.doubt or 'who mounts is not known'}. More: {doctor}"
    remark = f" ({runner.remark})" if runner.remark else ""
    return f"the job runs and mounts as {described(runner.principal)}{remark}. More: {doctor}"
