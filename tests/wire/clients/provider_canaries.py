# SPDX-License-Identifier: Apache-2.0
"""Real work with real secrets at level DEBUG; everything that anybody could read of it is collected.

Arguments: file for the report, client id and secret of an application, address of a proxy that is not there.
The report: each canary's values as they went over the wire, each sink's texts. Airflow's masker is off here:
nothing may need it. In every sink one planted value leaks, so that a sink which collects nothing shows.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import sys
import traceback
import uuid
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

from azure.core.pipeline.transport import AioHttpTransport, RequestsTransport

from airflow_provider_azureml.audit.sink import journal_in
from airflow_provider_azureml.hooks.azureml import AzureMLHook
from airflow_provider_azureml.hooks.keyvault import AzureKeyVaultHook
from airflow_provider_azureml.hooks.recording import audit_folder
from airflow_provider_azureml.identity import resolver
from airflow_provider_azureml.operators import rotating
from airflow_provider_azureml.operators.job import AzureMLRunJobOperator
from airflow_provider_azureml.operators.rotation import AzureMLRotateSecretOperator
from airflow_provider_azureml.rest import code, graph, run_history
from airflow_provider_azureml.rest import job as job_flows
from airflow_provider_azureml.rest.driver import AsyncDriver, Driver
from airflow_provider_azureml.rest.flow import STORAGE_VERSION, Request, expect
from airflow_provider_azureml.rest.retry import Retry
from airflow_provider_azureml.triggers.job import AzureMLJobTrigger

PLANTED = 'planted~Q&a/b+c=Z"x9'
TRAIN_FOLDER = Path(__file__).parents[1] / "jobs" / "train"
AT_ONCE = Retry(total=1.0, answers=1, silences=1, first=0.1, cap=0.1, longest=0.1)
CANARIES: defaultdict[str, set[str]] = defaultdict(set)
SINKS: defaultdict[str, list[str]] = defaultdict(list)


# --- what went over the wire --------------------------------------------------------------------


def see_request(request: Any) -> None:
    bearer = request.headers.get("Authorization", "")
    if bearer.startswith("Bearer "):
        CANARIES["bearer token"].add(bearer.rpartition(".")[2])  # the signature: the rest is public
    for signature in parse_qs(urlsplit(request.url).query).get("sig", ()):
        CANARIES[f"signature of a {request.method}"].add(signature)
    body = request.body if isinstance(getattr(request, "body", None), str) else ""
    body = body or (request.data if isinstance(getattr(request, "data", None), dict) else "")
    form = body if isinstance(body, dict) else {name: values[0] for name, values in parse_qs(body).items()}
    for field in ("client_secret", "client_assertion"):
        if form.get(field):
            CANARIES[field].add(str(form[field]).rpartition(".")[2] if "assertion" in field else form[field])


def see_answer(url: str, text: str) -> None:
    for name, pattern in (("new password", r'"secretText":\s*"([^"]+)"'), ("vault", r'"value":\s*"([^"]+)"')):
        if name != "vault" or re.search(r"/secrets/[\w-]+/?(\w*)\?", url):
            CANARIES[name].update(re.findall(pattern, text))


def watch_the_wire() -> None:
    sync_send, async_send = RequestsTransport.send, AioHttpTransport.send

    def send(self: Any, request: Any, **options: Any) -> Any:
        see_request(request)
        answer = sync_send(self, request, **options)
        if not options.get("stream"):
            see_answer(request.url, bytes(answer.internal_response.content).decode(errors="replace"))
        return answer

    async def asend(self: Any, request: Any, **options: Any) -> Any:
        see_request(request)
        return await async_send(self, request, **options)

    RequestsTransport.send = send  # type: ignore[method-assign]
    AioHttpTransport.send = asend  # type: ignore[method-assign]


# --- the sinks ----------------------------------------------------------------------------------


class Collector(logging.Handler):
    """Every record of every logger, formatted with its traceback."""

    def emit(self, record: logging.LogRecord) -> None:
        SINKS["logs"].append(logging.Formatter("%(name)s %(message)s").format(record))


def listen(planted_logger: str) -> None:
    logging.getLogger().addHandler(Collector())
    for name in (
        "",
        "azure",
        "azure.identity",
        "msal",
        "urllib3",
        "aiohttp",
        "asyncio",
        "airflow",
        planted_logger,
    ):
        logging.getLogger(name).setLevel(logging.DEBUG)


def caught(work: Callable[[], Any]) -> str:
    """Do what must fail; collect all that its error says, its causes included."""
    try:
        work()
    except Exception as error:
        SINKS["exceptions"].append("".join(traceback.format_exception(error)))
        cause: BaseException | None = error
        while cause:
            said = vars(cause).values() if hasattr(cause, "__dict__") else ()
            SINKS["exceptions"] += [str(cause), repr(cause), repr(cause.args), *(str(item) for item in said)]
            cause = cause.__cause__ or cause.__context__
        return str(error)
    raise AssertionError("it did not fail")


def shown(*things: Any) -> None:
    """What a debugger, an f-string or a log line would show of these."""
    SINKS["reprs"] += [text for thing in things for text in (repr(thing), str(thing))]


def context(task_id: str) -> dict[str, Any]:
    def push(key: str, value: Any) -> None:
        SINKS["results"].append(json.dumps([key, value]))

    place = {"dag_id": "canaries", "task_id": task_id, "run_id": str(uuid.uuid4()), "map_index": -1}
    state = {"try_number": 1, "max_tries": 0, "start_date": datetime.now(timezone.utc)}
    return {"ti": SimpleNamespace(**place, **state, xcom_push=push)}


def rendered(operator: Any) -> None:
    from airflow.serialization.helpers import serialize_template_field

    operator.render_template_fields({})
    for name in operator.template_fields:
        SINKS["templates"].append(str(serialize_template_field(getattr(operator, name), name)))


# --- the work -----------------------------------------------------------------------------------


def runs(task_id: str, job: Any, **options: Any) -> AzureMLRunJobOperator:
    raw = {**job, "command": "{% raw %}" + job["command"] + "{% endraw %}"}  # ${{...}} is Azure ML's
    given = {"azureml_conn_id": "canary_password", "poll_interval": 0.3, **options}
    operator = AzureMLRunJobOperator(task_id=task_id, job=raw, **given)
    rendered(operator)
    return operator


def training(**options: Any) -> dict[str, Any]:
    return {
        "type": "command",
        "code": str(TRAIN_FOLDER),
        "command": "echo hello from the job; python main.py ${{inputs.mae}} ${{outputs.model}}",
        "environment": {"image": "mcr.microsoft.com/azureml/openmpi5.0-ubuntu24.04"},
        "inputs": {"mae": 1.0},
        "outputs": {
            "model": {"type": "uri_folder", "path": "azureml://datastores/lake/paths/canaries/model"}
        },
        "identity": {"type": "managed", "client_id": os.environ["RUN_CLASSIC"]},
        **options,
    }


def job_runs_with_code_and_log() -> str:
    """Submitted with an upload by signature; its log read by signature, in a worker."""
    operator = runs("train", training())
    result = operator.execute(context("train"))
    SINKS["results"].append(json.dumps(result))
    shown(operator, operator.hook, operator.hook.settings, operator.hook.credential, operator.hook.driver)
    shown(vars(operator.hook.settings).keys(), operator.hook.workspace, operator.hook.driver._session)
    return str(result["name"])


def trigger_watches(name: str) -> None:
    """The same job's log, in a triggerer."""
    hook = AzureMLHook("canary_password")
    job = hook.run(job_flows.get(hook.workspace, name))
    trigger = AzureMLJobTrigger(
        "canary_password", name, job.properties["airflow.owner"], 0.2, stream_logs=True
    )

    async def fired() -> list[Any]:
        async with hook.opened() as session:
            shown(session, session.driver, session.settings)
            return [event async for event in trigger.run()]

    events = asyncio.run(fired())
    SINKS["triggers"] += [json.dumps(trigger.serialize()), *(str(event.payload) for event in events)]
    shown(trigger, job, hook.run(run_history.details(hook.workspace, name)), *events)


def job_is_denied() -> None:
    """A task whose run identity may not read its input."""
    rows = {"rows": {"type": "uri_folder", "path": "azureml://datastores/raw/paths/x", "mode": "download"}}
    job = training(command="cat ${{inputs.rows}}/x", inputs=rows, outputs={}, identity={"type": "managed"})
    job["identity"]["client_id"] = os.environ["AIRFLOW_VAR_RUN_IDENTITY_TRAIN"]
    operator = runs("denied", job, azureml_conn_id="azureml_train")
    assert "Why (data plane)" in caught(lambda: operator.execute(context("denied")))


def secret_rotates() -> None:
    """One night's rotation, and a vault that refuses to be written."""
    operator = AzureMLRotateSecretOperator(
        task_id="rotate",
        azureml_conn_id="azureml_rotation",
        application_id=os.environ["AIRFLOW_VAR_REGISTRY_CLIENT_ID"],
        secret_name="airflow-registry",
        overlap=1.0,
        poll_interval=0.3,
    )
    rendered(operator)
    SINKS["results"].append(json.dumps(operator.execute(context("rotate"))))
    world = rotating.make_world(operator)
    shown(world, world.hook, world._application, world.passwords(), world.versions())
    made = graph.NewPassword("id", datetime.now(timezone.utc), world.latest())
    shown(made)
    vault = AzureKeyVaultHook("azureml_land", vault_url=world.hook.vault_url)
    caught(lambda: vault.set_secret("airflow-registry", world.latest()))
    caught(lambda: vault.get_secret("airflow-registry"))


def connections_are_tested(secret: str) -> None:
    """The button of the connection form: with the right secret, and a wrong one, and a vault's."""
    wrong = secret[::-1]
    CANARIES["wrong secret"].add(wrong)
    connection = json.loads(os.environ["AIRFLOW_CONN_CANARY_PASSWORD"])
    os.environ["AIRFLOW_CONN_CANARY_WRONG"] = json.dumps({**connection, "password": wrong})
    lost = {**json.loads(os.environ["AIRFLOW_CONN_AZUREML_REGISTRY"])}
    lost["extra"] = {**lost["extra"], "credential_name": "not-there"}
    os.environ["AIRFLOW_CONN_CANARY_LOST"] = json.dumps(lost)
    for name, works in (("canary_password", True), ("azureml_registry", True), ("canary_wrong", False)):
        hook = AzureMLHook(name)
        worked, text = hook.test_connection()
        assert worked is works, text
        assert works or "Why (Entra plane)" in text, text
        SINKS["results"].append(text)
        shown(hook, hook.settings, hook.credential, vars(hook).keys())
    assert not AzureMLHook("canary_lost").test_connection()[0]
    caught(AzureMLHook("canary_wrong").identity)
    caught(
        lambda: AzureMLHook("canary_wrong").run(job_flows.get(AzureMLHook("canary_password").workspace, "x"))
    )


def nothing_answers(name: str, dead_proxy: str) -> None:
    """With tokens and signatures in hand: the proxy is gone, in a worker and in an event loop."""
    hook = AzureMLHook("canary_password")
    log_files = hook.run(run_history.details(hook.workspace, name)).log_files
    signed = next(iter(log_files.values()))

    def upload() -> Any:
        headers = {"x-ms-blob-type": "BlockBlob", "x-ms-version": STORAGE_VERSION}
        expect((yield Request("PUT", signed, content=b"x", headers=headers)), 201)

    def flows() -> list[Any]:
        return [
            run_history.read_log(signed),
            run_history.read_log(direct),
            upload(),
            job_flows.get(hook.workspace, name),
            code.upload_code(hook.workspace, TRAIN_FOLDER),
        ]

    for flow in (run_history.read_log(signed.replace("sig=", "sig=A")), upload()):
        caught(lambda flow=flow: hook.run(flow))  # refused while all answers; a log's signature cannot write
    os.environ["HTTPS_PROXY"] = os.environ["https_proxy"] = dead_proxy
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"
    dead_host = urlsplit(dead_proxy).netloc  # without a proxy, urllib3's errors name the whole address
    direct = urlsplit(signed)._replace(netloc=dead_host).geturl()
    cloud, credential = hook.settings.cloud, hook.credential

    async def arun(flow: Any) -> None:
        async with AsyncDriver(resolver.async_credential(hook.settings), cloud, retry=AT_ONCE) as driver:
            await driver.run(flow)

    for flow in flows():
        with Driver(credential, cloud, retry=AT_ONCE) as driver:
            caught(lambda flow=flow, driver=driver: driver.run(flow))
    for flow in flows():
        caught(lambda flow=flow: asyncio.run(arun(flow)))
    resolver.forget(hook.settings)
    assert "Sign-in had no answer" in caught(hook.identity)
    SINKS["results"].append(str(hook.test_connection()))


# --- what proves that each sink is looked into ---------------------------------------------------


def plant(logger: str) -> None:
    logging.getLogger(logger).debug("leak: %s", PLANTED)
    sys.__stdout__.write(f"leak: {PLANTED}\n")
    sys.__stderr__.write(f"leak: {PLANTED}\n")
    hook = AzureMLHook("canary_password")
    shown(replace(hook.settings, workspace_name=PLANTED))
    SINKS["triggers"].append(json.dumps(AzureMLJobTrigger("canary_password", PLANTED).serialize()))
    context("planted")["ti"].xcom_push("leak", PLANTED)
    rendered(AzureMLRunJobOperator(task_id="planted", job={"command": PLANTED}))
    journal_in(audit_folder()).append({"kind": "intent", "event": PLANTED})

    def fail() -> None:
        try:
            raise ValueError(PLANTED)
        except ValueError as error:
            raise RuntimeError("the cause leaks") from error

    caught(fail)


def main(report: str, secret: str, dead_proxy: str) -> None:
    logger = "airflow_provider_azureml.rest.driver"
    listen(logger)
    watch_the_wire()
    CANARIES["connection's password"].add(secret)
    plant(logger)
    connections_are_tested(secret)
    name = job_runs_with_code_and_log()
    trigger_watches(name)
    job_is_denied()
    secret_rotates()
    nothing_answers(name, dead_proxy)
    found = {"canaries": {key: sorted(values) for key, values in CANARIES.items()}, "sinks": SINKS}
    Path(report).write_text(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
