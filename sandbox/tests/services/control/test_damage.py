# SPDX-License-Identifier: Apache-2.0
"""Every phase with every action, over real TLS; the ledger says what really happened."""

from __future__ import annotations

import json
import os
import socket
import ssl
import time
from typing import Any

import httpx
import pytest

PUT_JOB = {"method": "PUT", "host": "management.azure.com", "path": r"/jobs/"}
GET_GROUP = {"method": "GET", "path": r"/resourceGroups/rg$", "count": 1}


def lost(cloud: Any, name: str) -> None:
    with pytest.raises(httpx.TransportError):
        cloud.submit(name)


def drain(wire: socket.socket) -> None:
    """Read until the other side ends the connection in order."""
    while wire.recv(4096):
        pass


def was_reset(error: BaseException | None) -> bool:
    """Whether a TCP reset, and no orderly end, is at the bottom of a client's error."""
    while error is not None and not isinstance(error, ConnectionResetError):
        error = error.__cause__ or error.__context__
    return error is not None


def test_before_a_status_takes_the_effects_place(cloud: Any) -> None:
    body = {"error": {"code": "ServerBusy"}}
    cloud.fault(PUT_JOB, "before", status=503, headers={"Retry-After": "7"}, body=body)
    answer = cloud.submit("b-status")
    assert (answer.status_code, answer.headers["retry-after"], answer.json()) == (503, "7", body)
    assert answer.headers["content-type"] == "application/json"
    assert cloud.effects("/jobs/b-status") == []
    assert cloud.submit("b-status").status_code == 201


def test_after_a_500_the_job_is_there_once_and_a_retry_finds_it(cloud: Any) -> None:
    cloud.fault(PUT_JOB, "after", status=500, body="a text")
    answer = cloud.submit("a-status")
    assert (answer.status_code, answer.text) == (500, "a text")
    assert cloud.effects("/jobs/a-status")[:1] == ["created"]
    assert cloud.submit("a-status").status_code == 200
    assert cloud.effects("/jobs/a-status").count("created") == 1


def test_before_a_reset_nothing_happens(cloud: Any) -> None:
    rule = cloud.fault(PUT_JOB, "before", reset=True)
    lost(cloud, "b-reset")
    assert cloud.effects("/jobs/b-reset") == []
    assert cloud.sandbox.control("GET", "/faults").json()["value"] == [{**rule, "seen": 1, "struck": 1}]


def test_after_a_reset_the_effect_is_kept(cloud: Any) -> None:
    cloud.fault(PUT_JOB, "after", reset=True)
    lost(cloud, "a-reset")
    assert cloud.effects("/jobs/a-reset")[:1] == ["created"]
    assert cloud.submit("a-reset").status_code == 200


def test_a_reset_mid_body_gives_half_an_answer(cloud: Any) -> None:
    whole = len(cloud.arm("GET", cloud.group).content)
    cloud.fault(GET_GROUP, "mid_body", reset=True)
    received, error = half(cloud)
    assert len(received) == whole // 2
    assert isinstance(error, httpx.TransportError)


def half(cloud: Any) -> tuple[bytes, Exception]:
    """What arrives of the group before the connection ends, and how it ends."""
    url = f"https://management.azure.com{cloud.group}?api-version=2024-10-01"
    received = b""
    with cloud.sandbox.http.stream("GET", url, headers=cloud.sandbox.bearer("admin")) as answer:
        assert answer.status_code == 200
        try:
            for piece in answer.iter_raw():
                received += piece
        except httpx.TransportError as error:
            return received, error
    raise AssertionError("the answer was whole")


def test_a_reset_mid_body_keeps_the_effect(cloud: Any) -> None:
    cloud.fault(PUT_JOB, "mid_body", reset=True)
    lost(cloud, "m-reset")
    assert cloud.effects("/jobs/m-reset")[:1] == ["created"]


def test_a_truncated_answer_ends_early_and_in_order(cloud: Any) -> None:
    cloud.fault(GET_GROUP, "mid_body", truncate=10)
    received, error = half(cloud)
    assert len(received) == 10
    assert isinstance(error, httpx.RemoteProtocolError)


@pytest.mark.parametrize(
    ("phase", "action", "resets"),
    [
        ("before", {"reset": True}, True),
        ("before", {"stall_seconds": 0}, True),
        ("after", {"reset": True}, True),
        ("mid_body", {"reset": True}, True),
        ("mid_body", {"truncate": 10}, False),
    ],
)
def test_a_reset_is_a_tcp_reset_and_a_truncation_is_none(
    cloud: Any, phase: str, action: dict[str, Any], resets: bool
) -> None:
    """On the plain port: over TLS, Python's ssl reports an end of file for either."""
    cloud.fault({"path": "/metadata/identity"}, phase, **action)
    url = f"{cloud.sandbox.cloud.metadata_url}/metadata/identity/oauth2/token"
    query = {"api-version": "2018-02-01", "resource": "https://vault.azure.net"}
    with pytest.raises(httpx.TransportError) as caught:
        httpx.get(url, params=query, headers={"Metadata": "true"}, trust_env=False)
    assert was_reset(caught.value) is resets


def test_over_tls_a_reset_is_a_tcp_reset_as_well(cloud: Any) -> None:
    cloud.fault(GET_GROUP, "before", reset=True)
    proxy = httpx.URL(cloud.sandbox.environment["HTTPS_PROXY"])
    trust = ssl.create_default_context(cafile=cloud.sandbox.environment["SSL_CERT_FILE"])
    request = f"GET {cloud.group}?api-version=2024-10-01 HTTP/1.1\r\nHost: management.azure.com\r\n"
    request += f"Authorization: {cloud.sandbox.bearer('admin')['Authorization']}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", proxy.port)) as plain:
        plain.sendall(b"CONNECT management.azure.com:443 HTTP/1.1\r\n\r\n")
        plain.recv(1000)
        with trust.wrap_socket(plain, server_hostname="management.azure.com") as secure:
            secure.sendall(request.encode())
            with socket.socket(fileno=os.dup(secure.fileno())) as wire, pytest.raises(ConnectionResetError):
                drain(wire)


def test_a_truncated_message_is_whole_http_and_half_json(cloud: Any) -> None:
    cloud.fault(GET_GROUP, "after", truncate=10)
    answer = cloud.arm("GET", cloud.group)
    assert (answer.status_code, answer.headers["content-length"], len(answer.content)) == (200, "10", 10)
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_before_a_stall_there_is_silence_and_then_no_answer(cloud: Any) -> None:
    cloud.fault(PUT_JOB, "before", stall_seconds=0.5)
    began = time.monotonic()
    lost(cloud, "b-stall")
    assert time.monotonic() - began >= 0.5
    assert cloud.effects("/jobs/b-stall") == []


def test_after_a_stall_the_answer_is_late(cloud: Any) -> None:
    cloud.fault(PUT_JOB, "after", stall_seconds=0.5)
    began = time.monotonic()
    assert cloud.submit("a-stall").status_code == 201
    assert time.monotonic() - began >= 0.5


def test_a_client_that_gives_up_on_a_stalled_answer_finds_its_effect(cloud: Any) -> None:
    cloud.fault(PUT_JOB, "after", stall_seconds=30)
    url = f"https://management.azure.com{cloud.workspace}/jobs/a-late?api-version=2024-10-01"
    job, headers = cloud.job(), cloud.sandbox.bearer("admin")
    with pytest.raises(httpx.ReadTimeout):
        cloud.sandbox.http.put(url, json=job, headers=headers, timeout=2)
    assert cloud.effects("/jobs/a-late")[:1] == ["created"]


def test_a_stall_mid_body_delays_the_second_half(cloud: Any) -> None:
    whole = cloud.arm("GET", cloud.group).content
    cloud.fault(GET_GROUP, "mid_body", stall_seconds=0.5)
    began = time.monotonic()
    assert cloud.arm("GET", cloud.group).content == whole
    assert time.monotonic() - began >= 0.5


def test_a_fault_of_one_principal_spares_the_others(cloud: Any) -> None:
    cloud.fault({"object_id": cloud.object_id("other"), "count": None}, "before", status=503)
    assert cloud.arm("GET", cloud.group).status_code == 200
    assert cloud.arm("GET", cloud.group, who="other").status_code == 503


def test_strangers_are_refused_as_ever_and_not_counted(cloud: Any) -> None:
    cloud.fault({"path": "/jobs/stranger"}, "before", status=503)
    assert cloud.arm("PUT", "./jobs/stranger", cloud.job(), who="other").status_code == 403
    assert cloud.submit("stranger").status_code == 503


def test_a_total_outage_leaves_the_control_api_standing(cloud: Any) -> None:
    cloud.fault({"count": None}, "before", reset=True)
    for _ in range(3):
        with pytest.raises(httpx.TransportError):
            cloud.arm("GET", cloud.group)
    assert cloud.sandbox.control("DELETE", "/faults").status_code == 204
    assert cloud.arm("GET", cloud.group).status_code == 200


def test_an_unmodified_sdk_retries_through_a_fault_to_one_effect(cloud: Any, monkeypatch: Any) -> None:
    from azure.core.credentials import AccessToken
    from azure.keyvault.secrets import SecretClient

    class Admin:
        def get_token(self, *scopes: str, **options: Any) -> AccessToken:
            token = cloud.sandbox.token("admin", "https://vault.azure.net")
            return AccessToken(token, int(time.time()) + 3600)

    for name, value in cloud.sandbox.environment.items():
        monkeypatch.setenv(name, value)
    rule = cloud.fault({"method": "PUT", "host": "vault1.vault.azure.net"}, "before", status=503)
    with SecretClient("https://vault1.vault.azure.net", Admin(), retry_backoff_factor=0.1) as client:
        assert client.set_secret("retried", "value").name == "retried"
    assert cloud.effects("/secrets/retried") == ["set"]
    assert cloud.sandbox.control("GET", "/faults").json()["value"] == [{**rule, "seen": 2, "struck": 1}]


def test_the_request_log_names_the_rule_and_joins_the_ledger(cloud: Any) -> None:
    rule = cloud.fault(PUT_JOB, "after", status=500)
    cloud.submit("logged")
    struck = None
    # The line is written once the answer has gone out, so it may be behind the client.
    for _ in range(100):
        lines = [json.loads(line) for line in (cloud.data / "requests.jsonl").read_text().splitlines()]
        struck = next((line for line in lines if line["path"].endswith("/jobs/logged")), None)
        if struck is not None:
            break
        time.sleep(0.02)
    assert struck is not None
    assert (struck["fault"], struck["status"]) == (rule["id"], 500)
    created = next(row for row in cloud.ledger(kind="job") if row["subject"].endswith("/jobs/logged"))
    assert created["request_id"] == struck["request_id"]


def test_a_garbled_answer_has_its_length_and_wrong_bytes(cloud: Any) -> None:
    whole = cloud.arm("GET", cloud.group).content
    cloud.fault(GET_GROUP, "after", garble=3)
    answer = cloud.arm("GET", cloud.group)
    assert (answer.status_code, len(answer.content)) == (200, len(whole))
    assert sum(one != other for one, other in zip(answer.content, whole, strict=True)) == 3
    assert cloud.arm("GET", cloud.group).content == whole


def test_a_redirect_names_its_location_and_hides_the_effect(cloud: Any) -> None:
    cloud.fault(PUT_JOB, "after", redirect="https://elsewhere.example/jobs")
    answer = cloud.submit("redirected")
    assert (answer.status_code, answer.headers["location"]) == (307, "https://elsewhere.example/jobs")
    assert cloud.effects("/jobs/redirected")[:1] == ["created"]


def test_a_host_without_an_address_is_a_refused_connection_and_others_are_served(cloud: Any) -> None:
    rule = cloud.fault({"host": "graph.microsoft.com"}, "before", dns_fail=True)
    settings = {"proxy": cloud.sandbox.environment["HTTPS_PROXY"], "trust_env": False}
    context = ssl.create_default_context(cafile=cloud.sandbox.environment["SSL_CERT_FILE"])
    with httpx.Client(verify=context, **settings) as client:
        with pytest.raises(httpx.ProxyError, match="502"):
            client.get("https://graph.microsoft.com/v1.0/applications")
        assert client.get("https://graph.microsoft.com/v1.0/applications").status_code == 401
        assert client.get(f"https://management.azure.com{cloud.group}").status_code == 401
    (shown,) = cloud.sandbox.control("GET", "/faults").json()["value"]
    assert (shown["id"], shown["seen"], shown["struck"]) == (rule["id"], 2, 1)


def test_a_fault_waits_for_its_event(cloud: Any) -> None:
    event = {"ledger": {"kind": "job", "effect": "created", "subject": "/jobs/trigger$"}}
    cloud.fault({**GET_GROUP, "after_event": event}, "before", status=503)
    assert cloud.arm("GET", cloud.group).status_code == 200
    cloud.submit("trigger", "exit 0")
    assert [cloud.arm("GET", cloud.group).status_code for _ in range(2)] == [503, 200]
