# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from airflow_provider_azureml.access.roles import ROLES
from airflow_provider_azureml.hooks.verifying import BUILT_IN, LIFE, Memory


def test_an_answer_is_good_for_some_minutes_and_then_asked_for_again() -> None:
    now, asked = [0.0], list[int]()
    memory = Memory(clock=lambda: now[0])

    def ask() -> int:
        asked.append(1)
        return len(asked)

    assert [memory.ask(("k",), ask), memory.ask(("k",), ask)] == [1, 1]
    now[0] = LIFE - 1
    assert memory.ask(("k",), ask) == 1
    now[0] = LIFE
    assert memory.ask(("k",), ask) == 2


def test_what_is_forgotten_is_asked_for_again_and_the_rest_is_not() -> None:
    memory = Memory()
    for key in ("a", "b"):
        memory.ask((key,), lambda: 1)
    memory.forget(("a",))
    memory.forget(("never known",))
    assert [memory.ask((key,), lambda: 2) for key in ("a", "b")] == [2, 1]
    memory.clear()
    assert memory.ask(("b",), lambda: 3) == 3


def test_azures_own_roles_need_no_request() -> None:
    assert BUILT_IN[ROLES["Storage Blob Data Reader"].guid].name == "Storage Blob Data Reader"
    assert "AML Job Submitter" not in [role.name for role in BUILT_IN.values()]
