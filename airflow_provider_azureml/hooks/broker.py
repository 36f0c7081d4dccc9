# SPDX-License-Identifier: Apache-2.0
"""Who grants: a connection of its own, whose identity may assign some roles to some principals and no more.

Never the job's own identity: what could grant itself anything would need no grant.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from airflow_provider_azureml.access import leasing
from airflow_provider_azureml.access.grant import STANDING
from airflow_provider_azureml.access.leasing import DELETED, NOT_HELD, Desk, Held
from airflow_provider_azureml.access.roles import ROLES
from airflow_provider_azureml.compat import configured
from airflow_provider_azureml.errors import ConfigurationError
from airflow_provider_azureml.hooks.azureml import AzureMLHook
from airflow_provider_azureml.hooks.deployment import deployment_id
from airflow_provider_azureml.rest import authorization
from airflow_provider_azureml.rest.assignment import Grant, Made
from airflow_provider_azureml.rest.lease import folder_url

CONTAINER = "airflow-leases"
ASSIGNMENT, SCHEDULE = WAYS = ("assignment", "schedule")
"""How to grant: a plain role assignment, which the reaper ends at the latest; or PIM's, which Azure ends."""
_FIELDS = ("principal_id", "role", "scope", "condition")


def broker_conn_id(given: str = "") -> str:
    """The connection that grants: as given, else `[azureml] broker_conn_id`. Raises ConfigurationError."""
    found = given or configured("azureml", "broker_conn_id")
    if not found:
        mend = (
            "Set AIRFLOW__AZUREML__BROKER_CONN_ID to a connection whose identity may assign roles "
            "(docs/how-to/just-in-time.md), or pass azureml_conn_id."
        )
        raise ConfigurationError("[azureml] broker_conn_id", "is missing: nobody may grant.", mend)
    return found


class Broker:
    """Leases grants, and gives them back.

    :param hook: of the broker's connection; its `account_url` has the container of the leases.
    :param way: `assignment` or `schedule`.
    :param justification: why, for PIM's own log.
    """

    def __init__(self, hook: AzureMLHook, way: str = ASSIGNMENT, justification: str = "") -> None:
        if way not in WAYS:
            raise ConfigurationError("through", f"'{way}' is unknown.", f"Choose one of: {', '.join(WAYS)}.")
        self.hook = hook
        self._way = way
        self._justification = justification

    @cached_property
    def desk(self) -> Desk:
        """Where its leases are. Raises ConfigurationError, or DeniedError when it cannot sign in."""
        settings = self.hook.settings
        settings.require("account_url")
        container = configured("azureml", "lease_container") or CONTAINER
        return Desk(
            cloud=settings.cloud,
            folder=folder_url(settings.account_url, container),
            deployment=deployment_id(),
            broker=self.hook.identity().object_id,
            is_scheduled=self._way == SCHEDULE,
            justification=self._justification,
        )

    def grant_of(self, given: Mapping[str, Any]) -> Grant:
        """A grant as a person writes it; the role by its name or GUID. Raises ConfigurationError."""
        unknown = sorted(set(given) - set(_FIELDS))
        missing = [name for name in _FIELDS[:3] if not given.get(name)]
        if unknown or missing:
            what = f"has no '{missing[0]}'." if missing else f"has an unknown field '{unknown[0]}'."
            raise ConfigurationError("grants", f"A grant {what}", f"A grant has: {', '.join(_FIELDS)}.")
        scope = str(given["scope"]).rstrip("/")
        if not scope.lower().startswith("/subscriptions/"):
            raise ConfigurationError(
                "grants: scope", f"'{scope}' is no ARM id.", "Begin with /subscriptions/."
            )
        role, name = self._role(scope, str(given["role"]))
        return Grant(_guid(str(given["principal_id"])), role, scope, str(given.get("condition") or ""), name)

    def _role(self, scope: str, named: str) -> tuple[str, str]:
        """GUID and name of a role."""
        try:
            return str(uuid.UUID(named)), named
        except ValueError:
            known = ROLES.get(named)
        if known and known.is_built_in:
            return known.guid, named
        found = self.hook.run(authorization.role_named(self.hook.settings.cloud, scope, named))
        if found is None:
            mend = "See: az role definition list --query '[].roleName'"
            raise ConfigurationError("grants: role", f"'{named}' does not exist at {scope}.", mend)
        return found.guid, named

    def take(self, grant: Grant, holder: str, token: str, seconds: float) -> Held:
        """Lease one; raises DeniedError where the broker may not give it."""
        held = self.hook.run(leasing.take(self.desk, grant, holder, token, seconds))
        if held.how == STANDING:
            self.hook.log.info("%s is there already, and stays: nothing is granted", grant)
        else:
            self.hook.log.info("%s is granted (%s) for %g s at most", grant, held.how, seconds)
        return held

    def give_back(self, grant: Grant, holder: str, token: str) -> str:
        """End a lease; returns what came of it."""
        outcome = self.hook.run(leasing.give_back(self.desk, grant, holder, token))
        if outcome == DELETED:
            self.hook.log.info("%s is revoked (Azure takes up to ten minutes to heed that)", grant)
        elif outcome != NOT_HELD:
            self.hook.log.info("%s is given back: %s", grant, outcome)
        return outcome

    def reap(self, made: Made) -> str:
        """Delete an assignment that is due, unless a lease lives; returns what came of it."""
        return self.hook.run(leasing.reap(self.desk, made))


def _guid(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError as error:
        mend = "Give the object id of the service principal or managed identity, not its client id or name."
        raise ConfigurationError("grants: principal_id", f"'{text}' is no GUID.", mend) from error
