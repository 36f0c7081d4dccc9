# SPDX-License-Identifier: Apache-2.0
"""Reading what decides about a job's access, with few requests: kept for some minutes per process and identity.

The submitter asks Azure for its own permissions, which needs no right. Who runs the job is asked about by
its role assignments; the broker's identity may read them, a submitter mostly may not: then it is UNKNOWN.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Any, TypeVar

from airflow_provider_azureml.access.evaluate import grants_of
from airflow_provider_azureml.access.facts import Principal, WorkspaceFacts
from airflow_provider_azureml.access.needs import CompiledJob, Wanted, needs_of_job
from airflow_provider_azureml.access.roles import ROLES
from airflow_provider_azureml.access.survey import facts_of
from airflow_provider_azureml.access.verify import SUBMITTER, Held, Judged, judge, own, place_of, refused
from airflow_provider_azureml.errors import ServiceError
from airflow_provider_azureml.hooks.azureml import AzureMLHook
from airflow_provider_azureml.hooks.lake_acl import beside_roles
from airflow_provider_azureml.rest import authorization
from airflow_provider_azureml.rest.authorization import Assignment, RoleDefinition
from airflow_provider_azureml.rest.driver import Driver
from airflow_provider_azureml.rest.flow import Flow
from airflow_provider_azureml.rest.retry import Retry

T = TypeVar("T")
LIFE = 300.0
"""Seconds for which an answer is good enough; a refusal is never kept."""
ONE_LOOK = Retry(total=0.0, answers=1, silences=1)
"""No insisting: what a look does not find out, the job will."""
BUILT_IN = {
    role.guid: RoleDefinition(role.guid, role.guid, role.name, role.permissions)
    for role in ROLES.values()
    if role.is_built_in
}
"""Azure's own roles, as documented: they need no request."""


class Memory:
    """Answers of this process, each for LIFE seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[tuple[object, ...], tuple[float, Any]] = {}

    def ask(self, key: tuple[object, ...], ask: Callable[[], T]) -> T:
        """The answer as it is known, or asked for."""
        until, known = self._known.get(key, (0.0, None))
        if self._clock() < until:
            found: T = known
            return found
        answer = ask()
        self._known[key] = (self._clock() + LIFE, answer)
        return answer

    def clear(self) -> None:
        """Know nothing, as a new process."""
        self._known.clear()

    def forget(self, key: tuple[object, ...]) -> None:
        """Ask anew next time."""
        self._known.pop(key, None)


MEMORY = Memory()


class Verifier:
    """Judges jobs of one connection.

    :param hook: the submitter's.
    :param reader: who reads role assignments: the broker's hook, else the submitter's.
    """

    def __init__(self, hook: AzureMLHook, reader: AzureMLHook, memory: Memory = MEMORY) -> None:
        self.hook = hook
        self.reader = reader
        self._memory = memory
        self._me = (hook.azureml_conn_id, hook.settings.client_id, hook.settings.tenant_id)

    def judge(self, compiled: CompiledJob) -> list[Judged]:
        """Whether all that a job needs is allowed. Raises DeniedError when nobody can sign in."""
        wanted = needs_of_job(compiled, self.facts())
        held = {place: self._held(place) for place in _places(wanted)}
        judged = self._and_acls(judge(wanted, held))
        for each in refused(judged):
            self._memory.forget((*self._me, *place_of(each.wanted)))
        return judged

    def _and_acls(self, judged: list[Judged]) -> list[Judged]:
        """What no role gives, ACLs may. Read anew each time; where there is no answer, roles decide alone."""
        if not refused(judged):
            return judged
        try:
            with self.reader.new_driver(retry=ONE_LOOK) as driver:
                flow = beside_roles(self.reader.settings.cloud, judged)
                return driver.run(flow, self.reader.correlation_id)
        except ServiceError:
            return judged

    @cached_property
    def submitter(self) -> Principal:
        """The connection's identity, by its own token."""
        who = self.hook.identity()
        return Principal(who.object_id, who.app_id)

    def facts(self) -> WorkspaceFacts:
        """What the workspace says about itself."""
        workspace = self.hook.workspace

        def ask() -> WorkspaceFacts:
            with self.hook.new_driver(retry=ONE_LOOK) as driver:
                return driver.run(facts_of(workspace, self.submitter), self.hook.correlation_id)

        return self._memory.ask((*self._me, "facts", workspace.path), ask)

    def _held(self, place: tuple[str, str]) -> Held:
        who, scope = place

        def ask() -> Held:
            is_own = who in (SUBMITTER, self.submitter.object_id.lower())
            hook = self.hook if is_own else self.reader
            try:
                with hook.new_driver(retry=ONE_LOOK) as driver:
                    return self._own(driver, scope) if is_own else self._of(driver, who, scope)
            except ServiceError as error:
                return Held(problem=f"its role assignments could not be read ({error.status} {error.code})")

        return self._memory.ask((*self._me, who, scope), ask)

    def _own(self, driver: Driver, scope: str) -> Held:
        cloud = self.hook.settings.cloud
        return own(scope, driver.run(authorization.permissions(cloud, scope), self.hook.correlation_id))

    def _of(self, driver: Driver, principal: str, scope: str) -> Held:
        cloud, correlation = self.reader.settings.cloud, self.reader.correlation_id
        found = driver.run(authorization.assignments_below(cloud, scope, principal), correlation)
        roles = dict(BUILT_IN)
        for each in found:
            if each.role_guid not in roles:
                roles.update(self._role(driver, each))
        denies = self._denies(driver, scope)
        unread = [each.scope for each in found if each.role_guid not in roles]
        return Held(grants_of(found, roles), denies, unread=unread)

    def _role(self, driver: Driver, of: Assignment) -> dict[str, RoleDefinition]:
        """A role of somebody's own, as its assignment names it; empty when it cannot be read."""
        flow: Flow[dict[str, RoleDefinition]] = authorization.definitions_of(self.reader.settings.cloud, [of])
        return self._memory.ask(("role", of.role_id.lower()), lambda: driver.run(flow))

    def _denies(self, driver: Driver, scope: str) -> list[Any]:
        """Deny assignments are rare, and mostly the platform's own; unread ones make nobody guess."""
        flow = authorization.denies_at(self.reader.settings.cloud, scope)
        try:
            return self._memory.ask(("denies", *self._me, scope), lambda: driver.run(flow))
        except ServiceError:
            return []


def _places(wanted: Iterable[Wanted]) -> Iterator[tuple[str, str]]:
    known = [place_of(each) for each in wanted if not (each.secret or each.doubt)]
    return iter(dict.fromkeys(place for place in known if all(place)))
