# SPDX-License-Identifier: Apache-2.0
"""A small world in one process: an Azure, an Airflow, and the processes of workers and triggerers.

The product runs as shipped. What is replaced is not ours: Python's clock, azure-core's transports and
Airflow's line to its supervisor. What happened is read from the sandbox's ledger and nowhere else.
Start with `world.py`; `engine.py` says what a process is here, `oracle.py` what may never happen.
"""
