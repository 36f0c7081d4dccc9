# SPDX-License-Identifier: Apache-2.0
"""Signatures of addresses (SAS) stay out of texts that other packages write.

urllib3 logs each address with its query at level DEBUG, and names it in errors; Airflow's masker does
not know a signature in its URL-encoded form.
"""

from __future__ import annotations

import logging
import re

_SIGNATURE = re.compile(r"([?&]sig=)[^&\s'\")]+", re.IGNORECASE)
_TALKATIVE = ("urllib3.connectionpool", "urllib3.util.retry")


def without_signatures(text: str) -> str:
    """The text, with `***` for the signature of every address in it."""
    return _SIGNATURE.sub(r"\1***", text)


class _Redaction(logging.Filter):
    """Lets every record pass, without signatures."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        redacted = without_signatures(message)
        if redacted != message:
            record.msg, record.args = redacted, ()
        return True


_REDACTION = _Redaction()


def redact_logs() -> None:
    """Redact what the HTTP package of the sync driver logs; doing it twice changes nothing."""
    for name in _TALKATIVE:
        logging.getLogger(name).addFilter(_REDACTION)
