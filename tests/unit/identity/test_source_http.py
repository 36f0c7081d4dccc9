# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from airflow_provider_azureml.errors import DeniedError, UnreachableError
from airflow_provider_azureml.identity.source_http import ask, refusal, unreadable
from airflow_provider_azureml.rest.flow import Request
from tests.unit.identity.flows import drive, federated, said

OWN = federated("gcp_metadata")
AWS_ERROR = (
    b'<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>'
    b"<Code>%s</Code><Message>not you</Message></Error><RequestId>r</RequestId></ErrorResponse>"
)


def asked(status: int, body: object) -> None:
    drive(ask(OWN, Request("POST", "https://sts.example/?q=1"), "Dex"), said(status, body))


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"error": "invalid_client", "error_description": "no such key"}, ("invalid_client", "no such key")),
        ({"errorCode": "E0000021", "errorSummary": "Bad media"}, ("E0000021", "Bad media")),
        (
            {"__type": "com.amazonaws#NotAuthorizedException", "message": "no"},
            ("NotAuthorizedException", "no"),
        ),
        (AWS_ERROR % b"AccessDenied", ("AccessDenied", "not you")),
        (b"<html>login</html>", ("HTTP400", "")),
        (b"secret text", ("HTTP400", "")),
        ([1], ("HTTP400", "")),
    ],
)
def test_a_refusal_is_read_in_every_dialect(body: object, found: tuple[str, str]) -> None:
    assert refusal(said(400, body)) == found


def test_a_refusal_says_who_did_not_vouch_for_whom() -> None:
    with pytest.raises(DeniedError, match="Dex did not vouch for connection 'c1': no such key") as caught:
        asked(400, {"error": "invalid_client", "error_description": "no such key"})
    assert (caught.value.status, caught.value.code) == (401, "invalid_client")
    assert "q=1" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "body"), [(503, b""), (429, {"error": "slow"}), (400, AWS_ERROR % b"Throttling")]
)
def test_what_may_be_better_later_is_no_refusal(status: int, body: object) -> None:
    with pytest.raises(UnreachableError):
        asked(status, body)


def test_an_answer_of_another_kind_is_not_shown() -> None:
    assert "Dex answered something else" in str(unreadable(OWN, "Dex", "GET x"))
