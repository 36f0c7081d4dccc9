# SPDX-License-Identifier: Apache-2.0
"""Conditions of role assignments, as a tree that says whether they hold; ``condition_parser`` builds it.

Source: "Azure role assignment condition format and syntax" (conditions-format.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from azure_sandbox.kernel.condition_attributes import NO_ATTRIBUTES, Attributes
from azure_sandbox.kernel.condition_operators import Comparison, Value, value_of
from azure_sandbox.kernel.patterns import matches_any


@dataclass(frozen=True)
class Asked:
    """What a condition looks at.

    :param sub_operation: for example ``Blob.List``; most operations have none
    """

    action: str
    attributes: Attributes = NO_ATTRIBUTES
    sub_operation: str = ""


class Node(Protocol):
    """A part of a condition."""

    def holds(self, asked: Asked) -> bool: ...


@dataclass(frozen=True)
class All:
    """AND."""

    parts: tuple[Node, ...]

    def holds(self, asked: Asked) -> bool:
        return all(part.holds(asked) for part in self.parts)


@dataclass(frozen=True)
class AnyOf:
    """OR."""

    parts: tuple[Node, ...]

    def holds(self, asked: Asked) -> bool:
        return any(part.holds(asked) for part in self.parts)


@dataclass(frozen=True)
class Not:
    """NOT."""

    part: Node

    def holds(self, asked: Asked) -> bool:
        return not self.part.holds(asked)


@dataclass(frozen=True)
class ActionMatches:
    """The action is meant by a pattern."""

    patterns: tuple[str, ...]

    def holds(self, asked: Asked) -> bool:
        return matches_any(self.patterns, asked.action)


@dataclass(frozen=True)
class SubOperationMatches:
    """The operation has this sub-operation."""

    patterns: tuple[str, ...]

    def holds(self, asked: Asked) -> bool:
        return matches_any(self.patterns, asked.sub_operation)


@dataclass(frozen=True)
class Attribute:
    """One side of a comparison: a value of the request. ``name`` is a key of ``condition_attributes``."""

    name: str

    def values(self, kind: str, asked: Asked) -> list[Value]:
        given = asked.attributes.get(self.name)
        several = given if isinstance(given, tuple) else (given,)
        return [value for value in (value_of(kind, one) for one in several) if value is not None]


@dataclass(frozen=True)
class Literals:
    """One side of a comparison: values that stand in the condition, of the operator's kind already."""

    content: tuple[Value, ...]

    def values(self, kind: str, asked: Asked) -> list[Value]:
        return list(self.content)


@dataclass(frozen=True)
class Exists:
    """The request has the attribute."""

    attribute: Attribute

    def holds(self, asked: Asked) -> bool:
        return asked.attributes.get(self.attribute.name) not in (None, ())


@dataclass(frozen=True)
class Compare:
    """An attribute, an operator, and what it is compared with."""

    left: Attribute | Literals
    comparison: Comparison
    right: Attribute | Literals

    def holds(self, asked: Asked) -> bool:
        kind = self.comparison.kind
        return self.comparison.holds(self.left.values(kind, asked), self.right.values(kind, asked))


@dataclass(frozen=True)
class Condition:
    """A whole condition.

    :param compares_guids: whether it has a GUID operator, which Azure does not allow beside data
        actions of storage
    """

    root: Node
    compares_guids: bool

    def holds(self, asked: Asked) -> bool:
        return self.root.holds(asked)
