# SPDX-License-Identifier: Apache-2.0
"""What lets a principal in that a decision keeps out: a role, except where a deny assignment stands."""

from __future__ import annotations

from airflow_provider_azureml.access.command import giving
from airflow_provider_azureml.access.evaluate import Decision


def is_deny(decision: Decision) -> bool:
    """Whether a deny assignment decided."""
    return "/denyassignments/" in decision.by.lower()


def mend(decision: Decision, object_id: str, role: str, scope: str) -> str:
    """The command that gives the role; of a deny assignment, which no role overcomes, who can lift it.

    Stable ARM reads deny assignments and deletes none: what made one takes it away.
    """
    if not is_deny(decision):
        return giving(object_id, role, scope)
    return (
        f"No role helps, and no command deletes a deny assignment: ask the owner of what made {decision.by}, "
        "a deployment stack (az stack sub list, az stack group list), a managed application (az managedapp list) "
        "or Azure itself."
    )
