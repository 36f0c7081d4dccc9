# SPDX-License-Identifier: Apache-2.0
"""Every way to be somebody at level DEBUG, without Airflow's masker: signed in, refused, and shown.

Standard input: the ways, those that must fail, and secrets that never go over a wire. Argument: file for the
report: each canary's values, each sink's texts. In every sink one planted value leaks.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from collections import defaultdict
from pathlib import Path
from typing import Any

from azure.core.pipeline.transport import RequestsTransport

from airflow_provider_azureml.identity import resolver
from airflow_provider_azureml.identity.how import described
from tests.wire.clients.provider_identity import settings, surrounded

PLANTED = 'planted~Q&a/b+c=Z"x9'
CANARIES: defaultdict[str, set[str]] = defaultdict(set)
SINKS: defaultdict[str, list[str]] = defaultdict(list)
ANSWERS = {
    "Entra's token": r'"access_token":\s*"[^".]+\.[^".]+\.([^"]+)"',
    "AWS's assertion": r"<WebIdentityToken>[^<.]+\.[^<.]+\.([^<]+)",
    "AWS's role secret": r"<SecretAccessKey>([^<]+)",
    "AWS's role session": r"<SessionToken>([^<]+)",
    "Cognito's assertion": r'"Token":\s*"[^".]+\.[^".]+\.([^"]+)"',
    "vault": r'"value":\s*"([^"]{20,})"',
}


def watch_the_wire() -> None:
    send = RequestsTransport.send

    def sees(self: Any, request: Any, **options: Any) -> Any:
        form = request.content if isinstance(getattr(request, "content", None), dict) else {}
        if form.get("client_assertion"):
            CANARIES["client_assertion"].add(str(form["client_assertion"]).rpartition(".")[2])
        answer = send(self, request, **options)
        if not options.get("stream"):
            text = bytes(answer.internal_response.content).decode(errors="replace")
            for name, pattern in ANSWERS.items():
                CANARIES[name].update(found.replace("\\n", "\n") for found in re.findall(pattern, text))
        return answer

    RequestsTransport.send = sees  # type: ignore[method-assign]


class Collector(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        SINKS["logs"].append(logging.Formatter("%(name)s %(message)s").format(record))


def listen() -> None:
    logging.getLogger().addHandler(Collector())
    for name in ("", "azure", "azure.identity", "msal", "urllib3", "botocore", "airflow_provider_azureml"):
        logging.getLogger(name).setLevel(logging.DEBUG)


def shown(*things: Any) -> None:
    SINKS["reprs"] += [text for thing in things for text in (repr(thing), str(thing))]


def told(error: BaseException) -> None:
    SINKS["exceptions"].append("".join(traceback.format_exception(error)))
    cause: BaseException | None = error
    while cause:
        said = vars(cause).values() if hasattr(cause, "__dict__") else ()
        SINKS["exceptions"] += [str(cause), repr(cause), repr(cause.args), *(str(item) for item in said)]
        cause = cause.__cause__ or cause.__context__


def one(name: str, way: dict[str, Any], fails: bool) -> None:
    with surrounded(way):
        own = settings(name, way)
        credential = resolver.credential(own)
        try:
            credential.get_token(own.cloud.arm_scope)
            failed = ""
        except Exception as error:
            failed = str(error)
            told(error)
        assert bool(failed) is fails, f"{name}: {failed or 'signed in'}"
        shown(own, credential, credential.inner, vars(credential.inner).keys())
        SINKS["words"].append(described(own))


def plant() -> None:
    logging.getLogger("airflow_provider_azureml.rest.driver").debug("leak: %s", PLANTED)
    sys.__stdout__.write(f"leak: {PLANTED}\n")
    sys.__stderr__.write(f"leak: {PLANTED}\n")
    shown(f"leak: {PLANTED}")
    SINKS["words"].append(f"leak: {PLANTED}")
    told(ValueError(PLANTED))


def main(report: str) -> None:
    given = json.load(sys.stdin)
    listen()
    watch_the_wire()
    plant()
    for name, values in given["secrets"].items():
        CANARIES[name].update(values)
    for name, way in given["good"].items():
        one(name, way, fails=False)
    for name, way in given["bad"].items():
        one(name, way, fails=True)
    found = {"canaries": {key: sorted(values) for key, values in CANARIES.items()}, "sinks": SINKS}
    Path(report).write_text(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
