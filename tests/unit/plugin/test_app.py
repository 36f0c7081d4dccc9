# SPDX-License-Identifier: Apache-2.0
"""What it serves, and what it says when it has nothing; behind a login it is in tests/airflow/test_page.py."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fastapi import HTTPException
from fastapi.routing import APIRoute

from airflow_provider_azureml.plugin import app

SCRIPTS = {name: path.read_text() for name, path in app.FILES.items() if path.suffix == ".js"}


def test_every_route_stands_behind_the_login_and_the_right_to_read_dags() -> None:
    made = app.create_app()
    assert len(made.router.dependencies) == 2
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert path not in {getattr(route, "path", "") for route in made.routes}


def test_the_dag_of_a_question_stands_in_its_path_where_every_airflow_looks_for_it() -> None:
    routes = [route for route in app.create_app().routes if isinstance(route, APIRoute)]
    asked = {(route.path, field.name) for route in routes for field in route.dependant.query_params}
    assert asked == {("/api/dags/{dag_id}/trail", "run_id")}
    about_one = {route.path: route for route in routes if "dag_id" in route.param_convertors}
    assert sorted(about_one) == ["/api/dags/{dag_id}/runs", "/api/dags/{dag_id}/trail"]
    assert [route.dependencies[-1:] for route in about_one.values()] == [app.TRAIL, app.TRAIL]


@pytest.mark.parametrize("name", sorted(app.FILES))
def test_a_file_of_the_page_says_what_it_is(name: str) -> None:
    answer = app.file(name)
    assert answer.headers["content-type"].startswith(app.TYPES[Path(name).suffix])


def test_no_other_file_is_served() -> None:
    for name in ("app.py", "../app.py", ""):
        with pytest.raises(HTTPException):
            app.file(name)


def test_the_page_asks_nobody_else_and_makes_no_markup_from_text() -> None:
    whole = "".join(path.read_text() for path in app.FILES.values()).replace("http://www.w3.org/2000/svg", "")
    assert re.findall(r"https?://", whole) == []
    for forbidden in ("innerHTML", "insertAdjacentHTML", "document.write", "eval(", "style=", "onclick="):
        assert forbidden not in whole


def test_every_word_that_a_script_looks_up_is_in_the_page() -> None:
    html = app.FILES["index.html"].read_text()
    wanted = {found for script in SCRIPTS.values() for found in re.findall(r'byId\("([a-z-]+)"\)', script)}
    assert {found for found in wanted if f'id="{found}"' not in html} == set()


def test_without_a_report_it_says_how_to_make_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIRFLOW__AZUREML__ACCESS_REPORT", "")
    assert app._report()[1].startswith(
        "No report yet. Set [azureml] access_report to a file, and run: airflow-azureml"
    )
    monkeypatch.setenv("AIRFLOW__AZUREML__ACCESS_REPORT", str(tmp_path / "absent.json"))
    assert "absent.json': does not exist. Make it anew" in app._report()[1]


def test_without_an_audit_log_here_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIRFLOW__AZUREML__AUDIT_PATH", str(tmp_path / "absent"))
    look, problem = app._denials()
    assert look.found == {}
    assert "on this machine" in problem
    assert app.events("d", "r") == {"events": [], "problem": problem}
