# SPDX-License-Identifier: Apache-2.0
"""``${{inputs.x}}``, ``${{outputs.y}}`` and the optional ``$[[ ... ]]`` of a job's command."""

from __future__ import annotations

import re
from collections.abc import Mapping

from azure_sandbox.services.machinelearning.records import JobFailure

_EXPRESSION = re.compile(r"\$\{\{\s*(inputs|outputs)\.([\w.\-]+)\s*\}\}")
_OPTIONAL = re.compile(r"\$\[\[(.*?)\]\]", re.DOTALL)


def substitute(text: str, inputs: Mapping[str, str], outputs: Mapping[str, str]) -> str:
    """The text with every expression replaced; an optional segment goes when an input in it is absent.

    :raises JobFailure: where the text names an input or output that the job does not have
    """
    known = {"inputs": inputs, "outputs": outputs}

    def optional(found: re.Match[str]) -> str:
        names = _EXPRESSION.findall(found[1])
        return found[1] if all(name in known[group] for group, name in names) else ""

    def value(found: re.Match[str]) -> str:
        group, name = found.groups()
        if name not in known[group]:
            raise JobFailure(
                f"The job refers to ${{{{{group}.{name}}}}}, but it has no {group[:-1]} of that name.",
                inner="InvalidExpression",
            )
        return known[group][name]

    return _EXPRESSION.sub(value, _OPTIONAL.sub(optional, text))
