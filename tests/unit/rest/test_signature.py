# SPDX-License-Identifier: Apache-2.0
"""Texts of other packages, without the signatures of addresses."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from airflow_provider_azureml.rest.signature import redact_logs, without_signatures

ADDRESS = "https://a.blob.core.windows.net/c/x.txt?sv=2025-07-05&sig=ab%2Bc%3D&sp=r"
HIDDEN = "https://a.blob.core.windows.net/c/x.txt?sv=2025-07-05&sig=***&sp=r"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (ADDRESS, HIDDEN),
        (
            "Max retries exceeded with url: /c?SIG=ab%2B (Caused by x)",
            "Max retries exceeded with url: /c?SIG=*** (Caused by x)",
        ),
        ('"GET /c?sig=ab%2B HTTP/1.1" 200', '"GET /c?sig=*** HTTP/1.1" 200'),
        (f"{ADDRESS} {ADDRESS}", f"{HIDDEN} {HIDDEN}"),
        ("design=x; no address", "design=x; no address"),
    ],
)
def test_a_signature_is_cut_out_and_the_rest_stays(text: str, shown: str) -> None:
    assert without_signatures(text) == shown


@pytest.fixture
def talkative(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> Iterator[logging.Logger]:
    logger = logging.getLogger(request.param)
    with caplog.at_level(logging.DEBUG, request.param):
        yield logger


@pytest.mark.parametrize("talkative", ["urllib3.connectionpool", "urllib3.util.retry"], indirect=True)
def test_what_urllib3_logs_of_an_address_has_no_signature(
    talkative: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    redact_logs()
    talkative.debug('%s "%s %s"', "host", "GET", ADDRESS)
    talkative.debug("%d retries", 3)
    assert [record.getMessage() for record in caplog.records] == [f'host "GET {HIDDEN}"', "3 retries"]


def test_redacting_twice_adds_nothing() -> None:
    redact_logs()
    before = list(logging.getLogger("urllib3.connectionpool").filters)
    redact_logs()
    assert logging.getLogger("urllib3.connectionpool").filters == before
