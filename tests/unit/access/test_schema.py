# SPDX-License-Identifier: Apache-2.0
"""The schema that editors read, and the loader, say the same of every document (tests/unit/access/manifests.py)."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from airflow_provider_azureml.access.schema import flaws, manifest_schema, resolved
from tests.unit.access.manifests import GUID, MEANINGS, SHAPES, SOUND, TRAIN, changed

EDITOR = Draft202012Validator(manifest_schema())
GOOD = [
    SOUND,
    changed("issuers", None),
    changed("vaults/nightlyvault", {}),
    changed(f"{TRAIN}/run", None),
    changed(f"{TRAIN}/submitter/client_id", GUID),
    changed(f"{TRAIN}/submitter/graph", ["Application.ReadWrite.OwnedBy"]),
    changed("identities", {}),
    *(changed(path, value) for path, value, _ in MEANINGS),
]
BAD = [*(changed(path, value) for path, value, _ in SHAPES), None, [], "text", 1]


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(dict(manifest_schema()))


@pytest.mark.parametrize("content", GOOD)
def test_what_the_schema_takes_the_loader_takes(content: Any) -> None:
    assert (EDITOR.is_valid(content), list(flaws(content))) == (True, [])


@pytest.mark.parametrize("content", BAD)
def test_what_the_schema_refuses_the_loader_refuses_in_the_same_place(content: Any) -> None:
    places = {tuple(error.absolute_path) for error in EDITOR.iter_errors(content)}
    found = list(flaws(content))
    assert places
    assert {flaw.path for flaw in found} | {flaw.path[:-1] for flaw in found} >= places


def test_every_field_has_a_description_for_the_reference() -> None:
    parts = [manifest_schema(), *manifest_schema()["$defs"].values()]
    fields = [
        (name, resolved(field)) for part in parts for name, field in (part.get("properties") or {}).items()
    ]
    assert [name for name, field in fields if not field.get("description")] == []
    assert len(fields) > 30


def test_only_keywords_that_the_loader_knows_are_used() -> None:
    known = {"type", "const", "enum", "pattern", "minLength", "maxItems", "required", "oneOf", "not", "items"}
    known |= {"properties", "additionalProperties", "$ref", "description", "$defs", "$schema", "title"}

    def keywords(part: Any) -> set[str]:
        inner = [*(part.get("properties") or {}).values(), *(part.get("$defs") or {}).values()]
        inner += [
            part[name] for name in ("items", "additionalProperties") if isinstance(part.get(name), dict)
        ]
        return set(part).union(*map(keywords, inner))

    assert keywords(manifest_schema()) <= known
