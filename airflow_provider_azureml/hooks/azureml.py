# SPDX-License-Identifier: Apache-2.0
"""The hook of every Azure ML operator: an Airflow connection becomes an identity and a driver."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_azureml import connection, form
from airflow_provider_azureml.access.diagnose import Finding, diagnose
from airflow_provider_azureml.access.evaluate import Verdict
from airflow_provider_azureml.audit.event import DIAGNOSIS, diagnosis
from airflow_provider_azureml.audit.recorder import Recorder, Tell
from airflow_provider_azureml.compat import BaseHook, aget_connection, looked_up, mask_secret
from airflow_provider_azureml.connection import Settings
from airflow_provider_azureml.errors import AzureMLError, ConfigurationError, ServiceError, UnreachableError
from airflow_provider_azureml.hooks.capability import READ_WORKSPACE, SIGN_IN, Capability, capabilities
from airflow_provider_azureml.hooks.namespace import refuse_foreign, uses_of
from airflow_provider_azureml.hooks.recording import LastAnswer, recorder_for
from airflow_provider_azureml.hooks.session import Session, shared_session, workspace_of
from airflow_provider_azureml.identity import resolver
from airflow_provider_azureml.identity.claims import Identity
from airflow_provider_azureml.identity.how import described
from airflow_provider_azureml.rest.azure_error import translate
from airflow_provider_azureml.rest.driver import Driver
from airflow_provider_azureml.rest.flow import Flow, Request
from airflow_provider_azureml.rest.retry import Retry
from airflow_provider_azureml.rest.workspace import Workspace

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

T = TypeVar("T")
_WORKSPACE_FIELDS = ("subscription_id", "resource_group", "workspace_name")


class AzureMLHook(BaseHook):
    """Runs flows as the identity of a connection.

    :param azureml_conn_id: the connection.
    :param correlation_id: one GUID per task try; Azure's activity log shows it.
    :param task_instance: on whose behalf, where it is not the task that this process runs: in a trigger.
    """

    conn_name_attr = "azureml_conn_id"
    default_conn_name = "azureml_default"
    conn_type = connection.CONN_TYPE
    hook_name = "Azure Machine Learning"

    def __init__(
        self,
        azureml_conn_id: str = default_conn_name,
        correlation_id: str = "",
        task_instance: Any = None,
    ) -> None:
        super().__init__()
        self.azureml_conn_id = azureml_conn_id
        self.correlation_id = correlation_id
        self.task_instance = task_instance
        self._recorders: dict[Settings, Recorder | None] = {}

    @cached_property
    def settings(self) -> Settings:
        """The connection, checked. Raises ConfigurationError, too where the running task's namespace forbids it."""
        return self._read()

    def _read(self) -> Settings:
        settings = _settings(self.get_connection(self.azureml_conn_id))
        refuse_foreign(uses_of(settings))
        return settings

    def _reread(self) -> Settings:
        """The connection as it is now; as it was when Airflow does not give it just now."""
        try:
            with looked_up(self.azureml_conn_id):
                return self._read()
        except AzureMLError as error:
            self.log.warning("The connection could not be read again, so the old settings stay: %s", error)
            return self.settings

    @cached_property
    def workspace(self) -> Workspace:
        """The connection's workspace (sync code only; in a trigger: `await hook.aworkspace()`)."""
        self.settings.require(*_WORKSPACE_FIELDS)
        return workspace_of(self.settings)

    @property
    def credential(self) -> TokenCredential:
        """The identity, for Azure's own packages."""
        quieten_azure()
        return resolver.credential(self.settings, mask_secret)

    @cached_property
    def driver(self) -> Driver:
        """What runs flows; its connections close with the hook."""
        return self.new_driver()

    def new_driver(self, tell: Tell | None = None, **options: Any) -> Driver:
        """Another driver as the same identity, recorded like every other; the caller closes it.

        :param tell: is given the lines about what is recorded, where they may not be logged at once.
        :param options: of `Driver`: `retry`, for one.
        """
        recorder = self.recorder(self.settings)

        def renew() -> TokenCredential:
            resolver.forget(self.settings)
            self.settings = self._reread()  # the secret in it may have been rotated
            return self.credential

        return Driver(
            self.credential,
            self.settings.cloud,
            renew=renew,
            mask=mask_secret,
            observer=replace(recorder, tell=tell) if recorder and tell else recorder,
            **options,
        )

    def recorder(self, settings: Settings) -> Recorder | None:
        """Who writes down what is done with this connection; None when `[azureml] audit` is `off`.

        Raises ConfigurationError for a setting that is none.
        """
        if settings not in self._recorders:
            self._recorders[settings] = recorder_for(settings, self.task_instance, self._tell)
        return self._recorders[settings]

    def note(self, action: str, resource: str, detail: Mapping[str, str]) -> None:
        """Write into the audit log what no request says."""
        recorder = self.recorder(self.settings)
        if recorder:
            recorder.note(action, resource, detail, self.correlation_id)

    def record_finding(self, finding: Finding, job_name: str = "") -> None:
        """Keep what a refusal meant, for the page and the audit trail; never an error of its own."""
        try:
            resource = f"{self.workspace.path}/jobs/{job_name}" if job_name else ""
            self.note(DIAGNOSIS, resource, diagnosis(finding.plane, finding.cause, finding.mend))
        except AzureMLError as error:  # the connection itself is what is refused: its own error says so
            self.log.debug("No record of what the refusal means: %s", error)

    def _tell(self, level: int, text: str) -> None:
        self.log.log(level, "%s", text)

    @contextmanager
    def recorded(self, request: Request, **token: Any) -> Iterator[Callable[[Any], None]]:
        """Record one operation of Azure's own packages; the body raises ServiceError for their errors.

        Gives the `raw_response_hook` for their client. Raises AzureMLError before the body.

        :param request: what the operation comes down to; it is not sent.
        :param token: options with which that client asks for its token: it finds this one in the cache.
        """
        recorder = self.recorder(self.settings)
        watch = recorder.watch(request, self.correlation_id) if recorder else None
        answers = LastAnswer()
        if watch is None:
            yield answers
            return
        watch.intend(self._cached_token(request.scope or "", **token))
        try:
            yield answers
        except ServiceError as error:
            watch.conclude(error, None)
            watch.report()
            raise
        watch.conclude(answers.response, None)
        watch.report()

    def _cached_token(self, scope: str, **options: Any) -> str:
        """What the client is about to send; empty when nobody can be signed in, which it then says."""
        from azure.core.exceptions import AzureError

        try:
            return self.credential.get_token(scope, **options).token
        except AzureError:
            return ""

    def get_conn(self) -> Driver:
        """Airflow's name for the driver."""
        return self.driver

    def run(self, flow: Flow[T]) -> T:
        """Drive a flow to its end."""
        return self.driver.run(flow, self.correlation_id)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Session]:
        """Keep the session of this connection and event loop open for the time of the block."""
        async with shared_session(self.azureml_conn_id).use(self._aload, mask_secret) as session:
            yield session

    async def aworkspace(self) -> Workspace:
        """The workspace, looked up once per event loop and connection."""
        async with self.opened() as session:
            session.settings.require(*_WORKSPACE_FIELDS)
            return session.workspace

    async def arun(self, flow: Flow[T], retry: Retry | None = None) -> T:
        """Drive a flow to its end in an event loop.

        :param retry: how long to insist, when not as long as usual.

        Wrap repeated calls in `async with hook.opened():`, which keeps one session open for all
        users of the same connection in this loop and closes it when the last one leaves.
        """
        async with self.opened() as session:
            observer = self.recorder(session.settings)
            return await session.driver.run(flow, self.correlation_id, observer, retry)

    def identity(self) -> Identity:
        """Sign in and say who we are, from the token's own claims. Raises DeniedError."""
        from azure.core.exceptions import AzureError

        try:
            token = self.credential.get_token(self.settings.cloud.arm_scope).token
        except AzureError as error:
            raise translate(error, f"sign in as connection '{self.azureml_conn_id}'") from error
        mask_secret(token)
        return Identity.of(token)

    def test_connection(self) -> tuple[bool, str]:
        """Sign in, and say who we became and how, and then one line for each thing that we can do."""
        try:
            who = self.identity()
        except AzureMLError as error:
            verdict: Verdict = "UNKNOWN" if isinstance(error, UnreachableError) else "DENIED"
            return False, _explained(str(Capability(SIGN_IN, verdict, str(error))))
        signed_in = (
            f"Signed in, {described(self.settings)}: tenant {who.tenant_id}, "
            f"application {who.app_id}, object id {who.object_id}"
        )
        lines = [Capability(SIGN_IN, "ALLOWED", f"as {who.object_id}"), *capabilities(self)]
        text = "\n".join([signed_in, *map(str, lines)])
        denied = [line for line in lines if line.name == READ_WORKSPACE and line.verdict != "ALLOWED"]
        return not denied, _explained(text) if denied else text

    async def _aload(self) -> Settings:
        quieten_azure()
        return _settings(await aget_connection(self.azureml_conn_id))

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """The form of Airflow 2.11; later ones read `conn-fields` and never call this."""
        from flask_appbuilder.fieldwidgets import BS3TextFieldWidget
        from wtforms import StringField

        return {
            name: StringField(field.label, description=field.description, widget=BS3TextFieldWidget())
            for name, field in form.form().items()
        }

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Which of Airflow's own fields the form shows, and as what."""
        return {
            "hidden_fields": list(form.HIDDEN_FIELDS),
            "relabeling": dict(form.RELABELING),
            "placeholders": {},
        }


def _explained(text: str) -> str:
    finding = diagnose(text)
    return finding.beside(text) if finding else text


def quieten_azure() -> None:
    """Keep task logs readable: Azure's packages write each request with its headers at INFO, and warn
    of each refused sign-in, which we raise with the same text.

    Who wants to see that sets the levels of these loggers in Airflow's logging configuration.
    """
    for name, level in (("azure", logging.WARNING), ("azure.identity", logging.ERROR)):
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:
            logger.setLevel(level)


def _settings(found: Any) -> Settings:
    extra = found.extra_dejson
    if not isinstance(extra, Mapping):
        where, mend = f"connection '{found.conn_id}', extra", 'Write it like {"auth": "..."}.'
        raise ConfigurationError(where, "is no JSON object.", mend)
    return connection.parse(found.conn_id, found.conn_type, found.login, found.password, found.host, extra)
