# SPDX-License-Identifier: Apache-2.0
"""What a connection can do here and now: one line per capability, for the button that tests a connection.

Each line is a question that was really asked. A refusal of the question itself is UNKNOWN, never DENIED:
who may not list containers may still read one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from airflow_provider_azureml.access.evaluate import Grant, Need, Verdict, evaluate
from airflow_provider_azureml.access.roles import ML
from airflow_provider_azureml.errors import AzureMLError, DeniedError, NotFoundError, ServiceError
from airflow_provider_azureml.rest import authorization
from airflow_provider_azureml.rest import workspace as workspace_flows
from airflow_provider_azureml.rest.flow import STORAGE_SCOPE, STORAGE_VERSION, Flow, Request, expect
from airflow_provider_azureml.rest.retry import Retry

if TYPE_CHECKING:
    from airflow_provider_azureml.hooks.azureml import AzureMLHook

T = TypeVar("T")
_SOON = Retry(total=15.0, answers=3, silences=2)
"""A person waits for the answer."""
SIGN_IN = "sign in to ARM"
READ_WORKSPACE = "read the workspace"
JOB_ACTIONS = {"submit jobs": f"{ML}/jobs/write", "cancel jobs": f"{ML}/jobs/cancel/action"}
_FIREWALLS = ("AuthorizationFailure", "ForbiddenByFirewall", "ForbiddenByConnection")


@dataclass(frozen=True)
class Capability:
    """One thing that the identity can do, cannot do, or about which nothing is known."""

    name: str
    verdict: Verdict
    reason: str

    def __str__(self) -> str:
        return f"{self.verdict:<8} {self.name}: {self.reason}"


def capabilities(hook: AzureMLHook) -> Iterator[Capability]:
    """The lines after "signed in", for what the connection names: workspace, jobs, lake, vault."""
    if hook.settings.workspace_name:
        yield _workspace(hook)
        yield from _jobs(hook)
    if hook.settings.account_url:
        yield _listed("list the lake's containers", hook, _containers(hook.settings.account_url))
    if hook.settings.vault_url:
        url, scope = hook.settings.vault_url, hook.settings.cloud.vault_scope
        yield _listed("list the vault's secrets", hook, _secrets(url, scope))


def _ask(hook: AzureMLHook, flow: Flow[T]) -> T:
    return hook.driver.run(flow, hook.correlation_id, _SOON)


def _workspace(hook: AzureMLHook) -> Capability:
    name = READ_WORKSPACE
    try:
        found = _ask(hook, workspace_flows.get(hook.workspace))
    except (DeniedError, NotFoundError) as error:
        return Capability(name, "DENIED", _reason(error))
    except AzureMLError as error:
        return Capability(name, "UNKNOWN", str(error))
    return Capability(name, "ALLOWED", f"{hook.workspace.name} is in {found.location}")


def _jobs(hook: AzureMLHook) -> Iterator[Capability]:
    """By ARM's list of the caller's own permissions, which shows neither conditions nor denies."""
    try:
        scope = hook.workspace.path
        held = _ask(hook, authorization.permissions(hook.workspace.cloud, scope))
    except AzureMLError as error:
        for name in JOB_ACTIONS:
            yield Capability(name, "UNKNOWN", f"ARM did not tell our permissions: {error}")
        return
    for name, action in JOB_ACTIONS.items():
        yield job_capability(name, action, scope, held)


def job_capability(
    name: str, action: str, scope: str, held: tuple[authorization.Permission, ...]
) -> Capability:
    """Whether the permissions that ARM told allow an action on the workspace."""
    grant = Grant("permissions", "", "", "", scope, held)
    decision = evaluate(Need(action, scope), [grant])
    reasons = {
        "ALLOWED": f"a role allows {action}",
        "DENIED": f"no role allows {action}",
    }
    return Capability(name, decision.verdict, reasons.get(decision.verdict, decision.reason))


def _containers(account_url: str) -> Flow[None]:
    url = f"{account_url}/?resource=account&maxResults=1"
    expect((yield Request("GET", url, scope=STORAGE_SCOPE, headers={"x-ms-version": STORAGE_VERSION})), 200)


def _secrets(vault_url: str, scope: str) -> Flow[None]:
    expect((yield Request("GET", f"{vault_url}/secrets?api-version=7.4&maxresults=1", scope=scope)), 200)


def _listed(name: str, hook: AzureMLHook, flow: Flow[None]) -> Capability:
    try:
        _ask(hook, flow)
    except NotFoundError as error:
        return Capability(name, "DENIED", _reason(error))
    except DeniedError as error:
        return refused(name, error)
    except AzureMLError as error:
        return Capability(name, "UNKNOWN", str(error))
    return Capability(name, "ALLOWED", "it answered")


def refused(name: str, error: DeniedError) -> Capability:
    """A firewall, or a token that is not taken, refuses everything; a missing role only the list."""
    if error.status == 401 or any(word in f"{error.code} {error.message}" for word in _FIREWALLS):
        return Capability(name, "DENIED", _reason(error))
    narrower = "a role on a single one of them would not show here"
    return Capability(name, "UNKNOWN", f"{_reason(error)}; {narrower}")


def _reason(error: ServiceError) -> str:
    """On one line: the others of Storage and Key Vault repeat it, with ids and the time."""
    first = next(iter(error.message.splitlines()), "")
    return f"{error.status} {error.code}: {first}"
