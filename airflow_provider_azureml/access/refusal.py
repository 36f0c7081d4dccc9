# SPDX-License-Identifier: Apache-2.0
"""One kind of refusal; the table of them is `table.py`."""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """One kind of refusal.

    :param number: of the row in the table of causes; a cause that is told by several texts has several rows.
    :param plane: where it was refused: Entra (exists, can log in), ARM (roles on workspace, vault and storage
        account), data (roles, ACLs, key mode, firewall of the lake), vault.
    :param confirm: what tells that it is this cause.
    """

    number: int
    pattern: str
    plane: str
    cause: str
    confirm: str
    mend: str


ROLE = "az role assignment create --assignee {who}"
NEW_GRANT = "A grant younger than 10 minutes may not have arrived yet: then wait and retry."
