# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from airflow_provider_azureml.audit.chain import BrokenLine, seal, unseal

RECORD = {"seq": 1, "text": 'ü "x"\n', "prev": "p"}


def test_a_sealed_record_comes_back() -> None:
    line, digest = seal(RECORD)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert unseal(line[:-1]) == (RECORD, digest)


def test_a_change_of_any_bit_breaks_the_line() -> None:
    line = seal(RECORD)[0][:-1]
    for place in range(len(line)):
        for bit in range(8):
            changed = line[:place] + bytes([line[place] ^ (1 << bit)]) + line[place + 1 :]
            with pytest.raises(BrokenLine):
                unseal(changed)


@pytest.mark.parametrize("line", [b"", b"{}", b'{"seq":1}', b"\xff" * 200])
def test_what_nobody_sealed_is_broken(line: bytes) -> None:
    with pytest.raises(BrokenLine):
        unseal(line)


def test_a_sealed_line_that_is_no_json_is_broken() -> None:
    import hashlib

    body = b'{"a":'
    forged = body + b',"hash":"' + hashlib.sha256(body).hexdigest().encode() + b'"}'
    with pytest.raises(BrokenLine, match="not JSON"):
        unseal(forged)
