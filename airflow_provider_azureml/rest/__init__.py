# SPDX-License-Identifier: Apache-2.0
"""Azure as HTTP: flows that yield requests and return frozen records. No sockets, no Airflow."""
