# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from airflow_provider_azureml.errors import NotFoundError, ServiceError
from airflow_provider_azureml.rest import lease
from airflow_provider_azureml.rest.lease import Lease, Register

URL = "https://a.blob.core.windows.net/leases/x.json"
DATE = "Tue, 14 Nov 2023 22:13:20 GMT"
REGISTER = Register((Lease("dag/run", "t", 5.0),), "", {"scope": "/s"}, 2)
CHANGED = (412, b"", {"x-ms-error-code": "ConditionNotMet"})


def missing(code):
    return (404, f"<Error><Code>{code}</Code></Error>".encode(), {"date": DATE})


def test_a_register_is_read_with_azures_own_time(play) -> None:
    headers = {"date": DATE, "last-modified": "Tue, 14 Nov 2023 22:13:10 GMT", "etag": '"1"'}
    seen = play(lease.read(URL), (200, REGISTER.to_bytes(), headers)).result
    assert (seen.register, seen.etag, seen.now, seen.age) == (REGISTER, '"1"', 1_700_000_000.0, 10.0)


def test_no_blob_is_an_empty_register_but_no_container_is_an_error(play) -> None:
    seen = play(lease.read(URL), missing("BlobNotFound")).result
    assert (seen.register, seen.etag) == (Register(), "")
    with pytest.raises(NotFoundError):
        play(lease.read(URL), missing("ContainerNotFound"))


@pytest.mark.parametrize("content", [b"", b"[]", b'{"leases": [{"x": 1}]}', b"\xff"])
def test_a_blob_that_is_none_of_ours_is_an_error(content, play) -> None:
    with pytest.raises(ServiceError, match="no register of leases"):
        play(lease.read(URL), (200, content, {}))


def test_it_is_written_only_where_nobody_has_written_since(play) -> None:
    first = play(lease.write(URL, REGISTER, ""), (201, b"")).requests[0]
    later = play(lease.write(URL, REGISTER, '"1"'), (201, b"")).requests[0]
    assert first.headers["If-None-Match"] == "*"
    assert later.headers["If-Match"] == '"1"'


def test_a_write_that_was_overtaken_says_so(play) -> None:
    assert play(lease.write(URL, REGISTER, '"1"'), CHANGED, (200, Register().to_bytes(), {})).result is False
    taken = (409, b"<Error><Code>BlobAlreadyExists</Code></Error>")
    assert play(lease.write(URL, REGISTER, ""), taken, missing("BlobNotFound")).result is False


def test_a_write_whose_answer_was_lost_finds_itself(play) -> None:
    assert play(lease.write(URL, REGISTER, '"1"'), CHANGED, (200, REGISTER.to_bytes(), {})).result is True


def test_it_is_removed_as_it_was_read_or_not_at_all(play) -> None:
    assert play(lease.remove(URL, '"1"'), (202, b"")).result is True
    assert play(lease.remove(URL, '"1"'), missing("BlobNotFound")).result is True
    assert play(lease.remove(URL, '"1"'), CHANGED).result is False


def test_a_lake_is_written_at_its_blob_endpoint() -> None:
    assert lease.folder_url("https://a.dfs.core.windows.net", "leases") == (
        "https://a.blob.core.windows.net/leases"
    )
