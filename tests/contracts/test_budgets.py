# SPDX-License-Identifier: Apache-2.0
"""Size budgets and naming rules of the house (CONTRIBUTING.md): a longer file or function is split."""

from __future__ import annotations

import ast
import re
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE = ("airflow_provider_azureml", "sandbox/azure_sandbox", "demo")
LONGEST_FILE = 400
LONGEST_FUNCTION = 40
MEDIAN_FUNCTION = 7
MOST_OPERATOR_PARAMETERS = 12
BANNED_NAMES = {"utils", "helpers", "common", "misc", "manager"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def sources() -> list[Path]:
    return sorted(path for folder in CODE for path in (ROOT / folder).rglob("*.py"))


def functions(path: Path) -> Iterator[Function]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
        if isinstance(node, Function):
            yield node


def body_lines(function: Function) -> int:
    """Lines of a function without its docstring, comments included."""
    first, last = function.body[0], function.body[-1]
    lines = (last.end_lineno or 0) - function.lineno + 1
    if ast.get_docstring(function) is not None:
        lines -= (first.end_lineno or 0) - first.lineno + 1
    return lines


def test_no_file_is_longer_than_the_budget():
    too_long = {
        str(p.relative_to(ROOT)): n
        for p in sources()
        if (n := len(p.read_text().splitlines())) > LONGEST_FILE
    }
    assert too_long == {}


def test_no_function_is_longer_than_the_budget():
    too_long = [
        f"{path.relative_to(ROOT)}:{function.lineno} {function.name} has {length} lines"
        for path in sources()
        for function in functions(path)
        if (length := body_lines(function)) > LONGEST_FUNCTION
    ]
    assert too_long == []


@pytest.mark.parametrize("folder", CODE)
def test_the_median_function_is_short(folder):
    lengths = [body_lines(f) for path in (ROOT / folder).rglob("*.py") for f in functions(path)]
    assert statistics.median(lengths) <= MEDIAN_FUNCTION


def test_no_module_has_a_name_that_says_nothing():
    assert [str(p) for p in sources() if p.stem in BANNED_NAMES or p.parent.name in BANNED_NAMES] == []


def test_every_source_file_states_its_licence_in_the_first_line():
    marker = "# SPDX-License-Identifier: Apache-2.0"
    missing = [
        str(p.relative_to(ROOT))
        for p in sources()
        if p.read_text().splitlines()[:1] != [marker] and p.stat().st_size
    ]
    assert missing == []


def test_operators_and_sensors_have_few_parameters_of_their_own():
    crowded = []
    for folder in ("operators", "sensors"):
        for path in (ROOT / "airflow_provider_azureml" / folder).glob("*.py"):
            for function in functions(path):
                own = len(function.args.kwonlyargs) + len(function.args.args) - 1
                if function.name == "__init__" and own > MOST_OPERATOR_PARAMETERS:
                    crowded.append(f"{path.name}: {own}")
    assert crowded == []


def test_every_module_of_the_provider_has_a_test_of_its_own():
    """``rest/job.py`` is tested by ``tests/unit/rest/test_job.py``; packages need none."""
    package = ROOT / "airflow_provider_azureml"
    missing = []
    for path in package.rglob("*.py"):
        relative = path.relative_to(package)
        mirror = ROOT / "tests" / "unit" / relative.parent / f"test_{relative.name}"
        if path.name != "__init__.py" and not mirror.exists():
            missing.append(str(relative))
    assert missing == []


def test_public_classes_and_functions_of_the_provider_have_docstrings():
    missing = []
    for path in (ROOT / "airflow_provider_azureml").rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf8")).body:
            public = isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_")
            if public and ast.get_docstring(node) is None:
                missing.append(f"{path.relative_to(ROOT)}: {node.name}")
    assert missing == []


def test_azure_ai_ml_is_imported_in_one_file_and_only_inside_functions():
    """It clashes with Airflow's own pins and keeps the cloud in a global: docs/decisions/0001, 0002."""
    importing = []
    for path in sources():
        tree = ast.parse(path.read_text(encoding="utf8"))
        allowed = path.match("spec/sdk.py")
        for node in tree.body if allowed else ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            importing += [f"{path.name}:{node.lineno}" for name in names if name.startswith("azure.ai")]
    assert importing == []


def test_no_line_of_the_product_waives_a_rule():
    """A rule that does not fit is switched off in ``pyproject.toml``, with its reason beside it."""
    waiver = re.compile(r"#\s*(noqa|type: ignore|pragma: no cover)")
    waived = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in sources()
        for number, line in enumerate(path.read_text(encoding="utf8").splitlines(), 1)
        if waiver.search(line)
    ]
    assert waived == []
