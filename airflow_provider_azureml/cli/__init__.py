# SPDX-License-Identifier: Apache-2.0
"""Commands for a terminal: `airflow-azureml ...` everywhere, `airflow azureml ...` from Airflow 3.2 on."""
