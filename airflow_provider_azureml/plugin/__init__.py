# SPDX-License-Identifier: Apache-2.0
"""The page `Azure ML access` in Airflow's UI (3.1 and later): who may do what, and who did what."""
