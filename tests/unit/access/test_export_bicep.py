# SPDX-License-Identifier: Apache-2.0
"""Bicep through a parser of the forms that are used. Nothing here was compiled by Bicep, and the text says so."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from airflow_provider_azureml.access.export import Export
from airflow_provider_azureml.access.export_bicep import UNPROVEN, module, text
from airflow_provider_azureml.access.manifest import load
from tests.unit.access.bicep import Declaration, Parser
from tests.unit.access.manifests import SOUND, TRAIN, changed


def files(content: Any = SOUND) -> dict[str, list[Declaration]]:
    whole = module(Export.of(load(content, "access.yaml")))
    main, *others = whole.split("// ---- file ")
    parsed = {"access.bicep": Parser(main).file()}
    return {**parsed, **{other.split("\n")[0]: Parser(other.partition("\n")[2]).file() for other in others}}


def names(expression: Any) -> set[str]:
    """Symbols that an expression refers to."""
    if isinstance(expression, dict):
        return set().union(*map(names, expression.values())) if expression else set()
    if isinstance(expression, list):
        return set().union(*map(names, expression)) if expression else set()
    if isinstance(expression, tuple) and len(expression) == 2 and isinstance(expression[1], list):
        return names(expression[1])
    return {expression[0]} if isinstance(expression, tuple) else set()


@pytest.mark.parametrize(
    "content",
    [
        SOUND,
        changed(
            f"{TRAIN}/run/federated",
            [{"name": f"pod-{n}", "issuer": "cluster", "subject": "s"} for n in (1, 2)],
        ),
        changed(f"{TRAIN}/run/existing", True),
        changed(f"{TRAIN}/submitter/roles/*/scope", "subscription"),
        changed(f"{TRAIN}/submitter/roles/*/scope", "group:nightly"),
        changed("location", None),
    ],
)
def test_every_file_parses_and_refers_only_to_what_it_declares(content: Any) -> None:
    for name, declarations in files(content).items():
        declared = {each.symbol for each in declarations}
        assert len(declared - {""}) == sum(each.symbol != "" for each in declarations), name
        for each in declarations:
            assert names(each.value) <= declared, (name, each.symbol)


def test_each_module_is_a_file_and_gets_the_parameters_that_it_has() -> None:
    found = files()
    for each in found["access.bicep"]:
        if each.kind == "module":
            wanted = {other.symbol for other in found[each.what] if other.kind == "param"}
            assert set(each.value["params"]) == wanted
    assert {"access.bicep", "access_nightly.bicep", "access_other.bicep"} == set(found)


def test_there_is_an_assignment_for_each_grant() -> None:
    kinds = [each.what.partition("@")[0] for declarations in files().values() for each in declarations]
    assert kinds.count("Microsoft.Authorization/roleAssignments") == 6
    assert kinds.count("Microsoft.Authorization/roleDefinitions") == 2


def test_no_text_becomes_an_expression() -> None:
    content = copy.deepcopy(SOUND)
    content["roles"]["Watcher"]["description"] = "x' } ${evil} \\"
    assert files(content)
    assert text("a'${b}\n") == r"'a\'\${b}\n'"


def test_its_head_says_that_it_was_never_deployed() -> None:
    assert UNPROVEN in module(Export.of(load(SOUND, "access.yaml"))).split("targetScope")[0]
    assert "nor deployed" in UNPROVEN


@pytest.mark.parametrize(
    "broken", ["resource a 'b' = {", "param", "x y 'z' = 1", "resource a 'b' = {\n c\n}", "§"]
)
def test_the_parser_refuses_what_is_no_bicep(broken: str) -> None:
    with pytest.raises((ValueError, IndexError)):
        Parser(broken).file()
