# SPDX-License-Identifier: Apache-2.0
"""Federated credentials: those declared against those that Entra has, field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from airflow_provider_azureml.access.declared import Federated
from airflow_provider_azureml.access.row import EXTRA, MISMATCH, MISSING, OK, UNKNOWN
from airflow_provider_azureml.rest.graph import FederatedCredential

FIELDS = ("issuer", "subject", "audience")


@dataclass(frozen=True)
class Trust:
    """What came of one.

    :param field: the one that differs, of a mismatch.
    """

    what: str
    state: str
    reason: str
    field: str = ""


def compare(
    declared: Sequence[Federated],
    held: Sequence[FederatedCredential],
    entra: str,
    identities: Mapping[str, str] | None,
) -> Iterator[Trust]:
    """Each declared one, then those that nobody declared.

    :param entra: issuer URL of the tenant itself.
    :param identities: object id by name of a managed identity; None where they could not be read.
    """
    left = list(held)
    for each in declared:
        wanted = _wanted(each, entra, identities)
        if wanted is None:
            yield Trust(_what(each.name), UNKNOWN, f"no managed identity '{each.identity}' is known")
            continue
        found = _nearest(each.name, wanted, left)
        if found is None:
            yield Trust(_what(each.name), MISSING, f"nobody vouches as {wanted[1]} of {wanted[0]}")
            continue
        left.remove(found)
        yield _judged(each.name, wanted, found)
    for other in left:
        told = other.subject or other.expression
        yield Trust(_what(other.name), EXTRA, f"{told} of {other.issuer} may sign in as it")


def _what(name: str) -> str:
    return f"trust '{name}'"


def _wanted(each: Federated, entra: str, identities: Mapping[str, str] | None) -> tuple[str, str, str] | None:
    subject = each.subject
    if each.identity:
        subject = (identities or {}).get(each.identity.lower(), "")
    return (each.issuer or entra, subject, each.audience) if subject else None


def _values(found: FederatedCredential) -> tuple[str, str, str]:
    return found.issuer, found.subject, found.audiences[0] if found.audiences else ""


def _nearest(
    name: str, wanted: tuple[str, str, str], held: Sequence[FederatedCredential]
) -> FederatedCredential | None:
    """The same one; else that of the same name; else one that differs in one field only."""
    for each in held:
        if _values(each) == wanted:
            return each
    for each in held:
        if each.name == name:
            return each
    near = [each for each in held if sum(a != b for a, b in zip(_values(each), wanted, strict=True)) == 1]
    return near[0] if near else None


def _judged(name: str, wanted: tuple[str, str, str], found: FederatedCredential) -> Trust:
    for field, mine, theirs in zip(FIELDS, wanted, _values(found), strict=True):
        if mine != theirs:
            reason = f"Entra has '{theirs}', the manifest '{mine}'; every letter counts"
            return Trust(_what(name), MISMATCH, reason, field)
    return Trust(_what(name), OK, f"{wanted[1]} of {wanted[0]}")
