# SPDX-License-Identifier: Apache-2.0
"""The whole examination: a row for each plane, and the cause, where there is one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from airflow_provider_azureml.checks import account, data, registry, running, sign_in, vault, workspace
from airflow_provider_azureml.checks.case import Case
from airflow_provider_azureml.checks.finding import Finding

EXPLAINED_BY: dict[int, tuple[int, ...]] = {
    **dict.fromkeys((1, 2, 5, 6, 7, 12, 13, 14), (1, 4)),
    **dict.fromkeys((3, 8), (3, 4)),
    4: (2, 4),
    **dict.fromkeys((9, 10, 11, 15, 37), (6, 4)),
    **dict.fromkeys((16, 17, 18), (5, 6)),
    **dict.fromkeys((19, 21, 23, 25), (8, 7)),
    **dict.fromkeys((20, 24, 26, 27, 28, 30), (7, 8)),
    38: (7,),
    **dict.fromkeys((31, 32, 33, 34, 36), (9,)),
}
"""By the number of a cause: the planes in which it shows, the most telling first."""


@dataclass(frozen=True)
class Verdict:
    """The cause, and the command that mends it.

    :param number: of the cause in the table; 0 where it was found without a refusal's text.
    """

    number: int
    plane: str
    cause: str
    mend: str


def findings(case: Case) -> Iterator[Finding]:
    """All nine planes, in the order in which a request passes them."""
    yield sign_in.assertion(case)
    yield sign_in.trust(case)
    yield sign_in.service_principal(case)
    yield sign_in.token(case)
    yield workspace.permission(case)
    if case.has_workspace:
        yield from running.run_identity(case)
        yield from data.places(case)
        yield from account.accounts(case)
    yield from vault.vaults(case)
    if case.has_workspace:
        yield from registry.registries(case)


def verdict(case: Case, found: list[Finding]) -> Verdict | None:
    """What is the matter: the refusal's own cause, mended where a plane shows it; else the first gap."""
    problems = [each for each in found if each.is_problem]
    refusal = case.refusal
    if refusal is None:
        first = problems[0] if problems else None
        return Verdict(0, f"plane {first.plane}", first.message, first.hint) if first else None
    for plane in EXPLAINED_BY.get(refusal.number, ()):
        for each in problems:
            if each.plane == plane and each.hint:
                return Verdict(refusal.number, refusal.plane, f"{refusal.cause} {each.message}", each.hint)
    return Verdict(refusal.number, refusal.plane, refusal.cause, refusal.mend)
