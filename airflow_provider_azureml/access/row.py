# SPDX-License-Identifier: Apache-2.0
"""One line of a comparison: what was declared, what Azure has, and whether it is allowed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from airflow_provider_azureml.access.evaluate import Decision
from airflow_provider_azureml.access.scope import short

OK, MISSING, EXTRA, MISMATCH, UNKNOWN = "OK", "MISSING", "EXTRA", "MISMATCH", "UNKNOWN"
CROSSING, BY_HAND, REFUSED = "CROSSING", "BY HAND", "REFUSED"
HARMLESS = frozenset({OK, REFUSED})
"""States that are no findings: as declared, and refused on purpose."""
ENTRA, ARM, DATA, VAULT = "Entra", "ARM", "data", "vault"
_WORST = ("DENIED", "UNKNOWN", "CONDITIONAL", "ALLOWED")


@dataclass(frozen=True)
class Row:
    """One line.

    :param part: `submitter`, `run` or `reader`.
    :param what: role, action or trust, for a person.
    :param scope: ARM id, empty where there is none.
    :param state: of the manifest against Azure.
    :param verdict: whether Azure allows it, empty where that is no question.
    :param field: what differs, of a MISMATCH.
    :param mend: a command, of what is EXTRA in Entra.
    """

    identity: str
    part: str
    plane: str
    what: str
    scope: str
    state: str
    verdict: str = ""
    reason: str = ""
    field: str = ""
    mend: str = ""

    @property
    def is_finding(self) -> bool:
        """Whether somebody should look at it."""
        return self.state not in HARMLESS

    @property
    def state_text(self) -> str:
        """The state as it is printed."""
        return f"{self.state}({self.field})" if self.field else self.state

    def to_dict(self) -> dict[str, str]:
        """For JSON."""
        return asdict(self)

    def cells(self) -> tuple[str, ...]:
        """For a table."""
        place = short(self.scope) if self.scope else "-"
        return (
            self.identity,
            self.part,
            self.plane,
            self.what,
            place,
            self.verdict or "-",
            self.state_text,
            self.reason,
        )


HEAD = ("IDENTITY", "PART", "PLANE", "WHAT", "SCOPE", "VERDICT", "STATE", "WHY")


def plane_of(scope: str) -> str:
    """The plane in which a role at a scope counts."""
    lower = scope.lower()
    if "/microsoft.keyvault/" in lower:
        return VAULT
    return DATA if "/storageaccounts/" in lower else ARM


def worst(decisions: Iterable[Decision]) -> Decision:
    """The decision that counts when all must be allowed."""
    found = list(decisions)
    for verdict in _WORST:
        for decision in found:
            if decision.verdict == verdict:
                return decision
    return Decision("UNKNOWN", "nothing was asked")
