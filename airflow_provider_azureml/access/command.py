# SPDX-License-Identifier: Apache-2.0
"""Commands that mend access, as a shell reads them: names of groups and roles hold blanks and parentheses."""

from __future__ import annotations

import shlex


def giving(object_id: str, role: str, scope: str, *more: str) -> str:
    """The command that gives a role at a scope.

    :param object_id: of a service principal or managed identity; a blank like `<object id>` is quoted, too.
    :param more: options and their values, each a word.
    """
    words = ("--role", role, "--scope", scope, *more)
    return (
        f"az role assignment create --assignee-object-id {shlex.quote(object_id)} "
        f"--assignee-principal-type ServicePrincipal {shlex.join(words)}"
    )
