# SPDX-License-Identifier: Apache-2.0
"""The web application of the page: behind Airflow's own login, reading only, with nothing from elsewhere.

It asks Azure for nothing. The web server has, and must have, no identity in Azure: whoever took it over
would have that identity, too; and a page that signs in as every task would be one place with all rights.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Any

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import get_user, requires_access_dag
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query, Request, Response

from airflow_provider_azureml.access.report import Report, read
from airflow_provider_azureml.audit import trail
from airflow_provider_azureml.audit.denial import Denials, Look
from airflow_provider_azureml.compat import configured
from airflow_provider_azureml.errors import ConfigurationError
from airflow_provider_azureml.hooks.recording import audit_folder
from airflow_provider_azureml.plugin import source
from airflow_provider_azureml.plugin.view import EMPTY, age_seconds, overview

STATIC = Path(__file__).parent / "static"
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
FILES = {path.name: path for path in STATIC.iterdir() if path.suffix in TYPES}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
MOST_EVENTS = 1000
SET_UP = "Set [azureml] access_report to a file, and run: airflow-azureml access check --out FILE"
User = Annotated[Any, Depends(get_user)]
RunId = Annotated[str, Query(min_length=1)]
TRAIL = [Depends(requires_access_dag(method="GET", access_entity=DagAccessEntity.AUDIT_LOG))]
"""Airflow's own right to the audit log of the DAG that the path names as `{dag_id}`.

Never of one that the query names: before 3.1.7 Airflow looks for it in the path only, and would ask
for the right to the audit log of any DAG.
"""
router = APIRouter()
denials = Denials()


def create_app() -> FastAPI:
    """The application. Every path of it needs a user who may read DAGs."""
    needed = [Depends(get_user), Depends(requires_access_dag(method="GET"))]
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, dependencies=needed)
    app.include_router(router)
    app.middleware("http")(_hardened)
    return app


async def _hardened(request: Request, proceed: Callable[[Request], Awaitable[Response]]) -> Response:
    answer = await proceed(request)
    answer.headers.update(HEADERS)
    return answer


@router.get("/")
def page() -> Response:
    """The page itself: the same for everybody, without any data."""
    return file("index.html")


@router.get("/static/{name}")
def file(name: str) -> Response:
    """A file of the page."""
    if name not in FILES:
        raise HTTPException(404)
    path = FILES[name]
    return Response(path.read_bytes(), media_type=TYPES[path.suffix])


@router.get("/api/access")
def access(user: User) -> dict[str, Any]:
    """The table: tasks, identities, differences, and how old all that is."""
    report, problem = _report()
    look, gap = _denials()
    readable = source.readable_dags(user)
    return {
        **overview(readable, source.task_uses(readable), report, look.found),
        "report": {
            "made_at": report.made_at,
            "age_seconds": age_seconds(report.made_at, datetime.now(timezone.utc)),
            "command": report.command,
            "deployment": report.deployment,
            "problem": problem,
        },
        "audit": {"since": look.since, "is_cut": look.is_cut, "problem": gap},
    }


def _report() -> tuple[Report, str]:
    path = configured("azureml", "access_report")
    if not path:
        return EMPTY, f"No report yet. {SET_UP}"
    try:
        return read(Path(path)), ""
    except ConfigurationError as error:
        return EMPTY, str(error)


def _denials() -> tuple[Look, str]:
    folder = audit_folder()
    if not folder.is_dir():
        return Look({}), _not_here(folder)
    try:
        return denials.look(folder), ""
    except OSError as error:
        return Look({}), f"The audit log cannot be read: {error}."


def _not_here(folder: Path) -> str:
    mend = "Where tasks run on other machines, give both the same folder ([azureml] audit_path)."
    return f"There is no audit log in {folder} on this machine: either nothing has run yet, or it is elsewhere. {mend}"


@router.get("/api/dags/{dag_id}/runs", dependencies=TRAIL)
def runs(dag_id: str) -> dict[str, Any]:
    """The newest runs of a DAG."""
    return {"runs": source.runs_of(dag_id)}


@router.get("/api/dags/{dag_id}/trail", dependencies=TRAIL)
def events(dag_id: str, run_id: RunId) -> dict[str, Any]:
    """Who did what in a run, oldest first, and at most `MOST_EVENTS` of it."""
    folder = audit_folder()
    if not folder.is_dir():
        return {"events": [], "problem": _not_here(folder)}
    try:
        found = trail.events(folder, trail.Wanted(run_id, dag_id), source.days_of(dag_id, run_id))
    except OSError as error:
        return {"events": [], "problem": f"The audit log cannot be read: {error}."}
    more = f"Only the last {MOST_EVENTS} of {len(found)} are shown." if len(found) > MOST_EVENTS else ""
    return {"events": found[-MOST_EVENTS:], "problem": more}
