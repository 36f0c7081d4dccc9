# SPDX-License-Identifier: Apache-2.0
"""What the rotation operator does, apart from it so that no parse of a DAG pays for it."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from airflow_provider_azureml.errors import ConfigurationError
from airflow_provider_azureml.hooks.keyvault import AzureKeyVaultHook
from airflow_provider_azureml.hooks.service_principal_secret import RotationWorld
from airflow_provider_azureml.rotation.plan import (
    PREFIX,
    DisableVersion,
    Done,
    RemovePassword,
    Step,
    Wait,
    rotation_id,
)
from airflow_provider_azureml.rotation.service_principal_secret import Proof, Rotation, advance
from airflow_provider_azureml.triggers.moment import AzureMLMomentTrigger

if TYPE_CHECKING:
    from airflow_provider_azureml.operators.rotation import AzureMLRotateSecretOperator

SLICE = 0.5
"""Seconds that a waiting worker sleeps at a time, so that SIGTERM is noticed at once."""


def rotate(task: AzureMLRotateSecretOperator, context: Any) -> dict[str, Any]:
    """Do what is due, wait for the end of the overlap, do the rest; returns the task's result."""
    world = make_world(task)
    rotation = rotation_of(task, world.hook.vault_url, context["ti"])
    while isinstance(state := advance(world, rotation, lambda step: _note(task, step)), Wait):
        if task.deferrable:
            trigger = AzureMLMomentTrigger(moment=state.until.timestamp())
            task.defer(trigger=trigger, method_name="proceed")
        world.pause((state.until - datetime.now(timezone.utc)).total_seconds())
    return _result(task, state, world)


def make_world(task: AzureMLRotateSecretOperator) -> RotationWorld:
    """Key Vault, and Graph as the same identity."""
    hook = AzureKeyVaultHook(task.azureml_conn_id, vault_url=task.vault_url)

    def sleep(seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            task.unless_killed()
            time.sleep(min(left, SLICE))

    return RotationWorld(hook, task.application_id, task.secret_name, sleep)


def rotation_of(task: AzureMLRotateSecretOperator, vault_url: str, ti: Any) -> Rotation:
    """What to rotate. The occasion is the task instance, so every try and clear of it is the same."""
    if not 0 <= task.overlap < task.valid_for:
        mend = "Make it at least 0, and shorter than valid_for."
        raise ConfigurationError("overlap", f"{task.overlap} does not fit.", mend)
    occasion = "|".join((ti.dag_id, ti.run_id, ti.task_id, str(ti.map_index)))
    return Rotation(
        app_id=task.application_id,
        rid=rotation_id(task.application_id, vault_url, task.secret_name, occasion),
        overlap=timedelta(seconds=task.overlap),
        valid_for=timedelta(seconds=task.valid_for),
        proof=Proof(interval=task.poll_interval),
    )


def _note(task: AzureMLRotateSecretOperator, step: Step) -> None:
    """One line per step, for the person who reads the task's log."""
    if isinstance(step, Wait):
        task.log.info("Old and new secret both work until %s", step.until.isoformat())
    elif isinstance(step, RemovePassword):
        task.log.info("Removing password %s: %s", step.key_id, step.reason)
    elif isinstance(step, DisableVersion):
        task.log.info("Disabling version %s: %s", step.version, step.reason)
    elif isinstance(step, Done):
        task.log.info("The latest version is %s", step.current.version)
    else:
        task.log.info("Making a password, proving it, publishing it after version %s", step.previous)


def _result(task: AzureMLRotateSecretOperator, done: Done, world: RotationWorld) -> dict[str, Any]:
    foreign = [item.key_id for item in world.passwords() if not item.display_name.startswith(PREFIX)]
    if foreign:
        task.log.warning("Passwords that no rotation made stay as they are: %s", ", ".join(foreign))
    return {
        "vault_url": world.hook.vault_url,
        "secret_name": task.secret_name,
        "version": done.current.version,
        "key_id": done.current.key_id,
        "created_at": done.current.created_at.isoformat(),
        "foreign_key_ids": foreign,
    }
