# SPDX-License-Identifier: Apache-2.0
"""An auth manager with two more users: `narrow` may read one DAG, and `nobody` none."""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

ALLOWED = {"narrow": {"delay_report"}, "nobody": set()}


class NarrowAuthManager(SimpleAuthManager):
    """Airflow's simple one, but for these two."""

    def is_authorized_dag(
        self, *, method: Any, user: Any, access_entity: Any = None, details: Any = None
    ) -> bool:
        """Whether a user may do something with a DAG, or with any at all where none is named."""
        allowed = ALLOWED.get(user.username)
        if allowed is None:
            return super().is_authorized_dag(
                method=method, user=user, access_entity=access_entity, details=details
            )
        dag_id = details.id if details else None
        return method == "GET" and bool(allowed if dag_id is None else dag_id in allowed)
