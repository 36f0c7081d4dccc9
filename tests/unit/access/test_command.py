# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import shlex

from airflow_provider_azureml.access.command import giving


def test_a_plain_scope_stays_as_it_is_and_a_role_of_several_words_is_quoted() -> None:
    assert giving("o-1", "Key Vault Secrets User", "/subscriptions/s") == (
        "az role assignment create --assignee-object-id o-1 --assignee-principal-type ServicePrincipal "
        "--role 'Key Vault Secrets User' --scope /subscriptions/s"
    )


def test_a_shell_reads_what_was_meant_whatever_the_names_hold() -> None:
    role, scope = "Bob's role", "/subscriptions/s/resourceGroups/team (dev)"
    words = shlex.split(giving("o-1", role, scope, "--condition", "(a OR 'b')"))
    assert words[-6:] == ["--role", role, "--scope", scope, "--condition", "(a OR 'b')"]
