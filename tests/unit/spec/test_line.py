# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from airflow_provider_azureml.spec.line import lines_of

TEXT = """\
# a comment
version: 1
identities:
  train:
    tasks:
      - a
      - b
    more: &x {deep: 1}
  other: *x
"""


def test_each_value_has_the_line_of_its_name() -> None:
    lines = lines_of(TEXT)
    assert lines[("version",)] == 2
    assert lines[("identities", "train")] == 4
    assert lines[("identities", "train", "tasks", 1)] == 7
    assert lines[("identities", "train", "more", "deep")] == 8
    assert lines[("identities", "other")] == 9


def test_an_empty_text_has_no_lines() -> None:
    assert lines_of("") == {}


def test_aliases_of_aliases_are_walked_once() -> None:
    bomb = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9) if n else 'x'}]" for n in range(12))
    assert len(lines_of(bomb)) < 200
