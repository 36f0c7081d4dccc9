# SPDX-License-Identifier: Apache-2.0
"""What the service keeps: workspaces, datastores, runs; and the errors that it words."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from azure_sandbox.kernel.clock import iso
from azure_sandbox.kernel.errors import AzureError

Json = dict[str, Any]

PROVIDER = "Microsoft.MachineLearningServices"
#: Prefix of every action of the service.
ACTION = f"{PROVIDER}/workspaces"

TERMINAL = frozenset({"Completed", "Failed", "Canceled"})

ARTIFACT_STORE = "workspaceartifactstore"
BLOB_STORE = "workspaceblobstore"


#: Kinds of credentials that a datastore may store.
NO_CREDENTIALS, ACCOUNT_KEY, SAS, SERVICE_PRINCIPAL = "none", "account_key", "sas", "service_principal"


@dataclass(frozen=True)
class Credentials:
    """What a datastore stores, a copy that ages: a new account key is not known here.

    :param secret: the account key, the SAS, or the service principal's password
    """

    kind: str = NO_CREDENTIALS
    secret: str = field(default="", repr=False)
    client_id: str = ""
    tenant_id: str = ""


@dataclass(frozen=True)
class Datastore:
    """A named container.

    :param access_identity: ``serviceDataAccessAuthIdentity``: ``None``, or which identity of the workspace
        looks at the account's network before data is read
    :param subscription, group: where the account is said to be; empty where nobody said
    """

    name: str
    account: str
    container: str
    credentials: Credentials = Credentials()
    kind: str = "AzureBlob"
    access_identity: str = "None"
    subscription: str = ""
    group: str = ""
    description: str | None = None
    tags: dict[str, str] = field(default_factory=dict)

    @classmethod
    def from_document(cls, document: Json) -> Datastore:
        """:raises TypeError: for a member that a datastore does not have"""
        stored = document.get("credentials", NO_CREDENTIALS)
        credentials = Credentials(**stored) if isinstance(stored, dict) else Credentials(str(stored))
        return cls(**{**document, "credentials": credentials})


@dataclass(frozen=True)
class Compute:
    """A compute target.

    :param identities: its user-assigned identities, by seed name or ARM id; the first is what mounts
    :param system: whether it has a system-assigned identity
    """

    name: str
    type: str = "AmlCompute"
    identities: tuple[str, ...] = ()
    system: bool = True
    settings: Json = field(default_factory=dict)

    @classmethod
    def from_document(cls, document: Json) -> Compute:
        """Of the store, or of the seed: there ``identity`` is a name, several, or ``none``.

        :raises TypeError: for a member that a compute does not have
        """
        given = dict(document)
        if "identity" in given:
            named = given.pop("identity")
            names = [named] if isinstance(named, str) else list(named)
            given["system"] = names in ([""], [])
            given["identities"] = [name for name in names if name not in ("", "none")]
        return cls(**{**given, "identities": tuple(given.get("identities", ()))})


@dataclass(frozen=True)
class Workspace:
    """A workspace; ``scope`` is its ARM id in canonical spelling.

    :param identities: the user-assigned identities attached to it, by seed name or ARM id
    :param system: whether it has a system-assigned identity
    :param primary: the user-assigned identity that acts for it where it has no other
    """

    name: str
    group: str
    guid: str
    scope: str
    storage_account: str
    key_vault: str = ""
    identities: tuple[str, ...] = ()
    system_datastores_auth: str = "accesskey"
    computes: tuple[Compute, ...] = ()
    datastores: tuple[Datastore, ...] = ()
    system: bool = True
    primary: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    switches: Json = field(default_factory=dict)

    def datastore(self, name: str) -> Datastore | None:
        return next((store for store in self.datastores if store.name.lower() == name.lower()), None)

    def compute(self, name: str) -> Compute | None:
        return next((compute for compute in self.computes if compute.name.lower() == name.lower()), None)


@dataclass
class Run:
    """A job, a pipeline's step, or a run that MLflow made; all live in one name space.

    :param kind: ``job`` (made by PUT), ``child`` (a pipeline's step) or ``run`` (made through MLflow)
    :param body: the ``properties`` of the PUT, as they were sent
    :param run_identity: object id of the principal that the job runs as; empty where there is none
    :param step_identities: the same for each step of a pipeline
    :param outputs: name -> URI of each resolved output
    :param created, started, ended: seconds since the epoch
    """

    name: str
    workspace: str
    kind: str
    experiment: str
    body: Json
    created: float
    created_by: str = ""
    number: int = 0
    status: str = "NotStarted"
    display_name: str = ""
    description: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    properties: dict[str, str] = field(default_factory=dict)
    is_archived: bool = False
    parent: str = ""
    root: str = ""
    run_identity: str = ""
    step_identities: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)
    started: float | None = None
    ended: float | None = None
    error: Json | None = None
    process_id: int = 0

    @property
    def job_type(self) -> str:
        return str(self.body.get("jobType") or "Base")

    @property
    def over(self) -> bool:
        return self.status in TERMINAL

    @property
    def artifact_prefix(self) -> str:
        """Where logs and artifacts lie in the artifact store's container."""
        return f"ExperimentRun/dcid.{self.name}"

    def document(self) -> Json:
        return asdict(self)


def user_error(
    message: str,
    *,
    status: int = 400,
    inner: tuple[str, ...] = ("BadArgument",),
    parameters: dict[str, str] | None = None,
) -> AzureError:
    """The job service's error object: code UserError, the precise codes nested in additionalInfo."""
    nested: Json | None = None
    for code in reversed(inner):
        nested = {"code": code, "innerError": nested}
    info = [
        {"type": "ComponentName", "info": {"value": "managementfrontend"}},
        {"type": "InnerError", "info": {"value": nested}},
        {"type": "MessageParameters", "info": {"value": parameters or {}}},
    ]
    return AzureError(
        status, "UserError", message, body={"target": None, "details": [], "additionalInfo": info}
    )


def run_not_found(name: str) -> AzureError:
    return user_error(f"Run {name} was not found", status=404, inner=("NotFoundError",))


class JobFailure(Exception):
    """Why a run ended Failed, as Azure tells it.

    :param code: ``UserError`` or ``ServiceError``
    :param inner: the inner error's code
    """

    def __init__(self, message: str, *, code: str = "UserError", inner: str = "BadArgument") -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.inner = inner

    def document(self, location: str, now: float, correlation: str) -> Json:
        """The run-history error object that ``details.error`` carries."""
        error: Json = {
            "code": self.code,
            "severity": None,
            "message": self.message,
            "messageFormat": None,
            "messageParameters": {},
            "referenceCode": None,
            "detailsUri": None,
            "target": None,
            "details": [],
            "innerError": {"code": self.inner, "innerError": None},
            "debugInfo": None,
            "additionalInfo": None,
        }
        return {
            "error": error,
            "correlation": {"operation": correlation, "request": None},
            "environment": location,
            "location": location,
            "time": iso(now),
            "componentName": "execution-worker",
        }
