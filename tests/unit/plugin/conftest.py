# SPDX-License-Identifier: Apache-2.0
"""Airflow's API server warns while it is imported, of its own packages: that is no matter of these tests."""

from __future__ import annotations

import importlib
import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    importlib.import_module("airflow.api_fastapi.app")
