# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from airflow_provider_azureml.access.evaluate import Decision
from airflow_provider_azureml.checks.barrier import is_deny, mend

DENY = "/subscriptions/s/providers/Microsoft.Authorization/denyAssignments/d"


def test_who_lacks_a_role_gets_it() -> None:
    decision = Decision("DENIED", "no role")
    assert not is_deny(decision)
    assert mend(decision, "o-1", "AcrPull", "/r").endswith("--role AcrPull --scope /r")


def test_a_deny_assignment_is_named_with_who_may_have_made_it_and_no_command_that_fails() -> None:
    decision = Decision("DENIED", "a deny", DENY)
    told = mend(decision, "o-1", "AcrPull", "/r")
    assert is_deny(decision)
    assert DENY in told
    assert "deployment stack" in told
    assert not any(word in told for word in ("az rest", "delete --", "role assignment create"))
