# SPDX-License-Identifier: Apache-2.0
"""The demo: a real Airflow and a local Azure, one nightly run, and what came of it."""
