# SPDX-License-Identifier: Apache-2.0
"""Airflow provider for Azure Machine Learning: an identity per task and no shared secret."""

__version__ = "0.1.0"
