# SPDX-License-Identifier: Apache-2.0
"""What a job needs, inferred from its definition: of its submitter, and of the identity that it runs as.

What cannot be inferred is not guessed. Code of a `@task` that opens a lake or a vault by a hook, and code
inside a job that does more than its inputs and outputs say, leave no trace in a definition: the manifest
declares their access by hand. What was looked at and not understood is a `Wanted` with a `doubt`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from airflow_provider_azureml.access.evaluate import Need
from airflow_provider_azureml.access.facts import WorkspaceFacts
from airflow_provider_azureml.access.place import Place, default_place, place_of, secrets_in
from airflow_provider_azureml.access.run_identity import Runner, runner_of
from airflow_provider_azureml.access.step import steps_of

ML = "Microsoft.MachineLearningServices/workspaces"
ASSIGN = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action"
BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
SECRETS = "Microsoft.KeyVault/vaults/secrets"

SUBMITTER, REGISTRAR, ROTATOR = "AML Job Submitter", "AML Model Registrar", "Key Vault Secret Rotator"
OPERATOR, SECRETS_USER = "Managed Identity Operator", "Key Vault Secrets User"
READER, CONTRIBUTOR = "Storage Blob Data Reader", "Storage Blob Data Contributor"

_SUBMIT = ("read", "jobs/read", "jobs/write", "jobs/cancel/action", "datastores/read")
_WATCH = ("experiments/runs/read", "experiments/runs/write", "metadata/artifacts/read")
_CODE = ("codes/versions/read", "codes/versions/write")
_ENVIRONMENT = ("environments/versions/read", "environments/versions/write")
_REGISTER = ("read", "jobs/read", "experiments/runs/read", "models/versions/read", "models/versions/write")
_OPERATORS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "AzureMLRegisterModelOperator": (_REGISTER, "registers a model", REGISTRAR),
    "AzureMLReaperOperator": (
        ("jobs/read", "jobs/cancel/action", "experiments/runs/read", "experiments/runs/write"),
        "cancels jobs that no task answers for",
        SUBMITTER,
    ),
    "AzureMLJobSensor": (("jobs/read", "experiments/runs/read"), "watches a job", SUBMITTER),
    "AzureMLChildJobSensor": (("jobs/read", "experiments/runs/read"), "watches a job", SUBMITTER),
    "AzureMLComputeSensor": (("computes/read",), "watches a compute", SUBMITTER),
    "AzureMLDataSensor": (("data/versions/read",), "watches a data asset", SUBMITTER),
    "AzureMLModelSensor": (("models/versions/read",), "watches a model", REGISTRAR),
}
_READS = (("read", ""), ("read", "Blob.List"))
_WRITES = (*_READS, *((action, "") for action in ("write", "add/action", "delete", "move/action")))
"""Actions with their suboperation, which conditions tell apart."""
_ROTATES = ("getSecret/action", "readMetadata/action", "setSecret/action", "update/action")


@dataclass(frozen=True)
class Wanted:
    """One thing that somebody must be allowed to do.

    :param who: whose it is: the connection's identity, or the job's.
    :param need: empty scope with a `doubt` where the place is not known.
    :param why: what of the definition asks for it, for a person.
    :param role: the least role that gives it; empty where no role does.
    :param principal: object id of who it is, empty where the facts do not tell.
    :param secret: the kind of credentials that a datastore stores: no identity counts there.
    :param doubt: why this cannot be judged.
    :param uri: the data that it is about, as the definition has it.
    """

    who: Literal["submitter", "run"]
    need: Need
    why: str
    role: str
    principal: str = ""
    secret: str = ""
    doubt: str = ""
    uri: str = ""


class CompiledJob(Protocol):
    """What is used of `spec.compiled.Compiled`."""

    @property
    def properties(self) -> Mapping[str, Any]:
        """The `properties` of the REST body."""

    @property
    def code(self) -> Any:
        """The local folder that is uploaded, or None."""

    @property
    def environment(self) -> Any:
        """The environment that is created, or None."""


def needs_of_job(compiled: CompiledJob, facts: WorkspaceFacts) -> list[Wanted]:
    """All that a job needs; the submitter's first, each thing once."""
    found = [*_submission(compiled, facts)]
    for step in steps_of(compiled.properties):
        runner = runner_of(step.body, facts)
        found += _assignment(step.name, runner, facts)
        for name, binding in step.inputs.items():
            found += _input(f"input '{name}'", binding, runner, facts)
        for name, binding in step.outputs.items():
            found += _output(f"output '{name}'", binding, runner, facts)
        found += _secrets(step.body, runner, facts)
    return list({_key(each): each for each in found}.values())


def needs_of_operator(name: str, facts: WorkspaceFacts) -> list[Wanted]:
    """What our operators and sensors without a job of their own ask, by the name of their class; none for others."""
    actions, why, role = _OPERATORS.get(name, ((), "", ""))
    return _workspace(actions, why, role, facts)


def needs_of_rotation(vault_scope: str, name: str) -> list[Wanted]:
    """What rotating a secret asks in its vault. Entra asks for more, which no role gives: the Graph
    permission Application.ReadWrite.OwnedBy, and to own the application."""
    scope = f"{vault_scope}/secrets/{name}" if vault_scope else ""
    doubt = "" if scope else "the vault was not found in the subscription"
    why = f"rotates secret '{name}'"
    return [
        Wanted("submitter", Need(f"{SECRETS}/{action}", scope, data=True), why, ROTATOR, doubt=doubt)
        for action in _ROTATES
    ]


def needs_of_data(
    who: Literal["submitter", "run"], access: str, place: Place, why: str, principal: str = ""
) -> list[Wanted]:
    """What reading, or reading and writing, below a place asks.

    :param access: `read` or `write`.
    """
    role, actions = (CONTRIBUTOR, _WRITES) if access == "write" else (READER, _READS)
    return [
        Wanted(
            who, _blob_need(place, action, kind), why, role, principal, place.secret, place.doubt, place.uri
        )
        for action, kind in actions
        if place.is_folder or not kind
    ]


def _blob_need(place: Place, action: str, suboperation: str) -> Need:
    """One data action below a place; what is listed has a prefix, everything else a path."""
    attributes = {
        "container": place.container,
        "suboperation": suboperation,
        "prefix" if suboperation else "path": place.known_path,
    }
    return Need(f"{BLOBS}/{action}", place.scope, data=True, attributes=attributes)


def _submission(compiled: CompiledJob, facts: WorkspaceFacts) -> Iterator[Wanted]:
    submitter = facts.submitter.object_id if facts.submitter else ""
    yield from _workspace((*_SUBMIT, *_WATCH), "submits and watches the job", SUBMITTER, facts, submitter)
    if compiled.code is not None:
        yield from _workspace(_CODE, "uploads its code", SUBMITTER, facts, submitter)
    if compiled.environment is not None:
        yield from _workspace(_ENVIRONMENT, "creates its environment", SUBMITTER, facts, submitter)
    if any(step.body.get("computeId") for step in steps_of(compiled.properties)):
        yield from _workspace(("computes/read",), "names a compute", SUBMITTER, facts, submitter)


def _workspace(
    actions: tuple[str, ...], why: str, role: str, facts: WorkspaceFacts, principal: str = ""
) -> list[Wanted]:
    return [
        Wanted("submitter", Need(f"{ML}/{action}", facts.scope), why, role, principal) for action in actions
    ]


def _assignment(step: str, runner: Runner, facts: WorkspaceFacts) -> Iterator[Wanted]:
    """Naming an identity needs the right to assign it: without, LinkedAuthorizationFailed."""
    if not runner.named:
        return
    scope = runner.principal.resource_id if runner.principal else ""
    doubt = "" if scope else runner.doubt or "the ARM id of the identity is not known"
    submitter = facts.submitter.object_id if facts.submitter else ""
    where = f" of step '{step}'" if step else ""
    why = f"names the run identity{where}"
    yield Wanted("submitter", Need(ASSIGN, scope), why, OPERATOR, submitter, doubt=doubt)


def _input(what: str, binding: Mapping[str, Any], runner: Runner, facts: WorkspaceFacts) -> list[Wanted]:
    uri = str(binding.get("uri") or "")
    if not uri:
        return []
    access = "write" if binding.get("mode") == "ReadWriteMount" else "read"
    is_file = binding.get("jobInputType") == "uri_file"
    return _data(access, f"{what} {access}s {uri}", place_of(uri, facts, is_folder=not is_file), runner)


def _output(what: str, binding: Mapping[str, Any], runner: Runner, facts: WorkspaceFacts) -> list[Wanted]:
    uri = str(binding.get("uri") or "")
    place = place_of(uri, facts) if uri else default_place(facts)
    return _data("write", f"{what} writes {place.uri}", place, runner)


def _data(access: str, why: str, place: Place, runner: Runner) -> list[Wanted]:
    principal = runner.principal.object_id if runner.principal else ""
    found = needs_of_data("run", access, place, why, principal)
    if place.secret or place.doubt or not runner.doubt:
        return found
    return [replace(each, doubt=runner.doubt) for each in found]


def _secrets(body: Mapping[str, Any], runner: Runner, facts: WorkspaceFacts) -> Iterator[Wanted]:
    """Secrets whose addresses stand in environment variables, literals, arguments or the command."""
    principal = runner.principal.object_id if runner.principal else ""
    for text in _texts(body):
        for secret in secrets_in(text, facts):
            why = f"reads secret '{secret.name}' of vault '{secret.vault}'"
            doubt = runner.doubt or ("" if secret.scope else f"vault '{secret.vault}' was not found")
            for action in ("getSecret/action", "readMetadata/action"):
                need = Need(f"{SECRETS}/{action}", secret.scope, data=True)
                yield Wanted("run", need, why, SECRETS_USER, principal, doubt=doubt)


def _texts(body: Mapping[str, Any]) -> Iterator[str]:
    yield from map(str, (body.get("environmentVariables") or {}).values())
    yield from map(str, (body.get("environment_variables") or {}).values())
    yield from (str(each.get("value") or "") for each in (body.get("inputs") or {}).values() if each)
    yield from (str(body.get(name) or "") for name in ("command", "args"))


def _key(wanted: Wanted) -> tuple[object, ...]:
    need = wanted.need
    place = tuple(sorted(need.attributes.items()))
    return wanted.who, wanted.principal, need.action, need.scope.lower(), place, wanted.doubt
