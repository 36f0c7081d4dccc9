# SPDX-License-Identifier: Apache-2.0
"""A job's environment is readable by everyone who may read the job: a secret has no place in it.

Providers whose jobs could not be given an identity taught people to do that (apache/airflow#58362). Here a job
has one: it reads the secret itself, from an address that is no secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from airflow_provider_azureml.spec.field import Fields

_NAMES = re.compile(
    r"(^|_)(SECRET|PASSWORD|PASSWD|PWD|PASSPHRASE|TOKEN|CREDENTIALS?|(API|ACCESS|ACCOUNT|PRIVATE|STORAGE|SAS)_?KEY"
    r"|CONNECTION_?STRING|SECRET_ACCESS_KEY)$",
    re.IGNORECASE,
)
_VALUES = re.compile(r"AccountKey=|SharedAccessSignature=|[?&]sig=|-----BEGIN [A-Z ]*PRIVATE KEY")
_MEND = (
    "Give the job an 'identity' that may read it (Key Vault Secrets User), and its address: "
    "https://<vault>.vault.azure.net/secrets/<name>."
)


def refuse_secrets(fields: Fields, variables: Mapping[str, str] | None) -> None:
    """Raise ConfigurationError for a variable that holds a secret, by its name or its look; never its value."""
    for name, value in (variables or {}).items():
        if is_secret(name, value):
            where = f"environment_variables.{name}"
            raise fields.error(where, "looks like a secret, which every reader of the job sees.", _MEND)


def is_secret(name: str, value: str) -> bool:
    """Whether a variable looks like one; an address, a reference and an empty text do not."""
    if _VALUES.search(value):
        return True
    harmless = not value or value.startswith(("https://", "${{", "azureml:", "/"))
    return bool(_NAMES.search(name)) and not harmless
