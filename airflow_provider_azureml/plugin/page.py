# SPDX-License-Identifier: Apache-2.0
"""The plugin: entry point group `airflow.plugins`. Every process of Airflow may load it, so it loads nothing.

Before Airflow 3.1 there is no place for it: 2.11 has no such pages, and 3.0 keeps its login where a
page of a plugin cannot ask for it. There the plugin is empty.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar
from urllib.parse import urlsplit

from airflow.plugins_manager import AirflowPlugin

from airflow_provider_azureml.compat import configured, shows_external_views

PREFIX = "/azureml"
NAME = "Azure ML access"
Part = Callable[..., Awaitable[Any]]


class Page:
    """The application of the page, which is made with its first request."""

    def __init__(self) -> None:
        self._app: Any = None

    async def __call__(self, scope: Any, receive: Part, send: Part) -> None:
        """ASGI."""
        if self._app is None:
            from airflow_provider_azureml.plugin.app import create_app

            self._app = create_app()
        await self._app(scope, receive, send)


def views() -> list[dict[str, Any]]:
    """The page in the menu, and a run's audit trail on the run's own page."""
    root = urlsplit(configured("api", "base_url")).path.rstrip("/") + PREFIX
    trail = f"{root}/?dag_id={{DAG_ID}}&run_id={{RUN_ID}}"
    return [
        {
            "name": NAME,
            "href": f"{root}/",
            "destination": "nav",
            "category": "browse",
            "url_route": "azureml",
        },
        {
            "name": "Azure ML audit",
            "href": trail,
            "destination": "dag_run",
            "url_route": "azureml_audit",
        },
    ]


class AzureMLPlugin(AirflowPlugin):
    """What Airflow's plugin manager reads."""

    name = "azureml"
    fastapi_apps: ClassVar[list[Any]] = []
    external_views: ClassVar[list[Any]] = []


if shows_external_views(AirflowPlugin):
    AzureMLPlugin.fastapi_apps.append({"app": Page(), "url_prefix": PREFIX, "name": NAME})
    AzureMLPlugin.external_views.extend(views())
