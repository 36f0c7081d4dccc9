# SPDX-License-Identifier: Apache-2.0
"""The page in a real Airflow and a real browser. `SCREENSHOTS=docs make test-page` renews the pictures of the docs."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from demo.azure import Azure
from demo.layout import free_ports
from tests.airflow.browser import DOWN, ENTER, ESCAPE, Browser, browser
from tests.airflow.deployment import until
from tests.airflow.page_scene import REGISTERED

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
START_SECONDS = 300.0
USERS = ("admin", "narrow", "nobody")
CANARY = "canary-7f3e9b2c-do-not-show"
PATHS = (
    "",
    "static/page.js",
    "api/access",
    "api/dags/delay_report/runs",
    "api/dags/delay_report/trail?run_id=x",
)


@dataclass(frozen=True)
class Scene:
    """An Airflow with DAGs, a report, and two runs that Azure refused."""

    url: str
    passwords: dict[str, str]
    runs: dict[str, str]

    def token(self, user: str) -> str:
        """What the login gives a user."""
        body = {"username": user, "password": self.passwords[user]}
        answer = httpx.post(f"{self.url}/auth/token", json=body, trust_env=False)
        return str(answer.json()["access_token"])

    def is_up(self) -> bool:
        """Whether the API server answers."""
        try:
            return httpx.get(f"{self.url}/api/v2/version", trust_env=False).is_success
        except httpx.TransportError:
            return False

    def get(self, path: str, user: str = "") -> httpx.Response:
        """A request for the page, as somebody or as nobody."""
        headers = {"Authorization": f"Bearer {self.token(user)}"} if user else {}
        return httpx.get(f"{self.url}/azureml/{path}", headers=headers, trust_env=False, timeout=30)


def settings(home: Path, environment: dict[str, str], cloud: dict[str, Any], port: int) -> dict[str, str]:
    """The variables of this Airflow; its secrets are canaries."""
    url = f"http://127.0.0.1:{port}"
    vouched = json.loads(environment["AIRFLOW_CONN_AZUREML_DEFAULT"])["extra"]
    secret = {
        name: vouched[name]
        for name in ("tenant_id", "client_id", "subscription_id", "resource_group", "workspace_name")
    }
    connection = {"conn_type": "azureml", "password": CANARY, "extra": {"auth": "client_secret", **secret}}
    own = {
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__AUTH_MANAGER": "tests.airflow.narrow_auth.NarrowAuthManager",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{user}:admin" for user in USERS),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__SECRET_KEY": CANARY,
        "AIRFLOW__API_AUTH__JWT_SECRET": f"{CANARY}-{secrets.token_urlsafe(24)}",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "AIRFLOW__AZUREML__ACCESS_REPORT": str(home / "report.json"),
        "AIRFLOW__AZUREML__AUDIT_PATH": str(home / "audit"),
        "AIRFLOW_CONN_AZUREML_SECRET": json.dumps(connection),
        "AIRFLOW_CONN_AZUREML_TRAIN": environment["AIRFLOW_CONN_AZUREML_DEFAULT"],
        "AIRFLOW_CONN_AUDITOR": json.dumps({"conn_type": "azureml", "extra": auditor(cloud)}),
        "AIRFLOW_VAR_CANARY": CANARY,
        "AIRFLOW_VAR_RUN_IDENTITY_TRAIN": cloud["principals"]["run-train"]["client_id"],
        "PAGE_CANARY": CANARY,
    }
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**environment, **own, "AIRFLOW_HOME": str(home), "PYTHONPATH": str(ROOT), "PATH": path}


def auditor(cloud: dict[str, Any]) -> dict[str, str]:
    """Who may read role assignments, and nothing else."""
    azure = Azure(cloud)
    return {
        "auth": "workload_identity",
        "tenant_id": azure.tenant_id,
        "client_id": azure.client_id("auditor"),
        "assertion_file": str(azure.token_file("auditor")),
    }


@pytest.fixture(scope="module")
def scene(
    environment: dict[str, str], cloud: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    """Airflow's API server on SQLite; the runs are real ones, against the sandbox."""
    home = tmp_path_factory.mktemp("page")
    (home / "dags").mkdir()
    shutil.copy(HERE / "page_dags.py", home / "dags")
    passwords = {user: secrets.token_urlsafe(12) for user in USERS}
    (home / "passwords.json").write_text(json.dumps(passwords))
    (port,) = free_ports(1)
    variables = settings(home, environment, cloud, port)
    command = [sys.executable, str(HERE / "page_scene.py"), str(ROOT / "dags_examples"), str(home / "dags")]
    with filled(command, variables) as filling:
        until(
            "the DAGs are registered",
            START_SECONDS,
            lambda: (home / REGISTERED).exists() or filling.poll() is not None,
        )
        with served(home, port, variables):
            log, _ = filling.communicate(timeout=START_SECONDS)
            assert filling.returncode == 0, log[-4000:]
            found = Scene(f"http://127.0.0.1:{port}", passwords, json.loads(log.splitlines()[-1]))
            until("the API server answers", START_SECONDS, found.is_up)
            yield found


@contextmanager
def filled(command: list[str], variables: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """The script that fills the scene, which works beside the server's start; afterwards it does not run."""
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(command, env=variables, text=True, **output) as filling:
        try:
            yield filling
        finally:
            filling.kill()


@contextmanager
def served(home: Path, port: int, variables: dict[str, str]) -> Iterator[None]:
    """An API server, in a session of its own; afterwards nothing of it runs."""
    command = [
        sys.executable,
        "-m",
        "airflow",
        "api-server",
        "--workers",
        "1",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    with (home / "api-server.log").open("wb") as log:
        server = subprocess.Popen(command, env=variables, stdout=log, stderr=log, start_new_session=True)
    try:
        yield
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


@pytest.mark.parametrize("path", PATHS)
def test_nobody_gets_anything_without_a_login(scene: Scene, path: str) -> None:
    assert scene.get(path).status_code == 401


@pytest.mark.parametrize("path", PATHS)
def test_who_may_read_no_dag_gets_nothing(scene: Scene, path: str) -> None:
    assert scene.get(path, "nobody").status_code == 403


def test_who_may_read_one_dag_sees_that_one_and_what_belongs_to_it(scene: Scene) -> None:
    found = scene.get("api/access", "narrow").json()
    assert [f"{task['dag_id']}.{task['task_id']}" for task in found["tasks"]] == ["delay_report.summarize"]
    assert sorted(found["identities"]) == ["airflow-train", "run-train"]
    assert {item["subject"] for item in found["differences"]} == {"run-train"}
    run = scene.runs["secrets"]
    assert scene.get("api/dags/secrets/runs", "narrow").status_code == 403
    for query in (f"run_id={run}", f"run_id={run}&dag_id=delay_report"):
        assert scene.get(f"api/dags/secrets/trail?{query}", "narrow").status_code == 403
    for dag_id in ("~", "delay_report%2F..%2Fsecrets", "delay_report/../secrets"):
        answer = scene.get(f"api/dags/{dag_id}/trail?run_id={run}", "narrow")
        assert answer.status_code != 200 or answer.json()["events"] == []
    assert scene.get(f"api/dags//trail?run_id={run}", "admin").status_code == 404
    assert scene.get("api/dags/secrets/trail?run_id=", "admin").status_code == 422


def test_no_secret_reaches_any_answer(scene: Scene) -> None:
    trails = [f"api/dags/{dag}/trail?run_id={run.replace('+', '%2B')}" for dag, run in scene.runs.items()]
    answers = [scene.get(path, "admin") for path in (*PATHS, *trails)]
    assert [answer.status_code for answer in answers] == [200] * len(answers)
    assert [answer.url for answer in answers if CANARY in answer.text] == []
    refused = next(task for task in answers[2].json()["tasks"] if task["task_id"] == "leaky")
    assert "AADSTS" in refused["denial"]["cause"] or refused["denial"]["plane"] == "Entra"


def test_every_answer_keeps_scripts_from_elsewhere_out(scene: Scene) -> None:
    for path in PATHS:
        policy = scene.get(path, "admin").headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
    assert scene.get("static/..%2Fapp.py", "admin").status_code == 404
    for path in ("docs", "openapi.json"):
        assert scene.get(path, "admin").status_code == 404


@pytest.fixture(scope="module")
def chromium(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser in which a person has signed in to Airflow, by its own form."""
    with browser(tmp_path_factory.mktemp("chromium")) as found:
        found.resize(1440, 900)
        found.open(f"{scene.url}/azureml/")
        assert "Not authenticated" in found.text("body")
        found.open(f"{scene.url}/auth/login")
        found.until("document.querySelector('input[name=password]')")
        found.type("admin", "input[name=username]")
        found.type(scene.passwords["admin"] + ENTER, "input[name=password]")
        found.until("!location.pathname.startsWith('/auth')")
        found.complaints()
        yield found


@pytest.fixture
def opened(scene: Scene, chromium: Browser) -> Browser:
    """The page, loaded anew."""
    chromium.open(f"{scene.url}/azureml/")
    chromium.until("document.body.dataset.ready")
    return chromium


def row(task: str) -> str:
    """Selector of the button that opens a task."""
    return f'[data-key="{task}"]'


def cells(page: Browser, task: str) -> list[str]:
    """What stands in the row of a task."""
    script = "return [...document.querySelector(arguments[0]).closest('tr').cells].map(c => c.innerText);"
    return list(page.run(script, row(task)))


def count(page: Browser) -> int:
    """How many tasks the page says that it shows, when it shows all."""
    number, word = page.text("#count").split()
    assert word == "tasks"
    return int(number)


def picture(page: Browser, name: str) -> None:
    """Renew a picture of the docs, where it is asked for."""
    folder = os.environ.get("SCREENSHOTS")
    if folder:
        page.run("document.activeElement.blur();")
        page.screenshot(Path(folder) / name)


def test_the_table_says_who_submits_who_runs_what_they_hold_and_whether_it_is_enough(opened: Browser) -> None:
    assert re.match(r"Checked (less than a|\d) minutes? ago", opened.text("#age"))
    opened.click("#age summary")
    assert "airflow-azureml access check --manifest" in opened.text("#age")
    opened.click("#age summary")
    assert count(opened) >= 47
    _, verdict, submitter, identity, grants, denial = cells(opened, "delay_report.summarize")
    assert re.search(r"DENIED\n1 of \d needs open$", verdict)
    assert submitter.startswith("azureml_train\n")
    assert identity.startswith("run-train\nmanaged identity · ")
    assert "Storage Blob Data Reader on nightlylake/features" in grants
    assert denial.endswith("data plane")
    assert opened.texts("#tasks .dag-name")[0] == "delay_report", "trouble comes first"
    assert re.search(r"ALLOWED\n\d needs met$", cells(opened, "churn_daily.train")[1])
    assert cells(opened, "secrets.leaky")[1].endswith("UNKNOWN\nnot in the report")
    picture(opened, "access-page.png")
    assert opened.complaints() == []


def test_the_table_is_a_table_to_those_who_hear_it(opened: Browser) -> None:
    heads = opened.run("return [...document.querySelectorAll('#tasks thead th')].map(h => h.scope);")
    assert heads == ["col"] * 6
    assert opened.run("return document.querySelectorAll('#tasks th[scope=row]').length;") == count(opened)
    assert opened.run("return document.querySelector('#tasks caption').textContent.length;") > 20
    nameless = "[...document.querySelectorAll('button, input, select')].filter(e => !(e.ariaLabel || e.innerText || e.labels?.length))"
    assert opened.run(f"return {nameless}.length;") == 0


def test_a_filter_of_words_and_of_verdicts_narrows_the_table(opened: Browser) -> None:
    opened.type("train fraud", "#filter")
    assert set(opened.texts("#tasks .dag-name")) == {"fraud_scoring"}
    opened.type(ESCAPE, "#filter")
    opened.click('.chip[data-word="DENIED"]')
    assert opened.texts("#tasks .toggle") == ["▸summarize"]
    assert opened.text("#count").startswith("1 of ")
    opened.type("nothing fits this", "#filter")
    opened.click(".nothing button")
    assert count(opened) >= 47


def test_a_task_opens_with_needs_grants_and_the_diagnosis_of_its_last_denial(opened: Browser) -> None:
    opened.type("delay_report", "#filter")
    opened.click(row("delay_report.summarize"))
    denial = opened.text(".denial")
    assert "(data plane)" in denial
    assert "az role assignment create" in denial
    needs = opened.text('section[aria-label="Needs"]')
    assert "the manifest does not grant it" in needs
    assert "least role: Storage Blob Data Reader" in needs
    assert "Managed Identity Operator" in opened.text('section[aria-label="Grants"]')
    picture(opened, "access-denial.png")
    opened.click(".denial .link")
    opened.until("document.querySelectorAll('#event-rows tr').length")
    assert opened.run("return document.querySelector('#dag').value;") == "delay_report"
    assert opened.complaints() == []


def test_the_trail_of_a_run_says_who_did_what(scene: Scene, chromium: Browser) -> None:
    run = scene.runs["delay_report"].replace("+", "%2B")
    chromium.open(f"{scene.url}/azureml/?dag_id=delay_report&run_id={run}")
    chromium.until("document.querySelectorAll('#event-rows tr').length")
    lines = chromium.texts("#event-rows tr")
    submitted = next(line for line in lines if "jobs/write" in line)
    assert "summarize\ntry 1" in submitted
    assert "azureml_train\nfederated" in submitted
    assert "done 201" in submitted
    assert "az role assignment create" in lines[-1]
    picture(chromium, "access-trail.png")
    assert chromium.complaints() == []


def test_the_page_can_be_used_without_a_mouse(opened: Browser) -> None:
    opened.type("/")
    opened.type("delay_report")
    opened.type(DOWN)
    focused = "document.activeElement.dataset.key"
    assert opened.run(f"return {focused};") == "delay_report.summarize"
    opened.type(ENTER)
    assert opened.run("return document.querySelectorAll('tr.detail:not([hidden])').length;") == 1
    assert opened.run(f"return {focused};") == "delay_report.summarize"
    opened.type(ESCAPE)
    assert opened.run("return document.querySelectorAll('tr.detail:not([hidden])').length;") == 0


def test_the_page_is_in_airflows_menu_and_beside_a_run(scene: Scene, chromium: Browser) -> None:
    run = scene.runs["delay_report"].replace("+", "%2B")
    for path in ("/plugin/azureml", f"/dags/delay_report/runs/{run}/plugin/azureml_audit"):
        chromium.open(scene.url + path)
        chromium.until("document.querySelector('iframe')")
        chromium.enter_frame("iframe")
        chromium.until("document.body.dataset.ready")
        chromium.leave_frame()


def test_no_secret_is_anywhere_on_the_page(opened: Browser) -> None:
    for key in ("secrets.leaky", "delay_report.summarize"):
        opened.click(row(key))
    assert opened.text(".denial") != ""
    assert CANARY not in opened.run("return document.documentElement.outerHTML;")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_the_light_and_in_the_dark(opened: Browser, scheme: str) -> None:
    opened.prefer(scheme)
    opened.click(row("delay_report.summarize"))
    worst = opened.run((HERE / "contrast.js").read_text())
    assert worst["ratio"] >= 4.5, worst
