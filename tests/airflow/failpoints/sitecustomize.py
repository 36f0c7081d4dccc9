# SPDX-License-Identifier: Apache-2.0
"""Python loads this at its start where this folder stands first on PYTHONPATH: only in processes of tests."""

from __future__ import annotations

import os

if os.environ.get("AZML_FAILPOINTS"):
    import failpoint

    failpoint.install()
