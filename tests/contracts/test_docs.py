# SPDX-License-Identifier: Apache-2.0
"""The documentation says what the code does: generated pages are fresh, links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.generate_reference import HERE, pages

ROOT = Path(__file__).parents[2]
MARKDOWN = sorted(
    path for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("sandbox/*.md"))
)


@pytest.mark.parametrize(
    "name", ["command-line.md", "configuration.md", "connection.md", "manifest.md", "operators.md"]
)
def test_the_reference_is_what_the_code_says_now(name):
    assert sorted(path.name for path in HERE.iterdir()) == sorted(pages())
    assert (HERE / name).read_text(encoding="utf8") == pages()[name], "run: python docs/generate_reference.py"


@pytest.mark.parametrize("page", MARKDOWN, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_files_lead_somewhere(page):
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_every_make_target_that_the_readme_names_exists():
    makefile = (ROOT / "Makefile").read_text()
    named = set(re.findall(r"\bmake ([a-z]+)", (ROOT / "README.md").read_text()))
    assert {"demo", "test", "up", "bench"} <= named
    assert {target for target in named if not re.search(rf"^{target}:", makefile, re.MULTILINE)} == set()


def test_ci_calls_the_test_command_of_the_readme():
    assert "make test" in (ROOT / ".ci" / "run").read_text()
